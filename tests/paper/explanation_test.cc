// What a core tells of one name to people: what it holds, what it does with it, who waits; and that
// looking changes nothing.
#include <gtest/gtest.h>

#include "paxos/op_pool.h"
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace explanation_test {

constexpr uint16_t votes_of(std::initializer_list<int> nodes) {
  uint16_t bits = 0;
  for (const int node : nodes) bits = static_cast<uint16_t>(bits | 1u << node);
  return bits;
}

ClientRequest wait_for(const std::string& name, uint64_t version) {
  ClientRequest request{0, Operation::kWait, {}, 60'000, name, {}};
  request.version = version;
  return request;
}

TEST(Explanation, OfANameThatNobodyAskedForSaysNothingAndMakesNoEntry) {
  Solo node{0, 3};
  const Explanation told = node.explain(node.name(2));
  EXPECT_FALSE(told.known);
  EXPECT_EQ(told.home, NodeId{3});
  EXPECT_TRUE(told.promised.is_null());
  EXPECT_TRUE(told.accepted.is_null());
  EXPECT_EQ(told.under_way.work, Work::kNothing);
  EXPECT_EQ(node.counters().names, 0u);
  EXPECT_EQ(node.unsynced(), 0u) << "no record";
  EXPECT_TRUE(node.take<Prepare>().empty());
  EXPECT_TRUE(node.take<ReadState>().empty()) << "nobody is asked";
}

TEST(Explanation, TellsAPromiseWithoutAnAccept) {
  Solo node{0, 3};
  const std::string name = node.name(1);
  node.receive(2, Prepare{7, ballot(4, 2, 9), name});
  const Explanation told = node.explain(name);
  EXPECT_TRUE(told.known);
  EXPECT_EQ(told.promised, ballot(4, 2, 9));
  EXPECT_TRUE(told.accepted.is_null());
  EXPECT_EQ(told.version, 0u);
  EXPECT_EQ(told.writer, RequestId{});
  EXPECT_FALSE(told.durable) << "its record is on the way";
  node.sync();
  EXPECT_TRUE(node.explain(name).durable);
}

TEST(Explanation, TellsWhatWasAcceptedAndThenThatItIsDecided) {
  Solo node{0, 3};
  const std::string name = node.name(1);
  const Ballot of_home = ballot(0, 1);
  node.receive(1, Accept{1, of_home, state(request_id(1, 2), "value"), name});
  node.sync();
  Explanation told = node.explain(name);
  EXPECT_EQ(told.accepted, of_home);
  EXPECT_EQ(told.version, 1u);
  EXPECT_EQ(told.value_bytes, 5u);
  EXPECT_EQ(told.writer, request_id(1, 2));
  EXPECT_TRUE(told.sealed);
  EXPECT_FALSE(told.decided);
  node.receive(1, Decided{of_home, 1, name});
  told = node.explain(name);
  EXPECT_TRUE(told.decided);
  EXPECT_EQ(told.home, NodeId{2});
}

TEST(Explanation, TellsTheRoundOfAHomeAndWhoQueuesOnIt) {
  Solo home{0, 3};
  const std::string name = home.name(0);
  const std::string other = home.name(0, 1);
  home.write(name, "mine", request_id(1, 1));
  home.write(name, "too late", request_id(1, 2));
  home.write(other, "another name", request_id(1, 3));
  home.pass_us(1500);
  home.wait_us(0);
  Explanation told = home.explain(name);
  EXPECT_EQ(told.under_way.work, Work::kRoundZero);
  EXPECT_EQ(told.under_way.ballot, ballot(0, 0));
  EXPECT_EQ(told.under_way.version, 1u);
  EXPECT_EQ(told.under_way.changes, 1u);
  EXPECT_EQ(told.under_way.votes, 0u) << "its own counts once its disk has it";
  EXPECT_EQ(told.under_way.age_us, 1500u);
  EXPECT_EQ(told.queues.queued, 2u);
  EXPECT_FALSE(told.durable);
  home.sync();
  told = home.explain(name);
  EXPECT_EQ(told.under_way.votes, votes_of({1}));
  EXPECT_TRUE(told.durable);
  home.receive(2, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  told = home.explain(name);
  EXPECT_EQ(told.under_way.work, Work::kNothing);
  EXPECT_EQ(told.queues.queued, 0u);
  EXPECT_TRUE(told.decided);
}

TEST(Explanation, TellsThePhasesOfATakeover) {
  Solo node{0, 3};
  const std::string name = node.name(1);
  node.link_down(1);
  node.write(name, "mine", request_id(1, 1));
  for (int i = 0; i < 200 && node.explain(name).under_way.work != Work::kPrepare; ++i) {
    node.wait(5);
  }
  Explanation told = node.explain(name);
  ASSERT_EQ(told.under_way.work, Work::kPrepare);
  EXPECT_GE(told.under_way.ballot.round.value, 1u);
  EXPECT_EQ(told.under_way.ballot, told.promised);
  EXPECT_EQ(told.under_way.version, 0u) << "nothing is proposed yet";
  EXPECT_EQ(told.queues.queued, 1u);
  node.sync();
  EXPECT_EQ(node.explain(name).under_way.votes, votes_of({1}));
  const auto prepares = node.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  node.receive(2, Promise{prepares.back().op, prepares.back().ballot, {}, {}});
  told = node.explain(name);
  EXPECT_EQ(told.under_way.work, Work::kAccept);
  EXPECT_EQ(told.under_way.version, 1u);
  EXPECT_EQ(told.under_way.changes, 1u);
  EXPECT_EQ(told.under_way.ballot, prepares.back().ballot);
  const auto accepts = node.take<Accept>();
  ASSERT_FALSE(accepts.empty());
  node.receive(2, Rejected{accepts.back().op, accepts.back().ballot, ballot(9, 2)});
  told = node.explain(name);
  EXPECT_EQ(told.under_way.work, Work::kBackOff);
  EXPECT_EQ(told.under_way.attempts, 1u);
  EXPECT_TRUE(told.under_way.ballot.is_null());
}

TEST(Explanation, CountsWhoWaitsWhoReadsAndWhatWasSentOn) {
  Solo node{0, 3};
  const std::string name = node.name(1);
  const std::string other = node.name(1, 1);
  node.receive(1, Accept{1, ballot(0, 1), State{1, false, request_id(5, 5), "v"}, name});
  node.receive(1, Decided{ballot(0, 1), 1, name});
  node.sync();
  for (int i = 0; i < 3; ++i) node.ask(wait_for(name, 7));
  node.ask(wait_for(other, 0));
  for (int i = 0; i < 2; ++i) node.read(name);
  ClientRequest set{0, Operation::kSet, request_id(6, 6), 1000, name, "w"};
  node.ask(set);
  const Explanation told = node.explain(name);
  EXPECT_EQ(told.queues.waits, 3u);
  EXPECT_EQ(told.queues.reading, 2u);
  EXPECT_EQ(told.queues.forwarded, 1u);
  EXPECT_EQ(told.queues.forwarded_to, NodeId{2});
  EXPECT_EQ(told.queues.queued, 0u);
  EXPECT_EQ(node.explain(other).queues.waits, 1u);
}

// However many wait: no more of them are looked at.
TEST(Explanation, LooksAtABoundedNumberOfRequests) {
  OpPool ops{2 * kMostCounted};
  WaitList list;
  for (uint32_t i = 0; i < kMostCounted + 100; ++i) ops.push(list, ops.take(Operation::kSet));
  EXPECT_EQ(count_waiters(ops, list), kMostCounted);
}

}  // namespace explanation_test
}  // namespace once::paxos::test
