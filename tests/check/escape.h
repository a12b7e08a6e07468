// Bytes as printable ASCII without spaces: %XX for everything else, and for '%' itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace once::check {

inline bool is_plain(char c) { return c > ' ' && c < '\x7f' && c != '%'; }

inline std::string escaped(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (is_plain(c)) {
      text += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text;
}

// Accepts only what escaped() writes, so that a text has one meaning and a meaning one text.
inline std::optional<std::string> unescaped(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_plain(text[i])) return std::nullopt;
      bytes += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
    if (is_plain(bytes.back())) return std::nullopt;
    i += 2;
  }
  return bytes;
}

}  // namespace once::check
