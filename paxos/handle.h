// What a node calls its own work in messages, and gets back in the answers (P3): incarnation,
// generation, place. An answer that is meant for an earlier run, or for an earlier user of the
// place, is never taken for ours. A generation comes round after 2^24 uses of one place.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "base/types.h"

namespace once::paxos {

struct Handle {
  uint64_t value = 0;

  static Handle of(Incarnation incarnation, uint32_t generation, uint32_t place) {
    ONCE_ASSERT(place <= UINT16_MAX);
    return {uint64_t{incarnation.value} << 40 | uint64_t{generation & 0xffffff} << 16 | place};
  }
  uint32_t place() const { return static_cast<uint32_t>(value & UINT16_MAX); }
  friend bool operator==(const Handle&, const Handle&) = default;
};

}  // namespace once::paxos
