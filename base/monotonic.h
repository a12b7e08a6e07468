// The clock that deadlines are of: it never goes back. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace once {

inline constexpr int64_t kMs = 1'000'000;  // in nanoseconds

inline int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace once
