// Several runs that belong together: one thing takes several values, each of them a few times. The
// values come by turns, so that a machine which grows slower does it to all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/load_result.h"
#include "bench/options.h"

namespace once::bench {

using RunOnce = std::function<LoadResult(const Options&)>;

struct Step {
  Options options;
  std::vector<LoadResult> runs;
};

struct Series {
  std::vector<Step> steps;
  std::string failure;  // of the run that did not take place: no other follows
  int interrupted = 0;  // by that signal
  NamesLeft left;
  size_t runs() const;
};

Series run_series(const Options& options, const RunOnce& run);

// One rate that was tried.
struct Try {
  double rate = 0;
  LoadResult result;
  bool kept = false;  // the target, with every request answered, at the times that were due
};
struct RateSearch {
  std::vector<Try> tries;
  double best = 0;  // the highest that kept it; 0: none did
  std::string failure;
  int interrupted = 0;
  NamesLeft left;
};
// A run without a rate first says what there is at most, then the interval is halved, until it is
// 3 % of that.
RateSearch search_rate(const Options& options, const RunOnce& run);

}  // namespace once::bench
