#include "paxos/watchers.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace watchers_test {

struct Watching : ::testing::Test {
  OpIndex wait_for(uint64_t version, NameHash hash) {
    const OpIndex op = ops.take(Operation::kWait);
    ops[op].hash = hash;
    ops[op].version = version;
    watchers.add(op);
    return op;
  }
  static constexpr NameHash kName{1, 1}, kOther{1, 2};
  OpPool ops{8};
  WatchList watchers{ops, 4};
};

TEST_F(Watching, KnowsWhatIsTooOldForAll) {
  EXPECT_TRUE(watchers.empty());
  const OpIndex far = wait_for(9, kName);
  EXPECT_EQ(watchers.of(kName).least, 9u);
  const OpIndex near = wait_for(3, kName);
  EXPECT_EQ(watchers.of(kName).least, 3u);
  EXPECT_TRUE(watchers.of(kOther).waiting.empty()) << "another bucket";
  watchers.remove(near);
  watchers.remove(far);
  EXPECT_TRUE(watchers.empty());
  wait_for(7, kName);
  EXPECT_EQ(watchers.of(kName).least, 7u) << "the bucket begins anew";
}

using WatchingDeathTest = Watching;
TEST_F(WatchingDeathTest, ARequestIsHereOnceAndOnlyWaitsAre) {
  const OpIndex op = wait_for(1, kName);
  EXPECT_DEATH(watchers.add(op), "list");
  watchers.remove(op);
  EXPECT_DEATH(watchers.remove(op), "has");
  EXPECT_DEATH(watchers.add(ops.take(Operation::kRead)), "kWait");
}

}  // namespace watchers_test
}  // namespace once::paxos
