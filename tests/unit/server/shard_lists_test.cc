// Who asks for the names of a shard: one answer a round, a bounded queue, and nothing that died
// with its round is read again.
#include <gtest/gtest.h>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_lists_test {

using paxos::Status;

struct Lists : testing::Test {
  Lists() { core.log.report(1); }
  void ask(uint64_t correlation, std::string_view prefix = "p", uint32_t run = 0,
           uint32_t most = 10, uint64_t connection = 7) {
    std::string bytes(prefix);
    core.shard.client_handler()->on_list({connection}, correlation, {{bytes, 5, most}, run});
    bytes.assign(bytes.size(), '\xdd');  // as of a buffer that is used again
  }
  Core core{0};
};

TEST_F(Lists, AreAnsweredOneARoundInTheirOrder) {
  ask(1, "one"), ask(2, "two"), ask(3, "three", 0, 10, 8);
  EXPECT_TRUE(core.listener.lists.empty());
  for (const auto& [correlation, prefix] :
       std::vector<std::pair<uint64_t, std::string>>{{1, "one"}, {2, "two"}, {3, "three"}}) {
    const int wakes = core.io.wakes;
    core.round();
    ASSERT_EQ(core.listener.lists.size(), correlation);
    const SentList& told = core.listener.lists.back();
    EXPECT_EQ(told.connection, correlation < 3 ? 7u : 8u);
    EXPECT_EQ(told.correlation, correlation);
    EXPECT_EQ(told.status, Status::kDone);
    EXPECT_EQ(told.run, 1u);
    EXPECT_EQ(told.first, prefix);
    EXPECT_EQ(core.io.wakes > wakes, correlation < 3) << "a round follows while some wait";
  }
  core.round();
  EXPECT_EQ(core.listener.lists.size(), 3u);
}

TEST_F(Lists, BeyondTheQueueTheAnswerIsOverloadedAtOnce) {
  for (uint64_t i = 0; i < 64; ++i) ask(i, "p", 0, 10, 100 + i);
  EXPECT_TRUE(core.listener.lists.empty());
  ask(64);
  ASSERT_EQ(core.listener.lists.size(), 1u);
  EXPECT_EQ(core.listener.lists[0].correlation, 64u);
  EXPECT_EQ(core.listener.lists[0].status, Status::kOverloaded);
  for (int i = 0; i < 64; ++i) core.round();
  EXPECT_EQ(core.listener.lists.size(), 65u);
  ask(65);
  core.round();
  EXPECT_EQ(core.listener.lists.back().status, Status::kDone);
}

TEST_F(Lists, OneConnectionHoldsNoMoreThanTwoPlaces) {
  ask(1), ask(2), ask(3), ask(4, "p", 0, 10, 8);
  ASSERT_EQ(core.listener.lists.size(), 1u);
  EXPECT_EQ(core.listener.lists[0].correlation, 3u);
  EXPECT_EQ(core.listener.lists[0].status, Status::kOverloaded);
  core.round();
  ask(5);  // one was answered
  EXPECT_EQ(core.listener.lists.size(), 2u);
}

TEST_F(Lists, AStopWaitsForThoseThatWait) {
  core.host.stop = true;
  ask(1), ask(2);
  core.shard.on_wake();
  core.shard.on_wake();
  EXPECT_FALSE(core.io.stopped);
  core.round();
  core.round();
  EXPECT_EQ(core.listener.lists.size(), 2u);
  core.shard.on_wake();
  core.shard.on_wake();
  EXPECT_FALSE(core.io.stopped) << "the end of a round may take more";
  core.round();
  core.shard.on_wake();
  EXPECT_TRUE(core.io.stopped);
}

TEST_F(Lists, APlaceHoldsForOneRun) {
  ask(1, "p", 1), ask(2, "p", 2), ask(3, "p", 0, 10, 8);
  for (int i = 0; i < 3; ++i) core.round();
  ASSERT_EQ(core.listener.lists.size(), 3u);
  EXPECT_EQ(core.listener.lists[0].status, Status::kDone);
  EXPECT_EQ(core.listener.lists[1].status, Status::kConflict);
  EXPECT_EQ(core.listener.lists[1].first, "");
  EXPECT_EQ(core.listener.lists[2].status, Status::kDone);
}

TEST_F(Lists, WhatBreaksALimitIsInvalidAndWhoHasNoVoteTellsNothing) {
  ask(1, std::string(kMaxNameBytes + 1, 'p'));
  ask(2, "p", 0, 0);
  ask(3, std::string(kMaxNameBytes, 'p'));
  ASSERT_EQ(core.listener.lists.size(), 2u);
  EXPECT_EQ(core.listener.lists[0].status, Status::kInvalid);
  EXPECT_EQ(core.listener.lists[1].status, Status::kInvalid);
  core.host.votes = false;
  ask(4);
  EXPECT_EQ(core.listener.lists.back().status, Status::kUnavailable);
}

}  // namespace shard_lists_test
}  // namespace once::server::test
