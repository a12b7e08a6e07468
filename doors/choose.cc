#include "doors/choose.h"

#include <algorithm>

namespace once::doors {
namespace {

constexpr char kHelloLength = 0x24;
constexpr char kTlsHandshake = 0x16;

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_http(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t last_word = line.rfind(' ');
  return last_word != std::string_view::npos && line.substr(last_word + 1).starts_with("HTTP/");
}

// Of a line that has not ended: METHOD /PATH, or METHOD http://.
bool begins_as_http(std::string_view line) {
  const size_t word = line.find(' ');
  if (word == std::string_view::npos) return false;
  const std::string_view target = line.substr(word + 1);
  return target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://");
}

}  // namespace

Speaks who_speaks(std::string_view first_bytes) {
  if (first_bytes.starts_with(kHelloLength)) return Speaks::kOnce;
  if (first_bytes.starts_with(kTlsHandshake)) return Speaks::kTls;
  // Clients of RESP and of HTTP may send empty lines: what stands behind them tells.
  const size_t empty = std::min(first_bytes.find_first_not_of("\r\n"), first_bytes.size());
  if (empty >= kMostFirstLine) return Speaks::kStranger;
  first_bytes.remove_prefix(empty);
  if (first_bytes.empty()) return Speaks::kNotKnownYet;
  const char first = first_bytes.front();
  if (first == '*') return Speaks::kResp;
  if (!is_letter(first)) return Speaks::kStranger;
  const size_t end = first_bytes.find('\n');
  if (end != std::string_view::npos) {
    return is_http(first_bytes.substr(0, end)) ? Speaks::kHttp : Speaks::kResp;
  }
  if (first_bytes.size() < kMostFirstLine) return Speaks::kNotKnownYet;
  // The reader of HTTP says that it is too long.
  return begins_as_http(first_bytes) ? Speaks::kHttp : Speaks::kStranger;
}

Speaks who_seems_to_speak(std::string_view first_bytes) {
  const Speaks who = who_speaks(first_bytes);
  if (who != Speaks::kNotKnownYet) return who;
  const size_t empty = std::min(first_bytes.find_first_not_of("\r\n"), first_bytes.size());
  return begins_as_http(first_bytes.substr(empty)) ? Speaks::kHttp : who;
}

}  // namespace once::doors
