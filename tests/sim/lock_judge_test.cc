// The oracle of locks: what it lets pass, and what it must not; and runs in which it has work.
#include "tests/sim/lock_judge.h"

#include <gtest/gtest.h>

#include "tests/sim/plan.h"
#include "tests/sim/run.h"

namespace once::sim {
namespace lock_judge_test {

class LockJudgeTest : public testing::Test {
 protected:
  bool complains(const std::string& about) {
    return world.violated().find(about) != std::string::npos;
  }
  uint64_t count(LockEvent event) const { return judge.counts()[static_cast<size_t>(event)]; }
  World world{1};
  LockJudge judge{world};
};

TEST_F(LockJudgeTest, OneAfterTheOther) {
  judge.on_taken("a", 1, 1, kSecond);
  judge.on_renewed("a", 1, 2 * kSecond);
  judge.on_released("a", 1);
  judge.on_taken("a", 2, 4, kSecond);
  world.run_until(kSecond);
  judge.on_taken("a", 1, 5, 2 * kSecond);
  judge.on_lost("a", 2);
  judge.on_taken("b", 2, 1, 2 * kSecond);
  EXPECT_EQ(world.violated(), "");
  EXPECT_EQ(count(LockEvent::kTaken), 4u);
  EXPECT_EQ(count(LockEvent::kTakenOver), 1u);
  EXPECT_EQ(count(LockEvent::kRenewed), 1u);
  EXPECT_EQ(count(LockEvent::kReleased), 1u);
  EXPECT_EQ(count(LockEvent::kLost), 1u);
}

TEST_F(LockJudgeTest, TwoAtOnce) {
  judge.on_taken("a", 1, 1, kSecond);
  world.run_until(kSecond - 1);
  judge.on_taken("a", 2, 2, 3 * kSecond);
  EXPECT_TRUE(complains("believes the same")) << world.violated();
}

TEST_F(LockJudgeTest, OneThatEndedHoldsNothing) {
  judge.on_taken("a", 1, 1, kSecond);
  judge.on_gone("a", 1);
  judge.on_taken("a", 2, 2, kSecond);
  EXPECT_EQ(world.violated(), "");
}

TEST_F(LockJudgeTest, ATokenThatDoesNotGrow) {
  judge.on_taken("a", 1, 7, kSecond);
  judge.on_released("a", 1);
  judge.on_taken("a", 2, 7, kSecond);
  EXPECT_TRUE(complains("was given before")) << world.violated();
}

TEST_F(LockJudgeTest, ARenewalOfWhatWasLost) {
  judge.on_taken("a", 1, 1, kSecond);
  world.run_until(kSecond);
  judge.on_renewed("a", 1, 2 * kSecond);
  EXPECT_TRUE(complains("which it had lost")) << world.violated();
}

TEST_F(LockJudgeTest, ARenewalUnderAnOldToken) {
  judge.on_taken("a", 1, 1, 3 * kSecond);
  judge.on_gone("a", 1);
  judge.on_taken("a", 2, 2, kSecond);
  world.run_until(kSecond);
  judge.on_renewed("a", 1, 4 * kSecond);
  EXPECT_TRUE(complains("was given since")) << world.violated();
}

// Leases are outlived by those that stand still, and by faults; nobody holds what others hold.
TEST(SimRun, LocksAreTakenRenewedAndTakenOver) {
  LockCounts sum{};
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Options options{.seed = seed, .seconds = 5};
    if (draw_plan(seed).lockers == 0) continue;
    const RunResult result = run_seed(options, nullptr);
    ASSERT_EQ(result.violation, "") << "seed " << seed;
    for (size_t event = 0; event < kLockEvents; ++event) sum[event] += result.locks[event];
  }
  for (size_t event = 0; event < kLockEvents; ++event) {
    EXPECT_GT(sum[event], 10u) << lock_event_name(static_cast<LockEvent>(event));
  }
}

}  // namespace lock_judge_test
}  // namespace once::sim
