// What one core of a node may allocate, and what it does when that is nearly used up. A part of the
// node's memory is set aside for each core: its log buffers, its ring's, its pools of fixed size.
// The rest is for what grows: names and values, requests, what is to be sent, what came and is not
// taken yet. Single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "paxos/replica.h"

namespace once::server {

inline constexpr uint64_t kFixedMemoryPerCore = 60 * 1024 * 1024;
inline constexpr uint64_t kLeastMemoryPerCore = 80 * 1024 * 1024;
inline constexpr uint64_t kUnboundedMemory = UINT64_MAX;
// For what grows, whatever is given: the table of one core has room for a little more.
inline constexpr uint64_t kMostGrowthPerCore = uint64_t{15} << 30;

class MemoryAccount {
 public:
  // `node_bytes`: of all of its cores.
  MemoryAccount(uint64_t node_bytes, uint16_t cores)
      : budget_(node_bytes == kUnboundedMemory ? kUnboundedMemory
                : node_bytes / cores <= kFixedMemoryPerCore
                    ? 0
                    : std::min(node_bytes / cores - kFixedMemoryPerCore, kMostGrowthPerCore)) {}

  uint64_t budget() const { return budget_; }  // for what grows
  bool is_bounded() const { return budget_ != kUnboundedMemory; }
  // Of what waits for clients that do not read.
  uint64_t unread_bound() const { return is_bounded() ? budget_ / 4 : kUnboundedMemory; }
  // Clients that do not read have to go.
  bool is_pressed(uint64_t used) const { return is_bounded() && used > part(80); }

  // A level is left a little below where it began, so that it does not come and go.
  paxos::Memory level(uint64_t used) {
    if (!is_bounded()) return level_;
    while (level_ != paxos::Memory::kNone && used > part(begins(next(level_)))) {
      level_ = next(level_);
    }
    while (level_ != paxos::Memory::kEnough && used <= part(begins(level_) - kSlack)) {
      level_ = static_cast<paxos::Memory>(static_cast<unsigned>(level_) - 1);
    }
    return level_;
  }

 private:
  static constexpr unsigned kSlack = 2;
  static paxos::Memory next(paxos::Memory level) {
    return static_cast<paxos::Memory>(static_cast<unsigned>(level) + 1);
  }
  static unsigned begins(paxos::Memory level) {
    switch (level) {
      case paxos::Memory::kEnough:
        return 0;
      case paxos::Memory::kShort:
        return 90;
      case paxos::Memory::kLow:
        return 96;
      case paxos::Memory::kNone:
        return 100;
    }
    return 0;
  }
  uint64_t part(unsigned percent) const { return budget_ / 100 * percent; }

  uint64_t budget_;
  paxos::Memory level_ = paxos::Memory::kEnough;
};

}  // namespace once::server
