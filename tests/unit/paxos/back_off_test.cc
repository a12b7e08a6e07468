#include "paxos/back_off.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace back_off_test {

TEST(BackOff, IsMeasuredByWhatAQuestionTakes) {
  struct Row {
    const char* why;
    uint8_t attempts;
    bool overtaken;
    int64_t asked_for, least, span;
  };
  constexpr int64_t kLongest = kLongestBackOffNs;
  for (const Row& row : {
           Row{"the first loss", 0, false, 3 * kMs, 0, 6 * kMs},
           Row{"twice as long each time", 1, false, 3 * kMs, 0, 12 * kMs},
           Row{"who was overtaken waits a round first", 0, true, 3 * kMs, 3 * kMs, 6 * kMs},
           Row{"no question is that fast", 0, true, 1, kMs, 2 * kMs},
           Row{"nor so slow: it was lost", 0, true, 9000 * kMs, 512 * kMs, kLongest},
           Row{"doubled ten times at most", 200, false, kMs, 0, kLongest},
           Row{"a second at most", 9, false, 3 * kMs, 0, kLongest},
           Row{"or eight rounds", 9, false, 200 * kMs, 0, 1600 * kMs},
       }) {
    const BackOff pause = back_off_after(row.attempts, row.overtaken, row.asked_for);
    EXPECT_EQ(pause.least_ns, row.least) << row.why;
    EXPECT_EQ(pause.span_ns, row.span) << row.why;
  }
}

TEST(BackOff, IsDrawnFromAllOfItsSpan) {
  Prng prng(1);
  int64_t least = INT64_MAX;
  int64_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    const int64_t drawn = BackOff{100, 50}.draw_ns(prng);
    least = std::min(least, drawn);
    most = std::max(most, drawn);
  }
  EXPECT_EQ(least, 100);
  EXPECT_EQ(most, 149);
}

}  // namespace back_off_test
}  // namespace once::paxos
