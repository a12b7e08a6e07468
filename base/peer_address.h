// Where the other end of a connection is. A value; any thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

namespace once {

// Who can have one address of a group can have all of it, so bounds go by groups: an IPv4 address,
// or the first 64 bits of an IPv6 address.
struct AddressGroup {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const AddressGroup&) const = default;
};

struct PeerAddress {
  std::array<uint8_t, 16> bytes{};  // IPv6; an IPv4 address as ::ffff:a.b.c.d
  bool known = false;               // else there is nothing to be said of it

  static PeerAddress of(const sockaddr_storage& from) {
    PeerAddress address;
    if (from.ss_family == AF_INET6) {
      const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
      std::memcpy(address.bytes.data(), &v6.sin6_addr, address.bytes.size());
      address.known = true;
    } else if (from.ss_family == AF_INET) {
      const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
      address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
      std::memcpy(address.bytes.data() + 12, &v4.sin_addr, 4);
      address.known = true;
    }
    return address;
  }
  bool is_v4() const {
    const auto zeros = std::count(bytes.begin(), bytes.begin() + 10, 0);
    return zeros == 10 && bytes[10] == 0xff && bytes[11] == 0xff;
  }
  bool is_loopback() const {
    if (!known) return false;
    if (is_v4()) return bytes[12] == 127;
    return std::count(bytes.begin(), bytes.end() - 1, 0) == 15 && bytes[15] == 1;
  }
  AddressGroup group() const {
    AddressGroup group{bytes};
    if (!is_v4()) std::fill(group.bytes.begin() + 8, group.bytes.end(), uint8_t{0});
    return group;
  }
  std::string text() const {
    if (!known) return "an unknown address";
    char out[INET6_ADDRSTRLEN] = "";
    const bool v4 = is_v4();
    inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? 12 : 0), out, sizeof out);
    return out;
  }
};

}  // namespace once
