// What is made of a result's counts, for the table and for JSON alike. Pure; any thread.
#pragma once

#include <fmt/format.h>

#include <string>

#include "bench/floor.h"
#include "bench/load_result.h"
#include "bench/options.h"

namespace once::bench {

inline double percentile_ns(const Histogram& latency, double percent) {
  return static_cast<double>(latency.percentile(percent));
}
inline double percentile_us(const Histogram& latency, double percent) {
  return percentile_ns(latency, percent) / 1e3;
}

inline double throughput(const LoadResult& result) {
  return static_cast<double>(result.done + result.refused) / result.seconds;
}

// One write at best: to the home, from there to another node's disk, and both ways back.
inline double p50_over_floor(const LoadResult& result, const Floor& floor) {
  return percentile_us(result.latency, 50) / (2 * floor.round_trip_us + floor.log_write_us);
}

// A schedule that the load generator itself did not keep says nothing of the nodes, nor does one
// for which it had too few requests in flight: one request of a hundred was sent more than a
// millisecond late.
inline bool is_void(const LoadResult& result) { return result.lag.percentile(99) > 1'000'000; }

inline std::string names_of(const Options& options) {
  if (options.unset) return "unset";
  if (options.hot_names == 0) return "unique";
  constexpr const char* kKinds[] = {"hot", "uniform", "zipf"};
  return fmt::format("{}:{}", kKinds[static_cast<size_t>(options.popularity)], options.hot_names);
}

// What a shell is told of a run: that it was wrong, or broken off, or that nothing came of it.
inline int exit_code(const LoadResult& result) {
  if (result.protocol_errors > 0) return 1;
  if (result.interrupted != 0) return 128 + result.interrupted;
  return result.done + result.refused > 0 ? 0 : 1;
}

inline double success(const LoadResult& r) {
  const uint64_t tries = r.done + r.refused;
  return tries == 0 ? 0 : static_cast<double>(r.done) / static_cast<double>(tries);
}

}  // namespace once::bench
