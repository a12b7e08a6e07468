// Waiting (DESIGN 3.4): a waiter is told of a decision by news, and asks when the news says less
// than it needs.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace wait_test {

class AWaiter : public testing::Test {
 protected:
  AWaiter() {
    world.settle(10);
    ClientRequest request;
    request.operation = Operation::kWait;
    request.timeout_ms = 60'000;
    request.name = name;
    token = world.ask(1, request);
    world.drain();
    EXPECT_FALSE(world.answered(token));
  }
  // The home's round-0 accepts of versions 1 and 2 reach the waiter's node; no tick passes.
  void accept_two() {
    const Ballot ballot{Round{0}, NodeId{1}, Incarnation{1}};
    world.inject(0, 1, Accept{1, ballot, State{1, false, request_id(1, 1), "one"}, name});
    world.inject(0, 1, Accept{2, ballot, State{2, false, request_id(1, 2), "two"}, name});
    world.sync(1);
  }

  World world{3};
  const std::string name = world.name_at_home(0);
  uint64_t token = 0;
};

TEST_F(AWaiter, IsToldByTheNews) {
  accept_two();
  world.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{2}});
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).version, 2u);
  EXPECT_EQ(world.answer(token).value, "two");
}

// What was decided has been overtaken here: nobody knows yet whether the newer one is.
TEST_F(AWaiter, AsksAtOnceWhenTheNewsIsOfAnOlderVersion) {
  accept_two();
  EXPECT_EQ(world.count<ReadState>(), 0u);
  world.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(world.answered(token));
  EXPECT_GT(world.count<ReadState>(), 0u);
}

TEST_F(AWaiter, AsksAtOnceWhenADecisionIsOfAnOlderVersion) {
  accept_two();
  world.inject(0, 1, Decided{Ballot{Round{0}, NodeId{1}, Incarnation{1}}, 1, name});
  EXPECT_GT(world.count<ReadState>(), 0u);
}

TEST_F(AWaiter, AsksAtOnceWhenADecisionNeverReachedItsNode) {
  world.inject(2, 1, Decided{Ballot{Round{1}, NodeId{3}, Incarnation{1}}, 1, name});
  EXPECT_GT(world.count<ReadState>(), 0u);
}

// What its own node proposed is chosen, but its acceptor holds another's newer proposal by then.
TEST_F(AWaiter, AsksAtOnceWhenItsNodeHasMovedOnFromItsOwnProposal) {
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 60'000;
  request.name = name;
  const uint64_t at_home = world.ask(0, request);
  world.drain();
  request.operation = Operation::kNext;
  request.id = request_id(9, 1);
  world.ask(0, request);
  world.sync(0);
  const State other{2, false, request_id(9, 2), ""};
  world.inject(2, 0, Accept{1, Ballot{Round{3}, NodeId{3}, Incarnation{1}}, other, name});
  world.inject(1, 0, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(world.answered(at_home));
  EXPECT_GT(world.count<ReadState>(), 0u);
}

TEST_F(AWaiter, AsksAtOnceWhenItsNodeHasMovedOnFromItsTakeover) {
  world.crash(0);
  world.write(1, name, "v", request_id(9, 1));
  while (world.newest<Accept>(2) == nullptr) {
    world.tick(5);
    world.sync(1);
    while (world.newest<Prepare>(2) != nullptr || world.newest<Promise>(1) != nullptr) {
      world.sync(2);
      world.deliver(0);
    }
  }
  const Accept* accept = world.newest<Accept>(2);
  const Accepted accepted{accept->op, accept->ballot, accept->state.version};
  world.sync(1);
  const State other{1, true, request_id(9, 2), "other"};
  world.inject(2, 1, Accept{1, Ballot{Round{30}, NodeId{3}, Incarnation{1}}, other, name});
  world.drop_all<ReadState>();
  world.inject(2, 1, accepted);
  EXPECT_FALSE(world.answered(token));
  EXPECT_GT(world.count<ReadState>(), 0u);
}

// A crowd may wait for versions that are far away: what comes before them is no news to it, and
// costs neither a walk through the crowd nor a question.
TEST_F(AWaiter, ForAFarVersionIsLeftAloneUntilThenOrUntilASeal) {
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 60'000;
  request.name = name;
  request.version = 1000;
  const uint64_t far = world.ask(1, request);
  world.drain();
  accept_two();
  world.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{2}});
  ASSERT_TRUE(world.answered(token)) << "who waits for the first version";
  EXPECT_FALSE(world.answered(far));
  world.drop_all<ReadState>();
  const Ballot elsewhere{Round{1}, NodeId{3}, Incarnation{1}};
  world.inject(2, 1, Decided{elsewhere, 1000, name});
  EXPECT_EQ(world.count<ReadState>(), 0u) << "that says nothing to the one who is left";
  world.inject(2, 1, Decided{elsewhere, 1001, name});
  EXPECT_GT(world.count<ReadState>(), 0u);
  world.drain();
  EXPECT_FALSE(world.answered(far));
  const State sealed{3, true, request_id(1, 3), "end"};
  world.inject(0, 1, Accept{3, Ballot{Round{0}, NodeId{1}, Incarnation{1}}, sealed, name});
  world.sync(1);
  world.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{3}, Sequence{3}});
  ASSERT_TRUE(world.answered(far));
  EXPECT_EQ(world.answer(far).status, Status::kSealed);
}

