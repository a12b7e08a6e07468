// One line about a run that goes on, rewritten every second; nothing where nobody looks.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/last_words.h"
#include "bench/clock.h"
#include "bench/load_result.h"
#include "bench/time_text.h"

namespace once::bench {

class Progress {
 public:
  // `count`: the answers of this phase so far. `result`: of a load, the only one or one of several.
  void show(int64_t now, const char* phase, int64_t left_ns, uint64_t count,
            const LoadResult& result) {
    if (!on_ || now < next_ns_) return;
    const uint64_t more = count < count_ ? count : count - count_;  // the measured time counts anew
    const std::string line = fmt::format(
        "\r\033[K{}, {} s left  {} answers/s  p50 {}  errors {}", phase,
        std::max<int64_t>(0, (left_ns + kSecond / 2) / kSecond), more,
        time_text(static_cast<double>(result.latency.percentile(50))), result.errors.total());
    say_briefly(line, kNoPatienceMs);
    count_ = count;
    next_ns_ = now + kSecond;
  }
  void end() const {
    if (on_) say_briefly("\r\033[K", kNoPatienceMs);
  }

 private:
  // A terminal that is held up must not hold up the load.
  static constexpr int64_t kNoPatienceMs = 0;

  const bool on_ = isatty(STDERR_FILENO) == 1;
  int64_t next_ns_ = 0;
  uint64_t count_ = 0;
};

}  // namespace once::bench
