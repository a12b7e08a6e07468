// A chart with a logarithmic y axis, of latencies, as SVG. It knows nothing of loads.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace once::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x and nanoseconds, above 0
};
struct Mark {
  double x = 0;
  std::string text;
};
struct Chart {
  std::string title;
  std::string x_title;
  std::vector<Mark> x_marks;  // the first and the last one are the ends of the axis
  std::vector<Line> lines;    // at most five
};

std::string svg_of(const Chart& chart);

// Round numbers from 0 to at least `most`, which is above 0: five to twelve of them.
std::vector<double> round_marks(double most);

}  // namespace once::bench
