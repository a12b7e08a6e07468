// HOST:PORT apart, and together again: what stands before the last colon, and behind it. Whether
// that is an address is for others to say (base/endpoints.h, base/dialable.h). Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/parse_number.h"

namespace once {

// As it is written, with the brackets of IPv6; without a colon: all of it.
inline std::string_view host_part(std::string_view address) {
  return address.substr(0, std::min(address.rfind(':'), address.size()));
}

// With its colon, ":7400"; empty: there is none.
inline std::string_view port_part(std::string_view address) {
  return address.substr(std::min(address.rfind(':'), address.size()));
}

// The host, without the brackets of IPv6.
inline std::string host_of(std::string_view address) {
  std::string_view host = host_part(address);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return std::string(host);
}

// What stands behind the colon.
inline std::string_view port_digits(std::string_view address) {
  const std::string_view port = port_part(address);
  return port.substr(std::min<size_t>(1, port.size()));
}

// 0..65535, in digits alone. The C library takes "+80", "-1" and "99999" too, each for another port
// than it says, so whoever resolves an address asks here first.
inline std::optional<uint16_t> port_number(std::string_view digits) {
  return parse_number<uint16_t>(digits);
}

// A host as it stands before a port: IPv6 in brackets.
inline std::string bracketed(std::string_view host) {
  if (host.find(':') == std::string_view::npos) return std::string(host);
  return std::string("[").append(host).append("]");
}

}  // namespace once
