// A node learns what was decided without it, from whoever knows it, and from a majority where
// nobody does (DESIGN 3.6).
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace catching_up_test {

constexpr uint32_t kRate = 20'000;

struct CatchingUp : ::testing::Test {
  World world{3, 1, kLingerFrom, kRate};
  uint64_t ids = 0;

  std::string written(size_t node, size_t home, int n) {
    const std::string name = world.name_at_home(home, n);
    const uint64_t token = world.write(node, name, "value of " + name, request_id(1, ++ids));
    world.settle(4);
    EXPECT_EQ(world.answer(token).status, Status::kDone);
    return name;
  }
  bool in_sync(size_t node) { return world.counters(node).catch_up.in_sync == 1; }
  void settle_until_in_sync(size_t node, int64_t ms = 30'000) {
    for (int64_t at = 0; at < ms && !in_sync(node); at += 100) world.settle(100);
    EXPECT_TRUE(in_sync(node));
  }
  bool is_final(size_t node, const std::string& name) {
    const Explanation told = world.replica(node).explain(name);
    return told.decided && told.sealed;
  }
  // The others are out of reach: what is answered it answers alone.
  void expect_alone(size_t node, const std::vector<std::string>& names) {
    for (size_t other = 0; other < 3; ++other) {
      if (other != node) world.link(node, other, false);
    }
    for (const std::string& name : names) {
      const uint64_t token = world.read(node, name);
      ASSERT_TRUE(world.answered(token)) << name;
      EXPECT_EQ(world.answer(token).status, Status::kDone);
      EXPECT_EQ(world.answer(token).value, "value of " + name);
    }
  }
};

TEST_F(CatchingUp, ANodeThatWasDownAnswersAloneAfterwards) {
  std::vector<std::string> names = {written(0, 0, 0), written(1, 2, 1)};
  world.settle();
  world.crash(2);
  for (int n = 2; n < 60; ++n) names.push_back(written(n % 2, n % 2, n));
  world.start(2);
  EXPECT_FALSE(in_sync(2));
  settle_until_in_sync(2);
  EXPECT_GE(world.counters(2).catch_up.learned, 58u);
  EXPECT_EQ(world.counters(2).catch_up.behind, 0u);
  expect_alone(2, names);
}

TEST_F(CatchingUp, WhatWasLearnedIsKeptOverARestart) {
  world.settle();
  world.crash(2);
  std::vector<std::string> names;
  for (int n = 0; n < 9; ++n) names.push_back(written(n % 2, n % 3, n));
  world.start(2);
  settle_until_in_sync(2);
  world.crash(2);
  world.start(2);
  expect_alone(2, names);
}

// The news are lost, though the state came.
TEST_F(CatchingUp, ADecisionThatWasLostIsHeardOfLater) {
  const std::string name = world.name_at_home(0);
  world.write(0, name, "value of " + name, request_id(1, 1));
  for (int i = 0; i < 40; ++i) {
    world.drop_all<ChosenRange>(2);
    world.drop_all<Decided>(2);
    while (world.in_flight() > 0) {
      world.deliver(0);
      world.drop_all<ChosenRange>(2);
    }
    for (size_t node = 0; node < 3; ++node) world.sync(node);
    world.tick(2);
  }
  ASSERT_FALSE(is_final(2, name));
  ASSERT_EQ(world.replica(2).explain(name).version, 1u);
  world.settle(15'000);
  EXPECT_TRUE(is_final(2, name));
  expect_alone(2, {name});
}

// Whoever had the majority is away before he could tell.
TEST_F(CatchingUp, WhatNobodyKnowsToBeDecidedIsAskedOfAMajority) {
  world.settle();
  const std::string name = world.name_at_home(0);
  world.write(0, name, "value of " + name, request_id(1, 1));
  world.sync(0);
  world.deliver(0);
  world.deliver(0);
  world.sync(1);
  world.sync(2);
  world.crash(0);
  ASSERT_EQ(world.replica(1).explain(name).version, 1u);
  ASSERT_FALSE(is_final(1, name));
  world.settle(15'000);
  EXPECT_TRUE(is_final(1, name));
  EXPECT_TRUE(is_final(2, name));
  EXPECT_EQ(world.counters(1).classic_rounds + world.counters(2).classic_rounds, 0u);
}

// It was accepted by one, chosen by nobody, and nobody is at work there.
TEST_F(CatchingUp, WhatWasLeftHalfDoneIsFinished) {
  world.settle();
  const std::string name = world.name_at_home(0);
  world.write(0, name, "value of " + name, request_id(1, 1));
  world.drop_all<Accept>(2);
  world.sync(0);
  world.deliver(0);
  world.sync(1);
  world.crash(0);
  ASSERT_EQ(world.replica(1).explain(name).version, 1u);
  world.settle(15'000);
  EXPECT_TRUE(is_final(1, name));
  EXPECT_TRUE(is_final(2, name));
}

TEST_F(CatchingUp, ARegisterIsBroughtToItsNewestVersion) {
  const std::string name = world.name_at_home(0);
  const auto set = [&](const std::string& value) {
    ClientRequest request;
    request.operation = Operation::kSet;
    request.id = request_id(2, ++ids);
    request.timeout_ms = 1000;
    request.name = name;
    request.value = value;
    const uint64_t token = world.ask(0, request);
    world.settle(20);
    EXPECT_EQ(world.answer(token).status, Status::kDone);
  };
  set("one");
  world.settle();
  world.crash(2);
  set("two");
  set("three");
  world.start(2);
  settle_until_in_sync(2);
  const Explanation told = world.replica(2).explain(name);
  EXPECT_EQ(told.version, 3u);
  EXPECT_TRUE(told.decided);
  // The home goes on as before.
  set("four");
  world.settle();
  EXPECT_EQ(world.replica(2).explain(name).version, 4u);
}

TEST_F(CatchingUp, TheHomeItselfLearnsItsNamesAndLeavesRoundZeroShut) {
  world.settle();
  world.crash(2);
  std::vector<std::string> names;
  for (int n = 0; n < 9; ++n) names.push_back(written(n % 2, 2, n));
  world.start(2);
  settle_until_in_sync(2);
  const uint64_t token = world.write(2, names[0], "another", request_id(9, 9));
  world.settle(20);
  EXPECT_EQ(world.answer(token).status, Status::kAlreadySet);
  EXPECT_EQ(world.counters(2).fast_path_writes, 0u);
  expect_alone(2, names);
}

TEST_F(CatchingUp, WhoeverIsInSyncSaysNothingForSeconds) {
  for (int n = 0; n < 9; ++n) written(n % 3, n % 3, n);
  for (size_t node = 0; node < 3; ++node) settle_until_in_sync(node);
  size_t asked = 0;
  for (int i = 0; i < 4'000; ++i) {
    world.drain();
    world.tick(5);
    asked += world.count<SyncCompare>();
    EXPECT_EQ(world.count<SyncNames>() + world.count<SyncFetch>(), 0u);
  }
  // In 20 s: two or three comparisons with each of two others, of four messages each.
  EXPECT_GE(asked, 3u * 2u * 4u);
  EXPECT_LE(asked, 3u * 2u * 3u * 4u);
}

// Any one of them may be lost.
TEST_F(CatchingUp, GoesOnThoughMessagesAreLost) {
  world.settle();
  world.crash(2);
  std::vector<std::string> names;
  for (int n = 0; n < 40; ++n) names.push_back(written(n % 2, n % 3, n));
  world.start(2);
  for (int i = 0; i < 60'000 && !in_sync(2); ++i) {
    for (size_t n = world.in_flight(); n-- > 0;) {
      if (world.prng().below(5) == 0) world.drop(n);
    }
    world.drain();
    world.tick(5);
  }
  EXPECT_TRUE(in_sync(2));
  for (const std::string& name : names) EXPECT_TRUE(is_final(2, name)) << name;
}

TEST_F(CatchingUp, GoesNoFasterThanItIsTold) {
  World slow(3, 1, kLingerFrom, 100);
  slow.settle();
  slow.crash(2);
  for (int n = 0; n < 300; ++n) {
    slow.write(0, slow.name_at_home(0, n), "v", request_id(1, static_cast<uint64_t>(n) + 1));
    slow.settle(2);
  }
  slow.settle(100);
  slow.start(2);
  slow.settle(2'500);
  EXPECT_LE(slow.counters(2).catch_up.learned, 260u);
  EXPECT_GT(slow.counters(2).catch_up.behind, 0u);
  EXPECT_EQ(slow.counters(2).catch_up.in_sync, 0u);
  slow.settle(6'000);
  EXPECT_EQ(slow.counters(2).catch_up.learned, 300u);
  EXPECT_EQ(slow.counters(2).catch_up.in_sync, 1u);
}

}  // namespace catching_up_test
}  // namespace once::paxos::test
