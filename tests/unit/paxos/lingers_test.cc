#include "paxos/lingers.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace lingers_test {

constexpr int64_t kNow = 1000 * kMs;

struct Lingering : ::testing::Test {
  LingerId begin(size_t made, int64_t took_ns) {
    return lingers.begin(EntryIndex{7}, made, took_ns, kNow);
  }
  LingerId due(int64_t now) {
    size_t at = 0;
    return lingers.take_due(at, now);
  }
  TaskNumbers numbers{32};
  Lingers lingers{numbers};
};

TEST_F(Lingering, EndsWhenMostAreBackOrAfterHalfOfARound) {
  EXPECT_EQ(lingers.first_end(), 0);
  const LingerId id = begin(16, 200'000);
  EXPECT_EQ(lingers[id].awaited, 14u) << "seven in eight";
  EXPECT_EQ(lingers.first_end(), kNow + 100'000);
  EXPECT_EQ(due(kNow), kNil);
  lingers[id].arrived = 14;
  EXPECT_EQ(due(kNow), id);
  lingers.free(id);
  EXPECT_EQ(lingers.first_end(), 0);
  EXPECT_TRUE(numbers.all_free());
  const LingerId slow = begin(16, 60'000 * kMs);
  EXPECT_EQ(lingers.first_end(), kNow + kLongestLingerNs) << "whatever the round took";
  EXPECT_EQ(due(kNow + kLongestLingerNs - 1), kNil);
  EXPECT_EQ(due(kNow + kLongestLingerNs), slow);
}

TEST_F(Lingering, ThoseThatEndTogetherAreTakenOneByOne) {
  for (int i = 0; i < 3; ++i) begin(16, 0);
  size_t at = 0;
  for (int i = 0; i < 3; ++i) lingers.free(lingers.take_due(at, kNow + 1));
  EXPECT_EQ(lingers.take_due(at, kNow + 1), kNil);
  EXPECT_TRUE(numbers.all_free());
}

TEST_F(Lingering, InVainItIsLeftOutTwiceAsOften) {
  for (const int skips : {1, 2, 4}) {
    const LingerId id = begin(16, 0);
    EXPECT_EQ(due(kNow + 1), id) << "nobody came";
    lingers.free(id);
    for (int i = 0; i < skips; ++i) EXPECT_FALSE(lingers.is_tried());
    EXPECT_TRUE(lingers.is_tried());
  }
}

using LingeringDeathTest = Lingering;
TEST_F(LingeringDeathTest, ABoundedNumberOfNamesDoes) {
  for (size_t n = 0; n < kMostLingering; ++n) {
    EXPECT_TRUE(lingers.has_room());
    begin(16, 0);
  }
  EXPECT_FALSE(lingers.has_room());
  EXPECT_DEATH(begin(16, 0), "has_room");
}

}  // namespace lingers_test
}  // namespace once::paxos
