// Spreads delays, so that clients that failed together do not come back together.
#pragma once

#include <cstdint>

#include "base/prng.h"

namespace once::client {

// 50 % to 100 % of `delay_ns`.
inline int64_t jitter(Prng& prng, int64_t delay_ns) {
  return delay_ns / 2 + static_cast<int64_t>(prng.below(static_cast<uint64_t>(delay_ns / 2 + 1)));
}

}  // namespace once::client
