// While the load writes much, cleaning waits for a quiet moment: how long, and when not.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/cleaner.h"
#include "tests/unit/server/cleaned_log.h"

namespace once::server::test {
namespace busy_cleaner_test {

constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kSegment = CleanedLog::kSegment;

class BusyCleaner : public testing::Test {
 protected:
  // One write each time, so that each takes a block.
  void load(int64_t ns, int64_t every_ns) {
    for (int64_t passed = 0; passed < ns; passed += every_ns) {
      log.write("hot");
      log.round(every_ns);
    }
  }

  CleanedLog log;
  static constexpr int64_t kMuch = kBlockBytes * 1000 * kMs / kBusyBytesPerSecond / 2;
  static constexpr int64_t kLittle = kMuch * 4;
};

TEST_F(BusyCleaner, PutsItOffUntilTheLoadRests) {
  log.allowed = false;
  log.fill_a_segment("hot");
  load(300 * kMs, kMuch);
  log.allowed = true;
  load(300 * kMs, kMuch);
  EXPECT_TRUE(log.looked_at.empty());
  log.rounds(200, kMs);
  EXPECT_FALSE(log.looked_at.empty());
}

TEST_F(BusyCleaner, DoesNotPutItOffForALittle) {
  log.allowed = false;
  log.fill_a_segment("hot");
  load(300 * kMs, kLittle);
  log.allowed = true;
  load(300 * kMs, kLittle);
  EXPECT_FALSE(log.looked_at.empty());
}

// Else the files would grow for as long as the load goes on.
TEST_F(BusyCleaner, PutsOffAsMuchAsItMayAndNoMore) {
  uint64_t most = 0;
  for (int n = 0; n < 20'000; ++n) {
    log.write("hot");
    log.round(10'000);
    most = std::max(most, log.file_bytes());
    ASSERT_TRUE(log.is_bounded(kMostPutOff)) << n;
  }
  EXPECT_FALSE(log.is_bounded(kMostPutOff - 2)) << "it cleans no more than it has to";
  EXPECT_GT(most, (4 + kMostPutOff - 1) * kSegment);
  log.rounds(4000, 5 * kMs);
  EXPECT_TRUE(log.is_bounded());
}

// Twice what is needed, not four segments, is what there is to begin with.
TEST_F(BusyCleaner, PutsOffMoreWhereMoreIsNeeded) {
  log.allowed = false;
  for (int n = 0; n < 1500; ++n) log.write("name-" + std::to_string(n), 3900), log.round(0);
  for (int n = 0; n < 8; ++n) log.fill_a_segment("hot");
  ASSERT_GT(log.log().use().segments().size(), kMostPutOff + 1);
  ASSERT_LT(log.log().use().segments().size() * kSegment,
            2 * log.needed_bytes() + (kMostPutOff + 1) * kSegment);
  load(300 * kMs, kMuch);
  log.allowed = true;
  load(300 * kMs, kMuch);
  EXPECT_TRUE(log.looked_at.empty());
}

// The disk is full for another core: this one gives back what it may.
TEST_F(BusyCleaner, PutsNothingOffWhileAnotherCoreFindsTheDiskFull) {
  log.allowed = false;
  log.fill_a_segment("hot");
  load(300 * kMs, kMuch);
  log.allowed = true;
  log.others_are_full = true;
  load(100 * kMs, kMuch);
  EXPECT_FALSE(log.looked_at.empty());
}

TEST(BusyCleanerAdopts, AllTheSame) {
  CleanedLog log(true);
  log.to_adopt = 1'000'000;
  for (int n = 0; n < 300; ++n) log.write("hot"), log.round(kMs);
  const int before = log.adoptions;
  for (int n = 0; n < 300; ++n) log.write("hot"), log.round(kMs);
  EXPECT_GT(log.adoptions, before);
}

// A segment that is half looked at: no more of it until the load rests, then the rest of it.
TEST(BusyCleanerOfLargeSegments, PutsOffTheRestOfOne) {
  CleanedLog log(false, 8 * kSegment);
  const auto load = [&log](int ms) {
    for (int n = 0; n < ms; ++n) log.write("hot"), log.round(kMs);
  };
  log.allowed = false;
  while (log.sealed() < 3) log.write("hot"), log.log().flush(), log.complete();
  for (int n = 0; n < 300; ++n) log.round(kMs);
  log.allowed = true;
  load(210);  // until it knows the load
  const size_t half = log.looked_at.size();
  ASSERT_GT(half, 0u);
  ASSERT_EQ(log.cleaner().counters().segments, 0u);
  load(300);
  EXPECT_EQ(log.looked_at.size(), half);
  for (int n = 0; n < 1500; ++n) log.round(kMs);
  EXPECT_GE(log.cleaner().counters().segments, 1u);
}

// Of segments that are larger than what may be looked at in a round: they are paid for in time.
TEST(BusyCleanerOfLargeSegments, StaysWithinTheBoundAsWell) {
  CleanedLog log(false, 8 * kSegment);
  for (int n = 0; n < 40'000; ++n) {
    log.write("hot-" + std::to_string(n % 1000), 500);
    log.write("hot-" + std::to_string(n % 1000), 500);
    if (n % 8 == 0) log.write("name-" + std::to_string(n), 500);
    log.round(10'000);
    ASSERT_TRUE(log.is_bounded(kMostPutOff)) << n;
  }
  EXPECT_GT(log.cleaner().counters().segments, 3u);
}

// What it writes itself is no load: one pass would put off the next.
TEST_F(BusyCleaner, IsNotKeptFromItByWhatItKeeps) {
  log.allowed = false;
  for (int n = 0; log.sealed() < 16; ++n) {
    log.write("name-" + std::to_string(n), 1450);
    log.write("hot", 2150);
    log.log().flush();
    log.complete();
  }
  log.rounds(300, kMs);
  log.allowed = true;
  for (int n = 0; n < 8; ++n) {
    const size_t before = log.looked_at.size();
    log.rounds(50, kMs);
    EXPECT_GT(log.looked_at.size(), before) << n;
  }
  EXPECT_GT(log.cleaner().counters().kept_bytes, uint64_t{kBusyBytesPerSecond});
}

}  // namespace busy_cleaner_test
}  // namespace once::server::test
