// Waits: asked again until their deadline, wherever somebody can be believed to tell the news.
#include <gtest/gtest.h>

#include "tests/unit/client/session_fixture.h"

namespace once::client {
namespace session_wait_test {

class SessionWaitTest : public SessionRulesTest {};

TEST_F(SessionWaitTest, AWaitLastsAQuarterOfAMinuteAtOneNode) {
  begin(Op::kWait, 3, 10'000);
  EXPECT_EQ(sent[0].timeout_ms, 9'800u);
  begin(Op::kWait, 3, 150'000);
  EXPECT_EQ(sent[0].timeout_ms, 15'000u);
}

TEST_F(SessionWaitTest, AWaitIsAskedAgainUntilTheDeadline) {
  begin(Op::kWait, 3, 67'000);
  const int64_t end = now + 67'000 * kMs;
  for (size_t round = 0; round < 4; ++round) {
    run_until(now + 15'000 * kMs);
    reply(round, Status::kNotYet);
    EXPECT_TRUE(results.empty());
    run_until(now + 10 * kMs);  // at once, or nearly
    ASSERT_EQ(sent.size(), round + 2);
    EXPECT_EQ(sent.back().version, 3u);
  }
  EXPECT_LT(sent[4].timeout_ms, 7'000u);
  run_until(end - 1);
  EXPECT_TRUE(results.empty());
  run_until(end);
  expect(Outcome::kNotYet);
}

TEST_F(SessionWaitTest, ANodeThatNeverWaitsIsNotAskedInALoop) {
  begin(Op::kWait, 3, 10'000);
  const int64_t end = now + 10'000 * kMs;
  size_t answered = 0;
  while (results.empty()) {
    for (; answered < sent.size(); ++answered) reply(answered, Status::kNotYet);
    run_until(std::min(session->next_wake_ns(), end));
  }
  EXPECT_LT(sent.size(), 150u);
  EXPECT_GT(sent.size(), 10u);
  expect(Outcome::kNotYet);
}

TEST_F(SessionWaitTest, AWaitThatLosesItsNodeIsAskedElsewhere) {
  begin(Op::kWait, 3, 150'000);
  const PathId first = sent[0].path;
  lose(0);
  until_sent(2);
  EXPECT_NE(sent[1].path, first);
  reply(1, Status::kDone, kOther, 4);
  expect(Outcome::kDone);
}

TEST_F(SessionWaitTest, AWaitThatGetsNoAnswerInTimeIsAskedElsewhere) {
  begin(Op::kWait, 3, 150'000);
  run_until(now + 15'499 * kMs);
  EXPECT_EQ(sent.size(), 1u);
  run_until(now + 2 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(sent[1].path, sent[0].path);
  reply(0, Status::kDone, kOther, 4);  // of the attempt that was given up
  EXPECT_TRUE(results.empty());
  reply(1, Status::kDone, kOther, 4);
  expect(Outcome::kDone);
}

// Of the silence of its node a wait hears from those who expected an answer.
TEST_F(SessionWaitTest, AWaitLeavesANodeThatKeepsOthersWaiting) {
  begin(Op::kWait, 3, 150'000);
  submit(Op::kRead, "x", 100'000);
  ASSERT_EQ(sent.size(), 2u);
  ASSERT_EQ(sent[1].path, sent[0].path);
  run_until(now + 499 * kMs);
  EXPECT_EQ(sent.size(), 2u);
  run_until(now + 2 * kMs);
  ASSERT_EQ(sent.size(), 4u);  // the read's hedge, and the wait
  const Sent& wait = sent[2].operation == Op::kWait ? sent[2] : sent[3];
  EXPECT_EQ(wait.operation, Op::kWait);
  EXPECT_NE(wait.path, sent[0].path);
  reply(0, Status::kDone, kOther, 4);  // of the attempt that was given up
  EXPECT_TRUE(results.empty());
}

TEST_F(SessionWaitTest, AWaitStaysWhenThereIsNobodyElse) {
  addresses = {"a:1"};
  session = std::make_unique<Session>(SessionOptions{{"a:1"}, 4, 1}, this);
  establish();
  submit(Op::kWait, "x", 150'000, 3);
  submit(Op::kRead, "x", 100'000);
  run_until(now + 5000 * kMs);
  EXPECT_EQ(sent.size(), 2u);
  reply(0, Status::kDone, kOther, 4);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
}

TEST_F(SessionWaitTest, WhenOneWaitRunsOutTheOthersLeaveToo) {
  begin(Op::kWait, 3, 150'000);
  run_until(now + 5000 * kMs);
  submit(Op::kWait, "x", 150'000, 3);
  ASSERT_EQ(sent[1].path, sent[0].path);
  run_until(now + 10'501 * kMs);
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_NE(sent[2].path, sent[0].path);
  EXPECT_NE(sent[3].path, sent[0].path);
}

// A node that answers others is not at fault.
// A client that does nothing but short waits notices too.
TEST_F(SessionWaitTest, TheNextWaitLeavesANodeThatDidNotSayNotYet) {
  begin(Op::kWait, 0, 300);
  const PathId silent = sent[0].path;
  EXPECT_LT(sent[0].timeout_ms, 300u);
  run_until(now + 300 * kMs);
  expect(Outcome::kNotYet);
  submit(Op::kWait, "x", 300);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(sent[1].path, silent);
}

TEST_F(SessionWaitTest, AWaitStaysAtANodeThatAnswersOthers) {
  begin(Op::kWait, 3, 150'000);
  submit(Op::kRead, "x", 100'000);
  run_until(now + 100 * kMs);
  submit(Op::kRead, "x", 100'000);
  reply(2, Status::kEmpty);
  run_until(now + 1000 * kMs);
  for (size_t i = 1; i < sent.size(); ++i) EXPECT_NE(sent[i].operation, Op::kWait);
}

TEST_F(SessionWaitTest, AWaitThatReachesNobodyIsUnavailable) {
  for (Status status : {Status::kUnavailable, Status::kOverloaded, Status::kUnknown}) {
    begin(Op::kWait, 3, 1000);
    size_t answered = 0;
    while (results.empty()) {
      for (; answered < sent.size(); ++answered) reply(answered, status);
      run_until(session->next_wake_ns());
    }
    expect(Outcome::kUnavailable);
  }
}

// The rest of its time is too short for the next node, or that one has no vote: what was heard
// until then is the answer. It was not so, and a wait that another node had kept for all but a
// fifth of a second was `unavailable`, each time.
TEST_F(SessionWaitTest, WhatWasHeardUntilShortlyBeforeTheEndIsTheAnswer) {
  for (const auto& [heard_ms, outcome] : std::vector<std::pair<int64_t, Outcome>>{
           {800, Outcome::kNotYet}, {750, Outcome::kNotYet}, {740, Outcome::kUnavailable}}) {
    begin(Op::kWait, 3, 1000);
    const int64_t end = now + 1000 * kMs;
    run_until(now + heard_ms * kMs);
    reply(0, Status::kNotYet);
    size_t answered = 1;
    while (results.empty()) {
      for (; answered < sent.size(); ++answered) reply(answered, Status::kUnavailable);
      run_until(std::min(session->next_wake_ns(), end));
    }
    EXPECT_GT(answered, 1u);
    expect(outcome);
  }
}

// What lately is goes by the time of this wait, not of whatever had its place before.
TEST_F(SessionWaitTest, AWaitInAUsedPlaceCountsItsOwnTime) {
  begin(Op::kRead);
  reply(0, Status::kEmpty);
  results.clear();
  sent.clear();
  run_until(now + 600'000 * kMs);
  submit(Op::kWait, "x", 1000, 3);
  const int64_t end = now + 1000 * kMs;
  run_until(now + 700 * kMs);
  reply(0, Status::kNotYet);
  size_t answered = 1;
  while (results.empty()) {
    for (; answered < sent.size(); ++answered) reply(answered, Status::kUnavailable);
    run_until(std::min(session->next_wake_ns(), end));
  }
  EXPECT_GT(answered, 1u);
  expect(Outcome::kUnavailable);
}

// Who says so at once is asked again after pauses that grow; the last one may reach to the end.
TEST_F(SessionWaitTest, WhatWasHeardLastIsTheAnswerHoweverLongAgo) {
  begin(Op::kWait, 3, 1000);
  const int64_t end = now + 1000 * kMs;
  run_until(now + 100 * kMs);
  reply(0, Status::kNotYet);
  full = true;
  run_until(end);
  expect(Outcome::kNotYet);
}

TEST_F(SessionWaitTest, TheLastAnswerOfAWaitDecides) {
  begin(Op::kWait, 3, 1000);
  run_until(now + 990 * kMs);
  reply(0, Status::kNotYet);
  full = true;
  run_until(now + 10 * kMs);
  expect(Outcome::kNotYet);
  full = false;
  begin(Op::kWait, 3, 1000);
  reply(0, Status::kNotYet);
  until_sent(2);
  reply(1, Status::kUnavailable);
  full = true;
  run_until(now + 1000 * kMs);
  expect(Outcome::kUnavailable);
}

class ManyWaitsTest : public SessionWaitTest {
 protected:
  static constexpr size_t kHalf = kMaxInFlightPerConnection / 2;
  // The first connection to a node has as many waits as it takes, and `more` found no room.
  void fill(size_t more, const std::vector<std::string>& nodes = {"a:1"}) {
    addresses = nodes;
    session = std::make_unique<Session>(SessionOptions{nodes, kMaxOperationsPerCore, 1}, this);
    establish();
    name = name_homed_at(0, static_cast<uint32_t>(nodes.size()));
    for (size_t i = 0; i < kHalf + more; ++i) submit(Op::kWait, name, 150'000, 3);
    ASSERT_EQ(sent.size(), kHalf);
  }
  PathId first() const { return sent[0].path; }
  std::string name;
};

TEST_F(ManyWaitsTest, HalfOfTheRoomIsLeftToTheRest) {
  fill(1);
  for (size_t i = 0; i < kHalf; ++i) submit(Op::kRead, name);
  EXPECT_EQ(sent.size(), 2 * kHalf);
  EXPECT_EQ(sent.back().path, first());
  submit(Op::kRead, name);
  EXPECT_EQ(sent.size(), 2 * kHalf);
}

TEST_F(ManyWaitsTest, OnlyWaitsGetMoreConnections) {
  fill(0);
  for (size_t i = 0; i < kHalf + 1; ++i) submit(Op::kRead, name);
  EXPECT_EQ(sent.size(), 2 * kHalf);
  EXPECT_TRUE(connects.empty());
}

// A name's core is where its waits go, however many connections lead there.
TEST_F(ManyWaitsTest, EachCoreHasItsOwnConnections) {
  addresses = {"a:1"};
  session = std::make_unique<Session>(SessionOptions{{"a:1"}, kMaxOperationsPerCore, 1}, this);
  establish(2);
  std::string names[2];
  for (int i = 0; names[0].empty() || names[1].empty(); ++i) {
    const std::string each = name_homed_at(0, 1, i);
    names[core_of(shard_of(name_hash(each, kSeed), kShardCount), 2).value] = each;
  }
  submit(Op::kRead, names[1]);
  connect_all(2);
  sent.clear();
  for (size_t i = 0; i < kHalf + 1; ++i) submit(Op::kWait, names[0], 150'000, 3);
  EXPECT_EQ(sent.size(), kHalf);
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(std::get<2>(connects[0]), 0);
}

TEST_F(ManyWaitsTest, MoreWaitsGetAConnectionOfTheirOwn) {
  fill(100);
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(std::get<1>(connects[0]), "a:1");
  connect_all();
  ASSERT_EQ(sent.size(), kHalf + 100);
  for (size_t i = kHalf; i < sent.size(); ++i) ASSERT_NE(sent[i].path, first());
  submit(Op::kRead, name);
  EXPECT_EQ(sent.back().path, first());
  reply(sent.size() - 1, Status::kEmpty);
  reply(0, Status::kDone, kOther, 4);
  submit(Op::kWait, name, 150'000, 3);
  EXPECT_EQ(sent.back().path, first());  // where there is room again
}

TEST_F(ManyWaitsTest, ThereIsAnEnd) {
  const size_t all = kHalf + (kPathCopies - 1) * kMaxInFlightPerConnection;
  fill(all - kHalf + 1);
  for (size_t copy = 1; copy < kPathCopies; ++copy) connect_all();
  EXPECT_EQ(sent.size(), all);
  EXPECT_TRUE(connects.empty());
  reply(all - 1, Status::kDone, kOther, 4);
  run_until(now + 50 * kMs);
  EXPECT_EQ(sent.size(), all + 1);
}

// All connections to one core are silent together.
TEST_F(ManyWaitsTest, AllOfThemLeaveANodeThatHangs) {
  fill(1, {"a:1", "b:1", "c:1"});
  connect_all();
  ASSERT_EQ(sent.size(), kHalf + 1);
  ASSERT_NE(sent.back().path, first());
  ASSERT_EQ(where[sent.back().path], "a:1");
  submit(Op::kRead, name, 100'000);
  ASSERT_EQ(sent.back().path, first());
  sent.clear();
  run_until(now + 501 * kMs);
  ASSERT_EQ(sent.size(), kHalf + 2);  // the waits and the read's hedge
  for (const Sent& one : sent) ASSERT_NE(where[one.path], "a:1");
  submit(Op::kWait, name, 150'000, 3);
  EXPECT_NE(where[sent.back().path], "a:1");
}

}  // namespace session_wait_test
}  // namespace once::client
