// Bytes of others (names, values, hosts, error texts of nodes) as text for people: on a terminal
// some bytes are commands, and in a log a line break begins a line that nobody wrote. Every program
// shows such bytes through this one function, and what it gives back is not changed by it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hex_digits.h"

namespace once {

// kLine: one line, whatever comes. kLines: line breaks and tabs stay, for a value or a text that
// has several lines. kJson: of a JSON document, whose strings then say the same in \u escapes.
enum class Shown : uint8_t { kLine, kLines, kJson };

namespace printable_parts {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;  // 0: this is no UTF-8
};

// Of the well-formed kind alone: no overlong form, no surrogate, nothing past U+10FFFF.
inline CodePoint first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  uint32_t value = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, size};
}

// What a terminal acts on, or shows in another place or order than it stands in: controls, C1
// among them, separators of lines, marks of direction.
inline bool acts(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace printable_parts

inline bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t size = printable_parts::first_of(bytes).bytes;
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

// \xNN for one byte (a control, or no UTF-8), \uNNNN for a character of more. A backslash stays.
inline std::string printable(std::string_view bytes, Shown shown = Shown::kLine) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto [value, size] = printable_parts::first_of(bytes);
    const std::string_view whole = bytes.substr(0, size == 0 ? 1 : size);
    const bool stays = shown != Shown::kLine && (value == '\n' || value == '\t');
    if (size != 0 && (stays || !printable_parts::acts(value))) {
      out += whole;
    } else if (size > 1 || shown == Shown::kJson) {
      out += "\\u";
      put_hex(out, size == 0 ? 0xfffd : value, 4);
    } else {
      out += "\\x";
      put_hex(out, static_cast<unsigned char>(bytes.front()), 2);
    }
    bytes.remove_prefix(whole.size());
  }
  return out;
}

}  // namespace once
