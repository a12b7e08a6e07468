#include "client/lock_value.h"

#include <charconv>

namespace once::client {
namespace {

constexpr std::string_view kPrefix = "once-lock 1 ";

bool take(std::string_view& rest, std::string_view word) {
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

template <typename Number>
bool take_number(std::string_view& rest, Number& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return true;
}

// A time in digits, or nothing. Who wrote the lock before there was one leaves it out.
bool take_since(std::string_view& rest, std::string& since) {
  if (!take(rest, " since=")) return true;
  since = rest.substr(0, rest.find(' '));
  rest.remove_prefix(since.size());
  return !since.empty() && since.size() <= kMaxLockSinceBytes &&
         since.find_first_not_of("0123456789-:.TZ") == std::string::npos;
}

}  // namespace

std::string encode_lock_value(const LockValue& value) {
  std::string text(kPrefix);
  if (!value.held) return text + "free\n";
  return text + "held ttl_ms=" + std::to_string(value.ttl_ms) +
         " token=" + std::to_string(value.token) +
         (value.since.empty() ? "" : " since=" + value.since) + " owner=" + value.owner + "\n";
}

std::optional<LockValue> parse_lock_value(std::string_view text) {
  LockValue value;
  if (!take(text, kPrefix) || !text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  if (text == "free") return value;
  value.held = true;
  const bool fits = take(text, "held ttl_ms=") && take_number(text, value.ttl_ms) &&
                    take(text, " token=") && take_number(text, value.token) &&
                    take_since(text, value.since) && take(text, " owner=") &&
                    check_lock_owner(text).empty();
  if (!fits || value.ttl_ms < kMinLockTtlMs || value.ttl_ms > kMaxLockTtlMs || value.token == 0) {
    return std::nullopt;
  }
  value.owner.assign(text);
  return value;
}

std::string check_lock_owner(std::string_view owner) {
  if (owner.empty() || owner.size() > kMaxLockOwnerBytes) {
    return "the owner of a lock has " + std::to_string(owner.size()) + " bytes; it needs 1 to " +
           std::to_string(kMaxLockOwnerBytes);
  }
  for (const char c : owner) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return "the owner of a lock has a control character; it is shown to people in one line";
    }
  }
  return {};
}

}  // namespace once::client
