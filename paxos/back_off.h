// How long a proposer pauses that has lost a round. Randomised, so that duelling proposers part;
// measured by what a question takes here and now, or on a slow disk nobody would be alone long
// enough; and longer each time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/prng.h"
#include "paxos/core_state.h"

namespace once::paxos {

inline constexpr uint8_t kBackOffDoublings = 10;
inline constexpr int64_t kLongestBackOffNs = 1024 * kMs;  // or so many rounds, if that is longer
inline constexpr int64_t kMostRoundsAway = 8;
// More is no slow disk behind a wide network, but a lost message.
inline constexpr int64_t kLongestRoundNs = 512 * kMs;

struct BackOff {
  int64_t least_ns = 0;
  int64_t span_ns = 0;  // by chance, less than that on top of it
  int64_t draw_ns(Prng& prng) const {
    ONCE_ASSERT(least_ns >= 0 && span_ns > 0);
    return least_ns + static_cast<int64_t>(prng.below(static_cast<uint64_t>(span_ns)));
  }
};

// For who has lost `attempts` times before, and whose question was out so long. Who had a majority
// behind his ballot was `overtaken` by somebody who is at work now: he leaves him the time of a
// round first, or who is at work and fast takes every turn.
inline BackOff back_off_after(uint8_t attempts, bool overtaken, int64_t asked_for_ns) {
  const int64_t took = std::clamp(asked_for_ns, kMs, kLongestRoundNs);
  const int64_t longer = took << std::min<int>(attempts + 1, kBackOffDoublings);
  const int64_t longest = std::min(longer, std::max(kLongestBackOffNs, kMostRoundsAway * took));
  ONCE_ASSERT(longest >= took);
  return {overtaken ? took : 0, longest};
}

}  // namespace once::paxos
