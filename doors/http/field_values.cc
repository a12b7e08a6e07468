#include "doors/http/field_values.h"

#include <xxhash.h>

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/parse_number.h"
#include "doors/http/request_head.h"

namespace once::doors::http {
namespace {

constexpr size_t kHexIdDigits = 32;

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The bytes between the quotes of a structured string.
std::optional<std::string> unquoted(std::string_view text) {
  std::string out;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1 == text.size() ? std::optional(out) : std::nullopt;
    if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
    out += text[i];
  }
  return std::nullopt;
}

// Of "0.85" and its like, as thousandths; what is none counts for all.
uint32_t weight_of(std::string_view digits) {
  constexpr uint32_t kWhole = 1000;
  if (digits == "0") return 0;
  const bool fraction = digits.starts_with("0.") && digits.size() <= 5 &&
                        (digits.size() == 2 || is_number(digits.substr(2)));
  if (!fraction) return kWhole;
  uint32_t weight = 0;
  for (size_t at = 2; at < 5; ++at) {
    weight = weight * 10 + (at < digits.size() ? static_cast<uint32_t>(digits[at] - '0') : 0);
  }
  return weight;
}

// That of `;q=0.5` among the parameters of a type.
uint32_t quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view one = trimmed(parameters.substr(0, end));
    if (is_same_word(one.substr(0, 2), "q=")) return weight_of(trimmed(one.substr(2)));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
  }
  return weight_of("1");
}

RequestId hashed(std::string_view key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return request_id(hash.high64, hash.low64);
}

}  // namespace

std::optional<uint64_t> version_of(std::string_view digits) {
  if (!is_number(digits) || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return parse_number<uint64_t>(digits);
}

std::optional<uint64_t> version_of_tag(std::string_view text) {
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return std::nullopt;
  return version_of(text.substr(1, text.size() - 2));
}

bool add_tags(std::string_view list, Tags& tags) {
  if (list == "*") return tags.any = true;
  size_t count = 0;
  for (;;) {
    list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    if (list.empty()) return count > 0;
    if (list.starts_with("W/")) list.remove_prefix(2);
    // Tags of others may have commas inside.
    const size_t end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return false;
    if (const auto version = version_of_tag(list.substr(0, end + 1))) {
      tags.versions.push_back(*version);
    }
    list = trimmed(list.substr(end + 1));
    if (!list.empty() && list.front() != ',') return false;
    ++count;
  }
}

std::optional<RequestId> id_of_key(std::string_view value) {
  std::string inside;
  if (value.starts_with('"')) {
    auto text = unquoted(value);
    if (!text) return std::nullopt;
    inside = std::move(*text);
    value = inside;
  }
  if (value.empty()) return std::nullopt;
  const auto hex = value.size() == kHexIdDigits ? request_id_of_hex(value) : std::nullopt;
  const RequestId id = hex ? *hex : hashed(value);
  if (id == RequestId{}) return std::nullopt;
  return id;
}

uint32_t wait_of(std::string_view preferences) {
  constexpr uint32_t kMostSeconds = static_cast<uint32_t>(kLongestTimeoutMs / 1000);
  std::string_view one;
  while (take_element(preferences, one)) {
    one = trimmed(one.substr(0, one.find(';')));
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos || !is_same_word(trimmed(one.substr(0, equals)), "wait")) {
      continue;
    }
    const std::string_view digits = trimmed(one.substr(equals + 1));
    if (!is_number(digits)) return 0;
    return std::min(kMostSeconds, parse_number<uint32_t>(digits).value_or(kMostSeconds));
  }
  return 0;
}

void Accepted::add(std::string_view list) {
  const std::pair<std::string_view, std::optional<uint32_t>*> known[] = {
      {"application/json", &json_},
      {"application/problem+json", &problems_},
      {"application/octet-stream", &octets_},
      {"application/*", &any_application_},
      {"*/*", &anything_},
  };
  std::string_view one;
  while (take_element(list, one)) {
    const size_t end = std::min(one.find(';'), one.size());
    for (const auto& [type, quality] : known) {
      if (!is_same_word(trimmed(one.substr(0, end)), type)) continue;
      *quality =
          std::max(quality->value_or(0), quality_of(one.substr(std::min(end + 1, one.size()))));
    }
  }
}

bool Accepted::wants_json() const {
  // The range that says most of a value as it is tells how much that is liked (RFC 9110, 12.5.1).
  const uint32_t octets = octets_            ? *octets_
                          : any_application_ ? *any_application_
                                             : anything_.value_or(0);
  return json_.value_or(0) > 0 && *json_ >= octets;
}

std::optional<std::string_view> host_of(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const size_t end =
      bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view host = authority.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end);
  const std::string_view rest = authority.substr(end + (bracketed ? 1 : 0));
  if (host.empty() || (!rest.empty() && rest.front() != ':')) return std::nullopt;
  if (rest.size() > 1 && (!is_number(rest.substr(1)) || rest.size() > 6)) return std::nullopt;
  return host;
}

bool is_own_origin(std::string_view origin, std::string_view authority) {
  // https: a proxy in front of the node speaks TLS, and gives on what Host the browser named.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (is_same_word(origin.substr(0, scheme.size()), scheme) &&
        is_same_word(origin.substr(scheme.size()), authority)) {
      return true;
    }
  }
  return false;
}

}  // namespace once::doors::http
