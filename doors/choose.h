// Who is there, by the first bytes that he says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace once::doors {

enum class Speaks : uint8_t {
  kNotKnownYet,  // more bytes are needed
  kOnce,         // the protocol of once: the length of a client hello, and what is wrong of it
  kHttp,         // a request line that ends with HTTP/1.x
  kResp,         // an array of RESP, or an inline command
  kTls,          // kept for later
  kStranger,     // nobody that this port knows
};

// A line of letters is HTTP or RESP by its end: it is waited for, up to kMostFirstLine bytes. One
// that is longer is HTTP if it begins so, and else nobody's. Empty lines in front of it are passed
// over, up to as many bytes.
inline constexpr size_t kMostFirstLine = 16 * 1024;

Speaks who_speaks(std::string_view first_bytes);
// Of one who is to be told something before it is known: a line that begins as one of HTTP is.
Speaks who_seems_to_speak(std::string_view first_bytes);

}  // namespace once::doors
