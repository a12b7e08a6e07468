// Floods in the log: each kind of complaint has its own few lines.
#include "net/log_limiter.h"

#include <gtest/gtest.h>

namespace once::net {
namespace log_limiter_test {

using Lines = std::vector<std::string>;
constexpr int64_t kSecond = 1'000'000'000;

struct LogLimiterTest : testing::Test {
  Lines lines;
  int64_t now_ns = 5;
  LogLimiter limiter{[this](std::string_view line) { lines.emplace_back(line); }};

  void complain(Complaint kind, uint16_t node, const std::string& text) {
    limiter.complain(kind, NodeId{node}, text, now_ns);
  }
  void flood(Complaint kind, uint16_t node, int count) {
    for (int i = 0; i < count; ++i) complain(kind, node, "junk " + std::to_string(i));
  }
  void tick(int64_t seconds) {
    now_ns += seconds * kSecond;
    limiter.on_tick(now_ns);
  }
};

TEST_F(LogLimiterTest, AFewLinesAKindAndThenTheirNumber) {
  flood(Complaint::kClientClosed, 0, 40);
  EXPECT_EQ(lines, (Lines{"junk 0", "junk 1", "junk 2"}));
  tick(9);
  EXPECT_EQ(lines.size(), 3u);
  tick(1);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[3], "client connections closed: ... and 37 more like this in 10 s");
  tick(100);
  EXPECT_EQ(lines.size(), 4u);
}

TEST_F(LogLimiterTest, AFloodOfOneKindHidesNoOther) {
  flood(Complaint::kNotAPeer, 0, 1000);
  flood(Complaint::kForeignPeer, 0, 1000);
  flood(Complaint::kClientClosed, 0, 1000);
  lines.clear();
  complain(Complaint::kOtherDisk, 2, "node 2 has another disk");
  complain(Complaint::kSameNumber, 0, "two nodes use the number 1");
  EXPECT_EQ(lines, (Lines{"node 2 has another disk", "two nodes use the number 1"}));
}

TEST_F(LogLimiterTest, EachMemberHasLinesOfItsOwn) {
  flood(Complaint::kOtherDisk, 2, 1000);
  lines.clear();
  for (uint16_t node = 3; node <= 15; ++node) {
    complain(Complaint::kOtherDisk, node, "node " + std::to_string(node));
  }
  EXPECT_EQ(lines.size(), 13u);
}

// Numbers that no member has are all one stranger's: else they would be kinds without end.
TEST_F(LogLimiterTest, NumbersOfNobodyAreOneKind) {
  for (uint16_t node = 100; node < 1100; ++node) {
    complain(Complaint::kOtherDisk, node, "node " + std::to_string(node));
  }
  EXPECT_EQ(lines.size(), LogLimiter::kLines);
}

TEST_F(LogLimiterTest, TheSameTextOnceInAWindow) {
  for (int i = 0; i < 20; ++i) complain(Complaint::kClientSilent, 0, "no hello");
  EXPECT_EQ(lines, (Lines{"no hello"}));
  tick(10);
  EXPECT_EQ(lines.back(), "no client hello: ... and 19 more like this in 10 s");
  complain(Complaint::kClientSilent, 0, "no hello");
  EXPECT_EQ(lines.back(), "no hello");
}

// It is dialled twice a second.
TEST_F(LogLimiterTest, AMemberThatIsAwayIsSaidOnceWithoutACount) {
  for (int i = 0; i < 19; ++i) complain(Complaint::kUnreachable, 3, "node 3 cannot be reached");
  tick(10);
  EXPECT_EQ(lines, (Lines{"node 3 cannot be reached"}));
  flood(Complaint::kUnreachable, 3, 5);
  tick(10);
  EXPECT_EQ(lines.back(), "cannot be reached (node 3): ... and 2 more like this in 10 s");
}

TEST_F(LogLimiterTest, AWindowThatNoTickEndedIsEndedByTheNextComplaint) {
  flood(Complaint::kClientClosed, 0, 5);
  now_ns += 60 * kSecond;
  complain(Complaint::kClientClosed, 0, "later");
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[3], "client connections closed: ... and 2 more like this in 10 s");
  EXPECT_EQ(lines[4], "later");
}

}  // namespace log_limiter_test
}  // namespace once::net
