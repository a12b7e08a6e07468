#include "server/start_addresses.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>

#include "base/dialable.h"
#include "base/endpoints.h"
#include "base/host_port.h"
#include "base/shell_word.h"

namespace once::server {
namespace {

// The first address by which others may reach this machine; loopback if it has no other.
std::string address_of_this_machine() {
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) return "127.0.0.1";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(found, &freeifaddrs);
  for (const ifaddrs* at = found; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    if ((at->ifa_flags & IFF_UP) == 0 || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    SocketAddress address;
    address.size = sizeof(sockaddr_in);
    std::copy_n(reinterpret_cast<const char*>(at->ifa_addr), address.size,
                reinterpret_cast<char*>(&address.storage));
    return host_of(to_text(address));
  }
  return "127.0.0.1";
}

std::string line_to_type(const StartOptions& options, const std::string& own) {
  const bool known = !own.empty() && undialable(own).empty();
  const std::string host = bracketed(known ? host_of(own) : address_of_this_machine());
  const bool star = host_of(options.listen) == "*";
  const std::string port(port_part(options.listen));
  std::string line =
      fmt::format("onced start --data {} --listen {} --advertise {}{}", shell_word(options.data),
                  shell_word(star ? "0.0.0.0" + port : options.listen), shell_word(host), port);
  if (!options.admin.empty()) line += " --admin " + shell_word(options.admin);
  for (const std::string& host : options.http_hosts) line += " --http-host " + shell_word(host);
  if (options.cores != 1) line += fmt::format(" --cores {}", options.cores);
  if (options.memory != kDefaultMemory) line += " --memory " + shell_word(options.memory);
  if (options.unsafe_buffered_log) line += " --unsafe-buffered-log";
  return line;
}

// A name may stand for every address too: the start asks what it stands for, and takes the first.
std::string wrong_with_name(const std::string& listen, const LookUp& look_up) {
  const auto found = look_up(listen);
  return found ? undialable(to_text(found->front())) : std::string();
}

}  // namespace

Result<SocketAddresses> look_up_to_listen(const std::string& address) {
  return resolve_now(address, true);
}

std::string wrong_with_addresses(const StartOptions& options, const std::string& own,
                                 const LookUp& look_up) {
  const std::string& told = options.advertise.empty() ? options.listen : options.advertise;
  std::string wrong = undialable(told);
  if (options.advertise.empty() && wrong.empty()) wrong = wrong_with_name(options.listen, look_up);
  if (!wrong.empty() && port_part(options.listen).find_first_not_of(":0") == std::string::npos) {
    return fmt::format("--listen {}: clients need a port that stays: give one from 1 to 65535",
                       options.listen);
  }
  if (!wrong.empty()) {
    return fmt::format("{} {}: it {}; say where clients find this node, as in: {}",
                       options.advertise.empty() ? "--listen" : "--advertise", told, wrong,
                       line_to_type(options, own));
  }
  if (host_of(options.listen) == "*") {
    return fmt::format("--listen {0}: every address is written 0.0.0.0{1} or [::]{1}",
                       options.listen, port_part(options.listen));
  }
  if (options.advertise.empty()) return {};
  const auto endpoint = read_endpoint(options.advertise);
  return endpoint ? std::string() : "--advertise: " + endpoint.error().message;
}

std::string doubt_about_addresses(const StartOptions& options, const Configuration& configuration) {
  const std::string& told = options.advertise.empty() ? options.listen : options.advertise;
  if (!is_loopback(host_of(told))) return {};
  for (const auto& [node, address] : configuration.members) {
    if (node == configuration.node || is_loopback(host_of(address))) continue;
    return fmt::format(
        "clients are told to dial {}, and node {} is at {}: on other machines that address is "
        "their own; give --advertise an address that they reach",
        told, node.value, address);
  }
  return {};
}

}  // namespace once::server
