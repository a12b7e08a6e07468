// What the runs of one step have in common. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "bench/figures.h"
#include "bench/load_result.h"

namespace once::bench {

// The middle one; of an even number, between the two in the middle. REQUIRES: there are some.
inline double median_of(std::vector<double> values) {
  ONCE_ASSERT(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct Medians {
  double throughput = 0;
  double spread = 0;  // of the throughputs: highest less lowest, as a part of the median
  double p50_ns = 0;
  double p99_ns = 0;
  double p999_ns = 0;
  double max_ns = 0;
  uint64_t errors = 0;  // of all runs
  size_t voids = 0;
};

inline Medians medians_of(const std::vector<LoadResult>& runs) {
  const auto median = [&](auto figure) {
    std::vector<double> values;
    for (const LoadResult& run : runs) values.push_back(figure(run));
    return median_of(std::move(values));
  };
  const auto percentile = [&](double percent) {
    return median([percent](const LoadResult& r) { return percentile_ns(r.latency, percent); });
  };
  Medians m;
  m.throughput = median(throughput);
  const auto [least, most] = std::minmax_element(
      runs.begin(), runs.end(),
      [](const LoadResult& a, const LoadResult& b) { return throughput(a) < throughput(b); });
  if (m.throughput > 0) m.spread = (throughput(*most) - throughput(*least)) / m.throughput;
  m.p50_ns = percentile(50);
  m.p99_ns = percentile(99);
  m.p999_ns = percentile(99.9);
  m.max_ns = median([](const LoadResult& r) { return static_cast<double>(r.latency.max()); });
  for (const LoadResult& run : runs) {
    m.errors += run.errors.total() + run.protocol_errors;
    m.voids += is_void(run) ? 1 : 0;
  }
  return m;
}

}  // namespace once::bench
