// Identities as people write them: 1 to 32 hexadecimal digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hex_digits.h"
#include "base/types.h"

namespace once {

inline std::optional<Uuid> uuid_of_hex(std::string_view hex) {
  if (hex.empty() || hex.size() > 32) return std::nullopt;
  Uuid id;
  for (char c : hex) {
    const size_t digit =
        kHexDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos) return std::nullopt;
    id.high = id.high << 4 | id.low >> 60;
    id.low = id.low << 4 | digit;
  }
  return id;
}

inline std::string hex_of(const Uuid& id) {  // 32 digits
  std::string text;
  for (uint64_t word : {id.high, id.low}) put_hex(text, word, 16);
  return text;
}

inline std::optional<RequestId> request_id_of_hex(std::string_view hex) {
  const auto id = uuid_of_hex(hex);
  if (!id) return std::nullopt;
  return RequestId{*id};
}

// What people call the cluster: 0 is "any" to a server, so it names none.
inline std::optional<ClusterId> cluster_id_of_hex(std::string_view hex) {
  const auto id = uuid_of_hex(hex);
  if (!id || *id == Uuid{}) return std::nullopt;
  return ClusterId{*id};
}
inline constexpr const char* kClusterIdForm = "1 to 32 hexadecimal digits, not all 0";

}  // namespace once
