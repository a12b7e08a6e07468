#include "base/dialable.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/host_port.h"

namespace once {
namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

// As IPv6, an IPv4 address behind ::ffff:, in every spelling that the C library takes: 0 is
// 0.0.0.0 to it, and 127.1 is 127.0.0.1.
std::optional<Bytes> numeric(std::string_view host) {
  if (const auto v6 = ipv6_of(host)) return v6;
  const std::string text(host.substr(0, host.find('%')));
  in_addr v4{};
  if (host.find_first_of(" \t\r\n\v\f") != std::string_view::npos) return std::nullopt;
  if (inet_aton(text.c_str(), &v4) == 0) return std::nullopt;
  Bytes bytes = kMapped;
  std::memcpy(bytes.data() + 12, &v4, 4);
  return bytes;
}

bool is_v4(const Bytes& bytes) {
  return std::equal(bytes.begin(), bytes.begin() + 12, kMapped.begin());
}

bool is_zero(const Bytes& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

// All of 0.0.0.0/8: "this host on this network".
bool is_wildcard(const Bytes& bytes) { return is_zero(bytes) || (is_v4(bytes) && bytes[12] == 0); }

bool is_for_many(const Bytes& bytes) {
  if (!is_v4(bytes)) return bytes[0] == 0xff;
  const bool broadcast =
      std::all_of(bytes.begin() + 12, bytes.end(), [](uint8_t b) { return b == 255; });
  return broadcast || (bytes[12] >> 4) == 0xe;
}

}  // namespace

std::optional<std::array<uint8_t, 16>> ipv6_of(std::string_view text) {
  Bytes bytes{};
  const std::string address(text.substr(0, text.find('%')));
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

bool is_wildcard(std::string_view host) {
  if (host.empty() || host == "*" || host == ":") return true;
  const auto bytes = numeric(host);
  return bytes && is_wildcard(*bytes);
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const auto bytes = numeric(host);
  if (!bytes) return false;
  if (is_v4(*bytes)) return (*bytes)[12] == 127;
  return (*bytes)[15] == 1 &&
         std::all_of(bytes->begin(), bytes->end() - 1, [](uint8_t b) { return b == 0; });
}

std::string undialable(std::string_view address) {
  const std::string host = host_of(address);
  if (is_wildcard(host)) return "stands for every address of a machine, and for none to dial";
  const auto bytes = numeric(host);
  if (bytes && is_for_many(*bytes)) return "is an address of many machines, and none to dial";
  const std::string_view port = port_part(address);
  const bool zero = port.size() > 1 && port.find_first_not_of('0', 1) == std::string_view::npos;
  return zero ? "has port 0, which is a port that the system chooses, and none to dial" : "";
}

}  // namespace once