// The majority that it asked answers with what was; meanwhile its own node hears the news, and had
// nobody to wake.
TEST_F(AWaiter, LooksOnceMoreBeforeItSitsDown) {
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 60'000;
  request.name = name;
  const uint64_t asks = world.ask(1, request);
  while (world.count<ReadState>() > 0) world.deliver(0);
  EXPECT_EQ(world.count<ReadReply>(), 2u);
  accept_two();
  world.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{2}});
  EXPECT_FALSE(world.answered(asks));
  while (world.in_flight() > 0) world.deliver(0);
  ASSERT_TRUE(world.answered(asks));
  EXPECT_EQ(world.answer(asks).version, 2u);
}

TEST_F(AWaiter, IsToldWhenItsTimeIsOver) {
  for (int s = 0; s < 61; ++s) world.tick(1000);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kNotYet);
}

TEST_F(AWaiter, IsNotToldOfAnotherName) {
  for (uint64_t n = 1; n <= 1000; ++n) {  // more names than there are buckets, none of them longer
    std::string other = std::to_string(n);
    other.insert(0, name.size() - other.size(), 'x');
    world.write(0, other, "other", request_id(9, n));
    world.drain();
  }
  world.tick(5);
  world.drain();
  EXPECT_FALSE(world.answered(token));
}

// The home dies between the decision and its broadcast: nobody is told, and somebody asks.
TEST_F(AWaiter, FindsOutByItselfWhenTheNewsIsLost) {
  world.write(0, name, "v", request_id(9, 1));
  while (world.in_flight() > 0 || world.unsynced(0) > 0 || world.unsynced(1) > 0) {
    world.sync(0);
    world.sync(1);
    world.sync(2);
    while (world.in_flight() > 0) world.deliver(0);
  }
  EXPECT_FALSE(world.answered(token));
  world.crash(0);
  world.settle(2000);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).value, "v");
}

// Chosen, but not held by all who can still be asked, and the home is silent: a short wait has no
// time to leave it to others.
TEST(AShortWait, FinishesWhatIsUnderWay) {
  World world(5);
  world.settle(10);
  const std::string name = world.name_at_home(4);
  const State state{1, false, request_id(9, 1), "v"};
  for (size_t node : {0, 1}) {  // and node 3, whose it is
    world.inject(3, node, Accept{1, Ballot{Round{2}, NodeId{4}, Incarnation{1}}, state, name});
  }
  for (size_t node = 0; node < 5; ++node) world.sync(node);
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 300;
  request.name = name;
  const uint64_t token = world.ask(2, request);
  for (int ms = 0; ms < 310; ++ms) {
    world.tick(1);
    for (size_t node : {0, 1, 2}) world.sync(node);
    world.drop_all<ReadState>(3);
    world.drop_all<ReadState>(4);
    world.drop_all<Prepare>(3);
    world.drop_all<Prepare>(4);
    world.drop_all<Accept>(3);
    world.drop_all<Accept>(4);
    while (world.in_flight() > 0) world.deliver(0);
  }
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kDone);
  EXPECT_EQ(world.answer(token).value, "v");
}

TEST_F(AWaiter, IsForgottenWhenItsClientIsGone) {
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 60'000;
  request.name = name;
  const uint64_t stays = world.ask(1, request);
  const uint64_t asks = world.ask(1, request);  // not sitting yet
  world.replica(1).forget_waits({token, asks});
  world.settle(110);
  ASSERT_TRUE(world.answered(token) && world.answered(asks));
  EXPECT_EQ(world.answer(token).status, Status::kNotYet);
  EXPECT_FALSE(world.answered(stays));
  EXPECT_EQ(world.counters(1).waiting, 1u);
}

