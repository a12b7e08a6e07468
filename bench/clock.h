// The clock of the measurements: monotonic, nanoseconds, never 0.
#pragma once

#include <time.h>

#include <cstdint>

namespace once::bench {

inline int64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace once::bench
