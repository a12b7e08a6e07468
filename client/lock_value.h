// What a lock's register holds: one line of text, so that `once read` shows people who holds it.
//
//   once-lock 1 held ttl_ms=10000 token=7 since=2026-11-29T04:37:33Z owner=host-a:4711
//   once-lock 1 free
//
// A register with anything else, an empty value included, is not a lock and is left alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace once::client {

inline constexpr int64_t kMinLockTtlMs = 100;
inline constexpr int64_t kMaxLockTtlMs = 3'600'000;
inline constexpr size_t kMaxLockOwnerBytes = 256;

struct LockValue {
  bool held = false;
  int64_t ttl_ms = 0;  // this and what follows: when held
  uint64_t token = 0;  // the version that the holder's acquisition made
  std::string owner;
  std::string since = {};  // by the holder's clock, for people; empty: it does not say
  friend bool operator==(const LockValue&, const LockValue&) = default;
};

inline constexpr size_t kMaxLockSinceBytes = 32;

std::string encode_lock_value(const LockValue& value);
std::optional<LockValue> parse_lock_value(std::string_view text);  // nothing: not a lock

// Empty when it can be shown in one line of a terminal, otherwise what is wrong.
std::string check_lock_owner(std::string_view owner);

}  // namespace once::client
