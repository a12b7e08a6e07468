#include "server/own_hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/dialable.h"
#include "base/host_port.h"

namespace once::server {
namespace {

// Hosts are the same in capitals, and with the dot that ends a full name.
std::string plain(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return small_letters(host);
}

// In every spelling that the C library takes, as 127.1 and 0x7f000001. It stops at a blank.
bool is_in_digits(const std::string& host) {
  if (ipv6_of(host)) return true;
  if (std::any_of(host.begin(), host.end(), [](char c) { return c >= 0 && c <= ' '; }))
    return false;
  in_addr ignored{};
  return inet_aton(host.c_str(), &ignored) != 0;
}

}  // namespace

void OwnHosts::add_address(std::string_view address) { add_host(host_of(address)); }

void OwnHosts::add_host(std::string_view host) { hosts_.push_back(plain(host)); }

bool OwnHosts::has(std::string_view host) const {
  const std::string text = plain(host);
  if (text.empty()) return false;
  return text == "localhost" || is_in_digits(text) ||
         std::find(hosts_.begin(), hosts_.end(), text) != hosts_.end();
}

}  // namespace once::server