TEST_F(AWaiter, LeavesRoomForOtherRequests) {
  ClientRequest request;
  request.operation = Operation::kWait;
  request.timeout_ms = 60'000;
  request.name = name;
  uint64_t last = 0;
  for (int n = 0; n < 300; ++n) last = world.ask(1, request);
  world.drain();
  ASSERT_TRUE(world.answered(last));
  EXPECT_EQ(world.answer(last).status, Status::kOverloaded);
  const uint64_t read = world.read(1, name);
  world.drain();
  ASSERT_TRUE(world.answered(read));
  EXPECT_EQ(world.answer(read).status, Status::kEmpty);
}

// A node may be paused or cut off for any time: what it holds is what was, and a wait is answered
// by what is, like a read (DESIGN 3.4).
class AWaitAtALateNode : public testing::Test {
 protected:
  AWaitAtALateNode() {
    world.settle(10);
    set(1);
    world.settle(20);
  }
  void set(uint64_t n) {
    ClientRequest request;
    request.operation = Operation::kSet;
    request.id = request_id(9, n);
    request.timeout_ms = 1000;
    request.name = name;
    const std::string value = "v" + std::to_string(n);
    request.value = value;
    const uint64_t token = world.ask(0, request);
    world.drain();
    ASSERT_TRUE(world.answered(token));
    ASSERT_EQ(world.answer(token).version, n);
  }
  uint64_t wait(size_t node, uint64_t version, uint32_t timeout_ms = 60'000) {
    ClientRequest request;
    request.operation = Operation::kWait;
    request.timeout_ms = timeout_ms;
    request.name = name;
    request.version = version;
    return world.ask(node, request);
  }
  void cut_off(size_t node, bool up) {
    for (size_t other = 0; other < 3; ++other) {
      if (other != node) world.link(node, other, up);
    }
  }

  World world{3};
  const std::string name = world.name_at_home(0);
};

TEST_F(AWaitAtALateNode, IsToldWhatIsNewestSinceItsCall) {
  cut_off(2, false);
  for (uint64_t n = 2; n <= 4; ++n) set(n);
  cut_off(2, true);
  const uint64_t token = wait(2, 0);
  EXPECT_FALSE(world.answered(token));
  world.drain();
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).version, 4u);
  EXPECT_EQ(world.answer(token).value, "v4");
}

TEST_F(AWaitAtALateNode, IsNotToldAnythingWithoutAMajority) {
  cut_off(2, false);
  for (uint64_t n = 2; n <= 4; ++n) set(n);
  const uint64_t token = wait(2, 0);
  const uint64_t shorter = wait(2, 0, 500);
  world.settle(3000);
  EXPECT_FALSE(world.answered(token));
  ASSERT_TRUE(world.answered(shorter));
  EXPECT_EQ(world.answer(shorter).status, Status::kNotYet);
  cut_off(2, true);
  world.settle(10'000);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).version, 4u);
}

// News that lay in the queue of a paused node is old news too.
TEST_F(AWaitAtALateNode, IsNotToldByOldNews) {
  const Ballot ballot{Round{0}, NodeId{1}, Incarnation{1}};
  world.inject(0, 2, Accept{2, ballot, State{2, false, request_id(9, 2), "v2"}, name});
  world.sync(2);
  const uint64_t token = wait(2, 0);
  world.inject(0, 2, Decided{ballot, 2, name});
  EXPECT_FALSE(world.answered(token));
  world.drop_all<ReadState>();
}

// One acceptor of the majority holds a newer state, that is not known to be chosen: the older one
// may have been overtaken before the call.
TEST_F(AWaitAtALateNode, IsNotToldLessThanAMajorityHolds) {
  const Ballot ballot{Round{0}, NodeId{1}, Incarnation{1}};
  const State newer{2, false, request_id(9, 2), "v2"};
  world.inject(0, 1, Accept{2, ballot, newer, name});
  world.sync(1);
  const uint64_t token = wait(2, 0);
  while (world.in_flight() > 0) {
    world.drop_all<ReadState>(0);  // the home is silent
    if (world.in_flight() > 0) world.deliver(0);
  }
  EXPECT_FALSE(world.answered(token));
  world.inject(0, 2, Accept{2, ballot, newer, name});
  world.sync(2);
  EXPECT_FALSE(world.answered(token));
  for (int ms = 0; ms < 120; ++ms) {  // its question ends, in vain
    world.tick(1);
    world.drop_all<ReadState>();
  }
  EXPECT_FALSE(world.answered(token));
  world.inject(0, 2, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{2}});
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).version, 2u);
}

