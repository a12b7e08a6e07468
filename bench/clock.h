// The clock of the measurements: monotonic, nanoseconds, never 0.
#pragma once

#include <time.h>

#include <cstdint>

namespace once::bench {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;

inline int64_t to_ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

inline int64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * kSecond + now.tv_nsec;
}

}  // namespace once::bench
