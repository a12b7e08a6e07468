#include "bench/percentiles.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace once::bench {
namespace {

constexpr double kLinesAHalving = 5;

double microseconds(uint64_t ns) { return static_cast<double>(ns) / 1e3; }

double deviation(const Histogram& latency) {
  if (latency.count() == 0) return 0;
  double squares = 0;
  latency.for_each([&](uint64_t value, uint64_t count) {
    const double from_mean = static_cast<double>(value) - latency.mean();
    squares += from_mean * from_mean * static_cast<double>(count);
  });
  return std::sqrt(squares / static_cast<double>(latency.count())) / 1e3;
}

}  // namespace

std::string percentiles_of(const Histogram& latency) {
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  auto out = std::back_inserter(text);
  const auto all = static_cast<double>(latency.count());
  uint64_t seen = 0;
  double next = 0;  // a line is due at that part of all values
  latency.for_each([&](uint64_t value, uint64_t count) {
    seen += count;
    const double part = static_cast<double>(seen) / all;
    if (seen == latency.count()) {
      fmt::format_to(out, "{:12.3f} {:2.12f} {:10}\n", microseconds(value), 1.0, seen);
      return;
    }
    if (part < next) return;
    fmt::format_to(out, "{:12.3f} {:2.12f} {:10} {:14.2f}\n", microseconds(value), part, seen,
                   1 / (1 - part));
    const double halving = std::exp2(std::floor(-std::log2(1 - part)));
    next = part + 1 / (2 * halving * kLinesAHalving);
  });
  fmt::format_to(out, "#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", latency.mean() / 1e3,
                 deviation(latency));
  fmt::format_to(out, "#[Max     = {:12.3f}, Total count    = {:12}]\n",
                 microseconds(latency.max()), latency.count());
  fmt::format_to(out, "#[Buckets = {:12}, SubBuckets     = {:12}]\n",
                 Histogram::kBuckets / Histogram::kSubBuckets, Histogram::kSubBuckets);
  return text;
}

}  // namespace once::bench
