// One line about a run that goes on, rewritten every second; nothing where nobody looks.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>

#include "base/last_words.h"
#include "bench/load_result.h"

namespace once::bench {

class Progress {
 public:
  void show(int64_t now, const char* phase, const LoadResult& result) {
    if (!on_ || now < next_ns_) return;
    const uint64_t count = result.done + result.refused;
    const uint64_t more = count < count_ ? count : count - count_;  // the measured time counts anew
    say_briefly(fmt::format("\r\033[K{}  {} answers/s  p50 {:.0f} us  errors {}", phase, more,
                            static_cast<double>(result.latency.percentile(50)) / 1e3,
                            result.errors.total()),
                kNoPatienceMs);
    count_ = count;
    next_ns_ = now + 1'000'000'000;
  }
  void end() const {
    if (on_) say_briefly("\r\033[K", kNoPatienceMs);
  }

 private:
  static constexpr int64_t kNoPatienceMs =
      0;  // a terminal that is held up must not hold up the load
  const bool on_ = isatty(STDERR_FILENO) == 1;
  int64_t next_ns_ = 0;
  uint64_t count_ = 0;
};

}  // namespace once::bench
