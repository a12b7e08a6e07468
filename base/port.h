// The PORT of HOST:PORT. The C library takes "+80", "-1" and "99999" too, each for another port
// than it says, so whoever resolves an address asks here first.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace once {

inline bool is_port(std::string_view text) {  // 0..65535, in digits
  uint16_t port = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  return problem == std::errc{} && stop == text.data() + text.size();
}

}  // namespace once
