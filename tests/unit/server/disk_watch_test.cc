// When a disk is called full, behind and slow, when no longer, and that each is said once.
#include "server/disk_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace once::server {
namespace disk_watch_test {

constexpr int64_t kMs = 1'000'000;

// Log writes, one after the other, looked at every 5 ms.
class ADisk : public testing::Test {
 protected:
  void write(int64_t took_ns) {
    const int64_t begin = now;
    for (int64_t end = now + took_ns; now < end; now += 5 * kMs) look(begin);
    look(0);
  }
  void idle(int64_t ns) {
    for (const int64_t end = now + ns; now < end; now += 5 * kMs) look(0);
  }
  void look(int64_t writing) {
    for (auto& line : watch.look({full, crowded, behind, spent, writing}, why_full, now))
      lines.push_back(line);
  }

  DiskWatch watch;
  int64_t now = 1000 * kMs;
  bool full = false, crowded = false, behind = false, spent = false;
  std::string why_full;
  std::vector<std::string> lines;
};

TEST_F(ADisk, ThatIsFastGivesNoNews) {
  for (int i = 0; i < 100; ++i) write(400 * kMs);
  EXPECT_FALSE(watch.slow());
  EXPECT_TRUE(lines.empty());
}

TEST_F(ADisk, HasAHiccupNowAndThen) {
  for (int i = 0; i < 20; ++i) {
    for (int n = 1; n < DiskWatch::kLongInARow; ++n) write(600 * kMs);
    write(50 * kMs);
  }
  EXPECT_FALSE(watch.slow());
  EXPECT_TRUE(lines.empty());
}

TEST_F(ADisk, ThatStallsIsSlowWhileItStalls) {
  const int64_t begin = now;
  for (; now < begin + DiskWatch::kStalledNs; now += 5 * kMs) look(begin);
  EXPECT_FALSE(watch.slow());
  look(begin);
  EXPECT_TRUE(watch.slow());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("the disk is slow: a log write takes 3000 ms by now"), std::string::npos);
}

TEST_F(ADisk, ThatTakesLongAgainAndAgainIsSlow) {
  for (int i = 1; i < DiskWatch::kLongInARow; ++i) write(600 * kMs);
  EXPECT_FALSE(watch.slow());
  write(600 * kMs);
  EXPECT_TRUE(watch.slow());
}

// Under load the next write begins before anybody has looked.
TEST_F(ADisk, ThatTakesLongWithoutAPauseIsSlow) {
  for (int i = 0; i < DiskWatch::kLongInARow; ++i) {
    EXPECT_FALSE(watch.slow());
    const int64_t begin = now;
    for (; now < begin + 600 * kMs; now += 5 * kMs) look(begin);
  }
  EXPECT_TRUE(watch.slow());
}

TEST_F(ADisk, ThatIsFastWithoutAPauseIsNot) {
  for (int i = 0; i < 10; ++i) {
    const int64_t begin = now;
    for (const int64_t end = begin + (i % 2 == 0 ? 600 : 50) * kMs; now < end; now += 5 * kMs) {
      look(begin);
    }
  }
  EXPECT_FALSE(watch.slow());
}

TEST_F(ADisk, ThatGoesOnTakingLongIsSaidToBeSlowOnce) {
  for (int i = 0; i < 100; ++i) write(600 * kMs);
  EXPECT_TRUE(watch.slow());
  EXPECT_EQ(lines.size(), 1u);
}

TEST_F(ADisk, SaysHowLongTheWritesOfThisTimeTook) {
  write(4000 * kMs);
  idle(DiskWatch::kSlowKeptNs + 100 * kMs);
  write(3200 * kMs);
  idle(DiskWatch::kSlowKeptNs + 100 * kMs);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[3], "the disk is no longer slow; the longest log write took 3195 ms");
}

TEST_F(ADisk, IsNoLongerSlowWhenNothingTookLongForAWhile) {
  write(4000 * kMs);
  idle(DiskWatch::kSlowKeptNs - 100 * kMs);
  EXPECT_TRUE(watch.slow());
  EXPECT_EQ(lines.size(), 1u);
  idle(200 * kMs);
  EXPECT_FALSE(watch.slow());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "the disk is no longer slow; the longest log write took 3995 ms");
  write(100 * kMs);
  EXPECT_FALSE(watch.slow());
}

TEST_F(ADisk, WithoutRoomIsSaidToBeSoIfItLasts) {
  spent = true;
  idle(DiskWatch::kSpentNs - 5 * kMs);
  spent = false;
  idle(5 * kMs);
  EXPECT_TRUE(lines.empty()) << "a segment was cleaned";
  spent = true;
  idle(DiskWatch::kSpentNs + 5 * kMs);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("the log has no room: "));
  idle(2 * DiskWatch::kSpentNs);
  spent = false;
  idle(100 * kMs);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "the log has room again");
}

TEST_F(ADisk, ThatIsFullOrBehindIsSaidToBeSoOnce) {
  full = behind = true;
  idle(100 * kMs);
  EXPECT_TRUE(watch.full());
  EXPECT_EQ(lines.size(), 2u);
  full = behind = false;
  idle(100 * kMs);
  EXPECT_FALSE(watch.full());
  EXPECT_EQ(lines.size(), 4u);
}

// It has room, so nobody is to make any.
TEST_F(ADisk, ThatIsSlowerThanWhatComesIsNotCalledFull) {
  crowded = true;
  idle(100 * kMs);
  EXPECT_FALSE(watch.full());
  crowded = false;
  idle(100 * kMs);
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "the disk is slower than what comes: new names and changes are left to the "
                       "other nodes, or refused, until it has caught up",
                       "the disk has caught up: new names are taken"}));
}

// Not every reason is a full disk, and who reads the line has to act on it.
TEST_F(ADisk, SaysWhyNoLogFileCanBeMade) {
  full = true;
  look(0);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("disk full: ") && lines[0].ends_with("room again")) << lines[0];
  for (const auto& [why, begin, end] :
       {std::tuple{"disk full while preparing f", "disk full: ", "(disk full while preparing f)"},
        {"fsync f: Input/output error",
         "no further log file can be made: ", "one can be made (fsync f: Input/output error)"}}) {
    full = false;
    look(0);
    full = true;
    why_full = why;
    look(0);
    EXPECT_TRUE(lines.back().starts_with(begin) && lines.back().ends_with(end)) << lines.back();
  }
  full = false;
  look(0);
  EXPECT_EQ(lines.back(), "log files can be made again: new names are taken");
}

}  // namespace disk_watch_test
}  // namespace once::server
