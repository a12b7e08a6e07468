// Numbers in hexadecimal, as all of the product writes them: lower case, of a fixed width.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace once {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

// The last `digits` of them.
inline void put_hex(std::string& out, uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHexDigits[value >> shift & 15];
}

}  // namespace once
