// Lists as people write them: A,B,C.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace once {

// The parts between the commas; empty ones are left out.
inline std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

}  // namespace once
