// Who has voted: each member at most once, whatever the network repeats. A vote counts for what was
// asked; whoever keeps the votes begins anew with each question.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"

namespace once::paxos {

class Votes {
 public:
  constexpr Votes() = default;
  // Of the member at this index of the cluster.
  static Votes of(size_t member) {
    ONCE_ASSERT(member < kMaxNodes);
    return Votes(static_cast<uint16_t>(1u << member));
  }

  constexpr bool has(size_t member) const {
    ONCE_ASSERT(member < kMaxNodes);
    return (bits_ >> member & 1) != 0;
  }
  constexpr bool has(Votes others) const { return (bits_ & others.bits_) != 0; }  // one of them
  constexpr void add(Votes others) { bits_ |= others.bits_; }
  constexpr size_t count() const { return static_cast<size_t>(std::popcount(bits_)); }
  constexpr uint16_t bits() const { return bits_; }  // bit: index of the member
  // Of a cluster of so many members. Two majorities have a member in common.
  bool is_majority_of(size_t members) const {
    ONCE_ASSERT(count() <= members && members <= kMaxNodes);
    return count() >= majority_of(members);
  }
  static constexpr size_t majority_of(size_t members) { return members / 2 + 1; }

 private:
  explicit Votes(uint16_t bits) : bits_(bits) {}
  uint16_t bits_ = 0;
};
static_assert(kMaxNodes <= 16);

}  // namespace once::paxos
