// The clock of the measurements: monotonic, nanoseconds, never 0; and by what both kinds of load
// go.
#pragma once

#include <time.h>

#include <cstdint>

namespace once::bench {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;
inline constexpr int64_t kConnectNs = 10 * kSecond;  // for all connections of a load
inline constexpr int64_t kTickNs = 50 * kMillisecond;
inline constexpr uint64_t kTickTimer = 1;  // its token

inline int64_t to_ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

inline int64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace once::bench
