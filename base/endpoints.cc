#include "base/endpoints.h"

#include <arpa/inet.h>

#include "base/dialable.h"
#include "base/host_port.h"
#include "base/limits.h"

namespace once {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr size_t kMaxHostBytes = 253;  // of a name in the DNS

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string quoted(std::string_view text) { return std::string(1, '"').append(text).append("\""); }

// The C library takes 10.1 for an address too. What ends in a number is no name of the DNS.
bool is_broken_ipv4(const std::string& host) {
  const std::string last = host.substr(host.rfind('.') + 1);
  if (last.empty() || last.find_first_not_of(kDigits) != std::string::npos) return false;
  in_addr ignored;
  return inet_aton(host.c_str(), &ignored) == 0;
}

std::string wrong_with_host(std::string_view host) {
  if (host.empty()) return "no host before the colon";
  if (host.size() > kMaxHostBytes) return "a host of more than 253 bytes";
  for (const char c : host) {
    const bool fits = kLetters.find(c) != std::string_view::npos ||
                      kDigits.find(c) != std::string_view::npos || c == '.' || c == '-' || c == '_';
    if (!fits) return std::string(1, '\'').append(1, c).append("' in the host");
  }
  if (is_broken_ipv4(std::string(host))) return "a host that is no IPv4 address";
  return {};
}

std::string wrong_with_port(std::string_view port) {
  if (port.empty()) return "no port behind the colon";
  if (port.find_first_not_of(kDigits) != std::string_view::npos) {
    return "the port " + quoted(port) + ", which is no number";
  }
  const bool zero = port.find_first_not_of('0') == std::string_view::npos;
  if (zero || !port_number(port)) {
    return "the port " + std::string(port) + ", and ports go from 1 to 65535";
  }
  return {};
}

// Behind the bracket that ends an IPv6 address.
std::string wrong_with_bracketed(std::string_view text) {
  const size_t end = text.find(']');
  if (end == std::string_view::npos) return "a [ without its ]";
  const std::string_view host = text.substr(1, end - 1);
  if (!ipv6_of(host) && !wrong_with_host(host).empty()) return "no IPv6 address between [ and ]";
  if (text.substr(end + 1).substr(0, 1) != ":") return "no port behind the ]";
  return wrong_with_port(text.substr(end + 2));
}

}  // namespace

std::string wrong_with_address(std::string_view text) {
  if (text.empty()) return "neither a host nor a port";
  if (text.find("://") != std::string_view::npos) return "a scheme, and an address is no URL";
  if (text.find_first_of(kBlanks) != std::string_view::npos) {
    return "a blank in it, and between addresses there are commas";
  }
  if (text.front() == '[') return wrong_with_bracketed(text);
  if (ipv6_of(text) || ipv6_of(host_part(text))) {
    return "an IPv6 address without its brackets, [ADDRESS]:PORT";
  }
  if (port_part(text).empty()) return "no port";
  std::string wrong = wrong_with_host(host_part(text));
  return wrong.empty() ? wrong_with_port(port_digits(text)) : wrong;
}

Result<std::string> read_endpoint(std::string_view text) {
  const std::string_view endpoint = trimmed(text);
  if (endpoint.empty()) return error("an endpoint is empty: write HOST:PORT");
  const std::string wrong = wrong_with_address(endpoint);
  if (wrong.empty()) return std::string(endpoint);
  return error("the endpoint " + quoted(endpoint) + " has " + wrong + ": write HOST:PORT");
}

Result<std::vector<std::string>> read_endpoints(const std::vector<std::string>& texts) {
  if (texts.empty()) return error("no endpoints were given");
  if (texts.size() > kMaxEndpoints) {
    return error(std::to_string(texts.size()) + " endpoints were given, and at most " +
                 std::to_string(kMaxEndpoints) + " are used: some of the nodes are enough");
  }
  std::vector<std::string> endpoints;
  for (const std::string& text : texts) {
    auto endpoint = read_endpoint(text);
    if (!endpoint) return tl::unexpected(endpoint.error());
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

Result<std::vector<std::string>> split_endpoints(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (trimmed(parts.back()).empty()) {
      return error("an endpoint is empty: between two commas, or at an end of the endpoints");
    }
    if (comma == std::string_view::npos) return read_endpoints(parts);
    list.remove_prefix(comma + 1);
  }
}

}  // namespace once
