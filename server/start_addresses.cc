#include "server/start_addresses.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <utility>

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

// What was given, with an address for clients: all of it, so that nothing is lost by whoever types
// the line.
std::string line_to_type(const StartOptions& options, const std::string& own) {
  const bool known = !own.empty() && undialable(own).empty();
  const std::string host = bracketed(known ? host_of(own) : address_of_this_machine());
  const std::string port(port_part(options.listen));
  std::string line = "onced start";
  for (const GivenOption& option : options.given) {
    if (option.name == "--advertise") continue;
    const bool star = option.name == "--listen" && host_of(option.value.value_or("")) == "*";
    line += ' ' + words_of(star ? GivenOption{option.name, "0.0.0.0" + port} : option);
    if (option.name != "--listen") continue;
    line += fmt::format(" --advertise {}{}", shell_word(host), port);
  }
  return line;
}

// A name may stand for every address too: the start asks what it stands for, and takes the first.
std::string wrong_with_name(const std::string& listen, const LookUp& look_up) {
  const auto found = look_up(listen);
  return found ? undialable(to_text(found->front())) : std::string();
}

// To listen on, the host may be left out, or a star: that is every address, said in its place.
std::string wrong_with_form(const char* option, const std::string& address, bool to_listen) {
  if (address.empty()) return {};
  const std::string host = host_of(address);
  const bool every = to_listen && (host_part(address).empty() || host == "*");
  const std::string_view digits = port_digits(address);
  if (!digits.empty() && digits.find_first_not_of('0') == std::string_view::npos) {
    return fmt::format("{} {}: clients need a port that stays: give one from 1 to 65535", option,
                       address);
  }
  const std::string wrong =
      wrong_with_address(every ? "localhost" + std::string(port_part(address)) : address);
  if (wrong.empty()) return {};
  return fmt::format("{} {} has {}: write HOST:PORT", option, address, wrong);
}

// HTTP gives the name of a host without its port, and never a scheme.
std::string wrong_with_name_of_host(const std::string& name) {
  if (ipv6_of(name)) return {};
  const std::string wrong = wrong_with_address(name + ":80");
  if (wrong.empty()) return {};
  return fmt::format("--http-host {} has {}: write the name alone, without a scheme or a port",
                     name, wrong);
}

std::string wrong_with_star(const char* option, const std::string& address) {
  if (host_of(address) != "*") return {};
  return fmt::format("{0} {1}: every address is written 0.0.0.0{2} or [::]{2}", option, address,
                     port_part(address));
}

// Whether a socket on one of them leaves no room for one on the other.
bool same_socket(const std::string& one, const std::string& other, const LookUp& look_up) {
  if (port_number(port_digits(one)) != port_number(port_digits(other))) return false;
  const auto found = look_up(one);
  const auto other_found = look_up(other);
  if (!found || !other_found) return false;  // the bind will say so
  const std::string host = host_of(to_text(found->front()));
  const std::string other_host = host_of(to_text(other_found->front()));
  const auto is_v6 = [](const std::string& text) { return text.find(':') != std::string::npos; };
  const auto takes = [&](const std::string& every, const std::string& each) {
    return is_wildcard(every) && (is_v6(every) || !is_v6(each));
  };
  return host == other_host || takes(host, other_host) || takes(other_host, host);
}

// Ports that the node itself has: the system would call it another process.
std::string wrong_with_ports(const StartOptions& options, const std::string& own,
                             const LookUp& look_up) {
  for (const auto& [option, address] :
       {std::pair("--listen", options.listen), std::pair("--admin", options.admin)}) {
    if (address.empty() || own.empty() || !same_socket(address, own, look_up)) continue;
    return fmt::format(
        "{} {}: that is this node's own port between nodes ({}, as --cluster has "
        "it): give another port",
        option, address, own);
  }
  if (options.admin.empty() || !same_socket(options.admin, options.listen, look_up)) return {};
  return fmt::format(
      "--admin {}: that is this node's own --listen: give another port, or leave "
      "--admin out, since --listen has the same pages",
      options.admin);
}

}  // namespace

Result<SocketAddresses> look_up_to_listen(const std::string& address) {
  return resolve_now(address, true);
}

std::string wrong_with_addresses(const StartOptions& options, const std::string& own,
                                 const LookUp& look_up) {
  for (const std::string& wrong : {wrong_with_form("--listen", options.listen, true),
                                   wrong_with_form("--admin", options.admin, true),
                                   wrong_with_star("--admin", options.admin)}) {
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& name : options.http_hosts) {
    if (const std::string wrong = wrong_with_name_of_host(name); !wrong.empty()) return wrong;
  }
  const std::string& told = options.advertise.empty() ? options.listen : options.advertise;
  std::string wrong = undialable(told);
  if (options.advertise.empty() && wrong.empty()) wrong = wrong_with_name(options.listen, look_up);
  if (!wrong.empty()) {
    return fmt::format("{} {}: it {}; say where clients find this node, as in: {}",
                       options.advertise.empty() ? "--listen" : "--advertise", told, wrong,
                       line_to_type(options, own));
  }
  for (const std::string& slip : {wrong_with_form("--advertise", options.advertise, false),
                                  wrong_with_star("--listen", options.listen)}) {
    if (!slip.empty()) return slip;
  }
  return wrong_with_ports(options, own, look_up);
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
