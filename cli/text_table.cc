#include "cli/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace once::client {
namespace {

std::vector<size_t> widths_of(const Rows& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  return widths;
}

std::string cut(const std::string& text, size_t size) {
  constexpr std::string_view kMore = "...";
  if (text.size() <= size) return text;
  return text.substr(0, size - std::min(size, kMore.size())) + std::string(kMore);
}

}  // namespace

void make_fit(Rows& rows, const std::vector<Yielding>& columns) {
  for (const auto& [column, least] : columns) {
    const std::vector<size_t> widths = widths_of(rows);
    size_t total = 2 * (widths.size() - 1);
    for (const size_t width : widths) total += width;
    if (total <= kColumns) return;
    const size_t over =
        std::min(total - kColumns, widths[column] - std::min(widths[column], least));
    for (Row& row : rows) row[column] = cut(row[column], widths[column] - over);
  }
}

std::string laid_out(const Rows& rows) {
  const std::vector<size_t> widths = widths_of(rows);
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace once::client
