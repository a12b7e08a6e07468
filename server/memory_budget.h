// How much memory a node may take: what --memory says, and what there is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace once::server {

// As given: so many bytes, or a part of what there is.
struct MemorySize {
  uint64_t bytes = 0;
  unsigned percent = 0;  // not 0: that, and `bytes` is not used
};

// "536870912", "512MiB" (KiB, GiB, TiB), "75%". Nothing else; errors say what to give.
Result<MemorySize> parse_memory(std::string_view text);

// The least limit on the way from this process's group up to the root, of both versions of cgroups;
// UINT64_MAX: none. `mount` as /sys/fs/cgroup, `self` as the content of /proc/self/cgroup.
uint64_t cgroup_limit(const std::string& mount, std::string_view self);

// The smaller of the machine's memory and the limit of its control group.
uint64_t memory_there_is();
uint64_t memory_there_is(const std::string& mount, std::string_view self);

// In bytes, at least what a node of so many cores needs.
Result<uint64_t> memory_for(const MemorySize& size, uint64_t there_is, uint16_t cores);

// What a node makes ready at its start, before names come that need it: as said, a percentage being
// one of `memory`; an empty text leaves it to us. It grows with the memory, since all of it is in
// use then, needed or not.
Result<uint64_t> ready_for(const std::string& text, uint64_t memory, uint16_t cores);

// "150.0 MiB"
std::string memory_text(uint64_t bytes);

}  // namespace once::server
