// Ctrl-C and its like, for a run that then ends early and says what it measured so far. The second
// one ends the process at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bench/clock.h"
#include "bench/load_result.h"

namespace once::reactor {
class Io;
}

namespace once::bench {

// While it lives, signals wake that Io, whose handler asks interrupted(). Without one, between two
// runs, a signal is remembered all the same: the next run ends as it begins. One at a time.
class EndOnSignals {
 public:
  explicit EndOnSignals(reactor::Io& io);  // which outlives it
  ~EndOnSignals();
  EndOnSignals(const EndOnSignals&) = delete;
  EndOnSignals& operator=(const EndOnSignals&) = delete;
};
int interrupted();  // the number of the signal; 0: none

// What a signal makes of a run that is in that phase. What was measured counts, and answers that
// are under way have a second more. `enter`: of a phase; `fail`: with a reason.
template <class Phase, class Enter, class Fail>
void end_early(Phase phase, int64_t now, int64_t measure_start_ns, LoadResult& result,
               int64_t& phase_end_ns, Enter enter, Fail fail) {
  constexpr int64_t kLastAnswersNs = kSecond;
  result.interrupted = interrupted();
  if (phase == Phase::kDrain) {
    phase_end_ns = std::min(phase_end_ns, now + kLastAnswersNs);
  } else if (phase == Phase::kMeasure) {
    result.seconds = static_cast<double>(std::max<int64_t>(now - measure_start_ns, 1)) / 1e9;
    enter(Phase::kDrain);
    phase_end_ns = now + kLastAnswersNs;
  } else {
    fail("interrupted before anything was measured");
  }
}

}  // namespace once::bench
