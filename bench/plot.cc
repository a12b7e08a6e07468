#include "bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/chart.h"
#include "bench/figures.h"
#include "bench/medians.h"

namespace once::bench {
namespace {

std::string title_of(const Options& o) {
  return fmt::format("{} {} names, {} B values, {} connections", o.operation_name, names_of(o),
                     o.value_bytes, o.connections);
}

std::string rate_text(double rate) {
  return rate >= 10'000 ? fmt::format("{:g} k", rate / 1e3) : fmt::format("{:g}", rate);
}

Chart over_throughput(const Options& o, const Series& series) {
  Chart chart{title_of(o), "answers a second", {}, {{"p50", {}}, {"p99", {}}, {"p99.9", {}}}};
  double most = 0;
  for (const Step& step : series.steps) {
    if (step.runs.empty()) continue;
    const Medians m = medians_of(step.runs);
    if (m.p50_ns <= 0) continue;
    most = std::max(most, m.throughput);
    chart.lines[0].points.emplace_back(m.throughput, m.p50_ns);
    chart.lines[1].points.emplace_back(m.throughput, m.p99_ns);
    chart.lines[2].points.emplace_back(m.throughput, m.p999_ns);
  }
  if (most <= 0) return {};
  for (const double mark : round_marks(most)) chart.x_marks.push_back({mark, rate_text(mark)});
  return chart;
}

// x: how often a value is exceeded, as a power of ten.
Chart over_percentiles(const Options& o, const Histogram& latency) {
  if (latency.count() == 0) return {};
  Chart chart{title_of(o), "percentile", {{0, "0"}}, {{"latency", {}}}};
  const double most = std::max(1.0, std::log10(static_cast<double>(latency.count())));
  constexpr int kPointsADecade = 20;
  for (int i = 0; i <= static_cast<int>(most * kPointsADecade); ++i) {
    const double nines = static_cast<double>(i) / kPointsADecade;
    const double ns = percentile_ns(latency, 100 * (1 - std::pow(10, -nines)));
    chart.lines[0].points.emplace_back(nines, std::max(ns, 1.0));
  }
  const int decades = static_cast<int>(std::ceil(most));
  for (int i = 1; i <= decades; ++i) {
    chart.x_marks.push_back({static_cast<double>(i), i == 1 ? "90"
                                                     : i == 2
                                                         ? "99"
                                                         : fmt::format("99.{:9>{}}", "", i - 2)});
  }
  return chart;
}

}  // namespace

std::string plot_of(const Options& options, const Series& series) {
  const bool one = series.runs() == 1;
  const Chart chart = one ? over_percentiles(options, series.steps.front().runs.front().latency)
                          : over_throughput(options, series);
  return chart.x_marks.empty() ? std::string() : svg_of(chart);
}

}  // namespace once::bench
