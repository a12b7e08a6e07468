// Which names a run uses and where each belongs. Names of one run share a random prefix, so that
// runs never meet. Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/hello.h"

namespace once::bench {

// One core of one member: what a connection is attached to.
struct Target {
  NodeId node;
  CoreId core;
  uint16_t cores = 1;
  SlotId slot;
  std::string address;
};

// Core 0 of every member first, then core 1, ...; members without an address are left out.
std::vector<Target> targets_of(const net::ServerHello& map);

uint64_t random_bits();

class NameSource {
 public:
  // `load`: of a run's team, below kMaxLoads; no two have a name in common.
  NameSource(const net::ServerHello& map, uint64_t run, size_t load = 0);
  static constexpr size_t kMaxLoads = 64;

  // The next name that belongs to the target; valid until the next call.
  std::string_view next_for(const Target& target);
  // The next name, wherever it belongs.
  std::string_view next();
  bool belongs(std::string_view name, const Target& target) const;
  std::string_view prefix() const { return {name_.data(), kPrefixBytes}; }  // of every name

 private:
  static constexpr size_t kPrefixBytes = 6 + 16 + 1;  // "bench/", the run in hex, "/"
  static constexpr size_t kCounterDigits = 12;
  static constexpr uint64_t kNamesOfLoad = (uint64_t{1} << 4 * kCounterDigits) / kMaxLoads;

  uint64_t hash_seed_;
  uint32_t shard_count_;
  uint32_t slot_count_;
  uint64_t counter_;
  std::array<char, kPrefixBytes + kCounterDigits> name_;
};

}  // namespace once::bench
