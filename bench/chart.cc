#include "bench/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "base/assert.h"
#include "bench/time_text.h"

namespace once::bench {
namespace {

constexpr double kWidth = 720, kHeight = 420;
constexpr double kLeft = 76, kRight = 96, kTop = 44, kBottom = 56;
constexpr std::array<const char*, 5> kColours = {"#1b6ca8", "#c05621", "#2f855a", "#805ad5",
                                                 "#b83280"};

struct Axis {
  double low = 0;
  double high = 1;
  double at = 0;      // of `low`, in the picture
  double length = 0;  // from there to `high`; below 0: upwards
  double place(double value) const { return at + (value - low) / (high - low) * length; }
};

std::string escaped_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

// Of the logarithms of all latencies, from one power of ten to another.
Axis y_axis(const Chart& chart) {
  double low = 18, high = 0;
  for (const Line& line : chart.lines) {
    for (const auto& [x, ns] : line.points) {
      ONCE_ASSERT(ns > 0);
      low = std::min(low, std::floor(std::log10(ns)));
      high = std::max(high, std::ceil(std::log10(ns)));
    }
  }
  if (low >= high) high = low + 1;
  return {low, high, kHeight - kBottom, -(kHeight - kBottom - kTop)};
}

void put_axes(const Chart& chart, const Axis& x, const Axis& y, std::string& text) {
  auto out = std::back_inserter(text);
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (double power = y.low; power <= y.high; ++power) {
    fmt::format_to(out,
                   "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>"
                   "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
                   kLeft, right, y.place(power), y.place(power), kLeft - 8, y.place(power) + 4,
                   time_text(std::pow(10, power)));
  }
  for (const Mark& mark : chart.x_marks) {
    fmt::format_to(out,
                   "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\" stroke=\"#eee\"/>"
                   "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                   x.place(mark.x), x.place(mark.x), kTop, bottom, x.place(mark.x), bottom + 18,
                   escaped_text(mark.text));
  }
  fmt::format_to(out,
                 "<text x=\"{}\" y=\"24\" font-size=\"14\">{}</text>"
                 "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                 kLeft, escaped_text(chart.title), (kLeft + right) / 2, kHeight - 14,
                 escaped_text(chart.x_title));
}

void put_line(const Line& line, const char* colour, const Axis& x, const Axis& y,
              std::string& text) {
  if (line.points.empty()) return;
  auto out = std::back_inserter(text);
  text += "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"";
  text += colour;
  text += "\" points=\"";
  for (const auto& [at, ns] : line.points) {
    fmt::format_to(out, "{:.1f},{:.1f} ", x.place(at), y.place(std::log10(ns)));
  }
  text += "\"/>\n";
  for (const auto& [at, ns] : line.points) {
    if (line.points.size() > 40) break;
    fmt::format_to(out, "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", x.place(at),
                   y.place(std::log10(ns)), colour);
  }
  const auto& [at, ns] = line.points.back();
  fmt::format_to(out, "<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n", x.place(at) + 8,
                 y.place(std::log10(ns)) + 4, colour, escaped_text(line.name));
}

}  // namespace

std::vector<double> round_marks(double most) {
  ONCE_ASSERT(most > 0);
  const double power = std::pow(10, std::floor(std::log10(most)));
  const double first = most / power;  // 1 to 10
  const double step = power * (first <= 2 ? 0.2 : first <= 5 ? 0.5 : 1);
  std::vector<double> marks;
  for (int i = 0; marks.empty() || marks.back() < most * (1 - 1e-9); ++i) marks.push_back(i * step);
  return marks;
}

std::string svg_of(const Chart& chart) {
  ONCE_ASSERT(chart.x_marks.size() >= 2 && chart.lines.size() <= kColours.size());
  const Axis x{chart.x_marks.front().x, chart.x_marks.back().x, kLeft, kWidth - kRight - kLeft};
  const Axis y = y_axis(chart);
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, kHeight);
  put_axes(chart, x, y, text);
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    put_line(chart.lines[i], kColours[i], x, y, text);
  }
  return text + "</svg>\n";
}

}  // namespace once::bench
