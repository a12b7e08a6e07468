// Numbers in texts that others wrote.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace once {

// What the whole text says: no sign but the minus of a type that has one, no blank, nothing behind.
// Leading zeros are taken. Nothing where the type cannot hold it.
template <class Number, class... Base>
std::optional<Number> parse_number(std::string_view text, Base... base) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number, base...);
  if (problem != std::errc{} || stop != end) return std::nullopt;
  return number;
}

}  // namespace once
