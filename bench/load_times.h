// The times that both kinds of load go by.
#pragma once

#include <cstdint>

#include "bench/clock.h"

namespace once::bench {

inline constexpr int64_t kConnectNs = 10 * kSecond;  // for all connections of a load
inline constexpr int64_t kTickNs = 50 * kMillisecond;
inline constexpr uint64_t kTickTimer = 1;  // its token

}  // namespace once::bench
