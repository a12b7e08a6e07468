// What a request line asks for: the target taken apart, and bytes out of %xx.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace once::doors::http {

// Views into the target. Nothing of it is decoded.
struct Target {
  std::string_view authority;  // of http://AUTHORITY/PATH; else empty
  std::string_view path;       // begins with '/'; or is "*"
  std::string_view query;      // without '?'
};

// Nothing: it is no target that a server is asked for.
std::optional<Target> target_of(std::string_view text);

// Whether it has %xx at all; and its bytes. Nothing: a % without two hexadecimal digits.
bool is_plain(std::string_view text);
std::optional<std::vector<char>> percent_decoded(std::string_view text);

}  // namespace once::doors::http
