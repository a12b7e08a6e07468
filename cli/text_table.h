// Rows of words as a table for a terminal; its first row has the titles.
#pragma once

#include <string>
#include <vector>

namespace once::client {

inline constexpr size_t kColumns = 80;  // of a terminal

inline constexpr const char* kNoFigure = "-";

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

// A column whose words may be cut, down to so many characters.
struct Yielding {
  size_t column;
  size_t least;
};

// Cuts words until a row has kColumns: of the columns in this order, each as far as is needed.
void make_fit(Rows& rows, const std::vector<Yielding>& columns);
std::string laid_out(const Rows& rows);

}  // namespace once::client