TEST_F(AWaitAtALateNode, SharesItsQuestionWithAllWaitersOfTheName) {
  cut_off(2, false);
  for (uint64_t n = 2; n <= 4; ++n) set(n);
  cut_off(2, true);
  std::vector<uint64_t> tokens;
  for (int n = 0; n < 50; ++n) tokens.push_back(wait(2, 0));
  for (int n = 0; n < 50; ++n) tokens.push_back(wait(2, 4));
  EXPECT_EQ(world.count<ReadState>(), 2u);
  const uint64_t before = world.counters(2).quorum_reads;
  world.drain();
  for (size_t n = 0; n < tokens.size(); ++n) {
    ASSERT_EQ(world.answered(tokens[n]), n < 50) << n;
    if (n >= 50) continue;
    EXPECT_EQ(world.answer(tokens[n]).version, 4u);
  }
  EXPECT_LE(world.counters(2).quorum_reads - before, 1u);
  set(5);
  world.settle(20);
  for (const uint64_t token : tokens) ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(tokens.back()).version, 5u);
}

// The answers to a question say nothing to who came after it was asked.
TEST_F(AWaitAtALateNode, IsNotToldByAQuestionThatIsOlder) {
  const uint64_t first = wait(2, 1);
  while (world.count<ReadState>() > 0) world.deliver(0);  // answered with version 1, not delivered
  for (uint64_t n = 2; n <= 3; ++n) {
    ClientRequest request;
    request.operation = Operation::kSet;
    request.id = request_id(9, n);
    request.timeout_ms = 1000;
    request.name = name;
    world.ask(0, request);
    world.drop_all<Accept>(2);
    while (world.newest<Accept>(1) != nullptr) {
      for (size_t i = 0; i < world.in_flight(); ++i) {
        if (world.newest<Accept>(1) != nullptr) world.deliver(world.in_flight() - 1);
      }
    }
    world.sync(0);
    world.sync(1);
  }
  const uint64_t later = wait(2, 0);
  world.drain();
  world.settle(400);
  ASSERT_TRUE(world.answered(first));
  ASSERT_TRUE(world.answered(later));
  EXPECT_EQ(world.answer(later).version, 3u);
}

// R2: a majority's answers tell nothing to who called after the question was asked.
class AWaiterWhoCameLater : public testing::Test {
 protected:
  AWaiterWhoCameLater() {
    solo.receive(1, Accept{1, ballot(1, 1), one, name});
    solo.sync();
  }
  uint64_t wait() { return solo.ask({0, Operation::kWait, {}, 60'000, name, {}, 0}); }
  // Member 1 holds the same state under another ballot: a majority has answered, and does not
  // agree.
  void answer(const ReadState& asked) {
    solo.receive(1, ReadReply{asked.op, false, ballot(2, 1), one});
  }

  Solo solo{0, 3};
  const std::string name = solo.name(2);
  const State one{1, false, request_id(1, 1), "one"};
};

TEST_F(AWaiterWhoCameLater, IsNotToldWithTheOneWhoAsked) {
  solo.receive(1, Decided{ballot(1, 1), 1, name});
  const uint64_t first = wait();
  const auto asked = solo.take<ReadState>();
  ASSERT_FALSE(asked.empty());
  const uint64_t second = wait();
  answer(asked.front());
  EXPECT_TRUE(solo.answered(first)) << "nothing newer than what is decided here";
  EXPECT_FALSE(solo.answered(second));
  EXPECT_FALSE(solo.take<ReadState>().empty()) << "it has its own question asked";
}

TEST_F(AWaiterWhoCameLater, IsNotToldByNewsOfWhatWasNewestBefore) {
  const uint64_t first = wait();
  uint64_t last = 0;
  for (int ms = 0; ms < 50; ++ms) {
    const auto asked = solo.take<ReadState>();
    if (!asked.empty()) {
      answer(asked.back());
      last = wait();
    }
    solo.wait(1);
  }
  ASSERT_NE(last, 0u);
  solo.receive(1, Decided{ballot(1, 1), 1, name});
  EXPECT_TRUE(solo.answered(first));
  EXPECT_FALSE(solo.answered(last));
}

}  // namespace wait_test
}  // namespace once::paxos::test
