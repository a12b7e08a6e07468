// Nanoseconds, as the client counts them.
#pragma once

#include <cstdint>

namespace once::client {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1000 * kMs;

}  // namespace once::client
