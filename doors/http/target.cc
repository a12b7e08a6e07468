#include "doors/http/target.h"

#include <algorithm>

#include "base/ascii.h"
#include "doors/http/request_head.h"

namespace once::doors::http {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr int kNoDigit = -1;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kNoDigit;
}

// What may stand in a path or a query as it is; the rest is written %xx.
bool may_stand(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("-._~!$&'()*+,;=:@/?%").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<Target> target_of(std::string_view text) {
  Target target;
  if (text == "*") {
    target.path = text;
    return target;
  }
  if (is_same_word(text.substr(0, kScheme.size()), kScheme)) {
    text.remove_prefix(kScheme.size());
    const size_t end = std::min(text.find_first_of("/?"), text.size());
    target.authority = text.substr(0, end);
    text.remove_prefix(end);
    // Whoever is named before an @ there is meant to mislead.
    if (target.authority.empty() || target.authority.find('@') != std::string_view::npos) {
      return std::nullopt;
    }
    if (text.empty() || text.front() == '?') {
      target.path = "/";
      target.query = text.substr(text.empty() ? 0 : 1);
      text = {};
    }
  }
  if (!text.empty()) {
    if (text.front() != '/') return std::nullopt;
    const size_t end = std::min(text.find('?'), text.size());
    target.path = text.substr(0, end);
    target.query = text.substr(std::min(end + 1, text.size()));
  }
  const auto sound = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), may_stand);
  };
  if (target.path.empty() || !sound(target.path) || !sound(target.query)) return std::nullopt;
  return target;
}

bool is_plain(std::string_view text) { return text.find('%') == std::string_view::npos; }

std::optional<std::vector<char>> percent_decoded(std::string_view text) {
  std::vector<char> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = digit_of(text[i + 1]);
    const int low = digit_of(text[i + 2]);
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    out.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return out;
}

}  // namespace once::doors::http
