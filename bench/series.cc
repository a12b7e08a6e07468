#include "bench/series.h"

#include <utility>

#include "bench/figures.h"

namespace once::bench {
namespace {

constexpr double kNarrowest = 0.03;

// False: nothing more is to be run.
template <class Of>
bool note(Of& of, const LoadResult& result) {
  of.interrupted = result.interrupted;
  of.failure = result.failure;
  of.left.add(result);
  return result.failure.empty();
}

bool keeps(const RateTarget& target, const LoadResult& result) {
  return percentile_ns(result.latency, target.percent) <= target.limit_ns && !is_void(result) &&
         result.errors.total() == 0 && result.protocol_errors == 0;
}

// False: nothing more is to be run.
bool try_rate(Options options, double rate, const RunOnce& run, RateSearch& search) {
  options.rate = rate;
  LoadResult result = run(options);
  if (!note(search, result)) return false;
  const bool kept = rate > 0 && keeps(*options.target, result);
  if (kept) search.best = rate;
  search.tries.push_back({rate, std::move(result), kept});
  return search.interrupted == 0;
}

}  // namespace

size_t Series::runs() const {
  size_t runs = 0;
  for (const Step& step : steps) runs += step.runs.size();
  return runs;
}

Series run_series(const Options& options, const RunOnce& run) {
  Series series;
  if (options.swept == Swept::kNothing) series.steps.push_back({options, {}});
  for (const double value : options.swept_values) {
    series.steps.push_back({options_at(options, value), {}});
  }
  for (size_t turn = 0; turn < options.repeats; ++turn) {
    for (Step& step : series.steps) {
      LoadResult result = run(step.options);
      if (!note(series, result)) return series;
      step.runs.push_back(std::move(result));
      if (series.interrupted != 0) return series;
    }
  }
  return series;
}

RateSearch search_rate(const Options& options, const RunOnce& run) {
  RateSearch search;
  if (!try_rate(options, 0, run, search)) return search;
  const double most = throughput(search.tries.front().result);
  double low = 0, high = most;
  while (high - low > kNarrowest * most) {
    const double rate = (low + high) / 2;
    if (!try_rate(options, rate, run, search)) return search;
    (search.tries.back().kept ? low : high) = rate;
  }
  return search;
}

}  // namespace once::bench
