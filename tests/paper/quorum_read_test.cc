// DESIGN 3.4: what a read may answer, and what an acceptor may tell a reader.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"
#include "tests/paper/two_cores.h"

namespace once::paxos::test {
namespace quorum_read_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

class QuorumRead : public testing::Test {
 protected:
  // This node's own accept of a name homed at member 0.
  void hold(Ballot b, RequestId writer, std::string_view value) {
    solo.receive(b.node.value - 1u, Accept{1, b, state(writer, value), name});
  }
  // Begins a read here; the handle of its question.
  uint64_t ask(const std::string& of) {
    token = solo.read(of);
    const auto asks = solo.take<ReadState>();
    EXPECT_EQ(asks.size(), 2u);
    return asks.empty() ? 0 : asks[0].op;
  }

  Solo solo{1, 3};
  std::string name = solo.name(0, 1), other = solo.name(0, 2);
  uint64_t token = 0;
};

// "a read reply that is counted: the accept that it reports; one still in flight waits"
TEST_F(QuorumRead, AnAcceptorTellsWhatItsDiskHas) {
  hold(ballot(0, 0), kA, "a");
  solo.receive(2, ReadState{5, name});
  EXPECT_TRUE(solo.take<ReadReply>().empty());
  solo.sync();
  const auto replies = solo.take<ReadReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_FALSE(replies[0].decided) << "accepted is not decided";
  EXPECT_EQ(replies[0].accepted.value, "a");
}

// A reader may not know yet that this node restarted with another number of cores. "Nothing" from
// a core whose name it is not would count, and a majority of it make a written name empty.
TEST(QuorumReadOfCores, OnlyTheCoreOfANameSaysThatItHoldsNothing) {
  const ReplicaOptions options = one_of_two_cores(1);
  const auto replica = Replica::make(options);
  Output out;
  replica->start(Incarnation{1}, 0, out);
  const Event up{World::endpoint(2), LinkUp{1}};
  replica->step(&up, 1, 0, out);
  size_t mine = 0, others = 0;
  for (int n = 0; mine == 0 || others == 0; ++n) {
    const std::string text = std::to_string(n);
    const bool is_mine = replica->core_of_name(text) == options.self.core;
    ++(is_mine ? mine : others);
    const Event asked{World::endpoint(2), ReadState{5, text}};
    out.clear();
    replica->step(&asked, 1, 0, out);
    EXPECT_EQ(out.messages.size(), is_mine ? 1u : 0u) << text;
  }
  EXPECT_EQ(replica->counters().ignored_messages, others);
}

TEST_F(QuorumRead, ADecisionIsAboutItsBallotOnly) {
  hold(ballot(1, 2), kB, "b");
  solo.receive(0, Decided{ballot(2, 0), 1, name});
  EXPECT_FALSE(solo.state_of(name).decided);
  solo.receive(2, Decided{ballot(1, 2), 1, name});
  EXPECT_TRUE(solo.state_of(name).decided);
}

TEST_F(QuorumRead, TheReadersOwnAcceptCountsOnceItsDiskHasIt) {
  hold(ballot(0, 0), kA, "a");
  const uint64_t op = ask(name);
  solo.receive(2, ReadReply{op, false, ballot(0, 0), state(kA, "a")});
  EXPECT_FALSE(solo.answered(token));
  solo.sync();
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).value, "a");
}

// What it holds by the time that an earlier accept becomes durable may be a later one.
TEST_F(QuorumRead, TheReadersOwnAcceptThatCameMeanwhileWaitsToo) {
  hold(ballot(0, 0), kA, "a");
  const uint64_t op = ask(name);
  hold(ballot(1, 2), kB, "b");
  solo.receive(2, ReadReply{op, false, ballot(1, 2), state(kB, "b")});
  solo.sync(1);
  EXPECT_FALSE(solo.answered(token));
  solo.sync();
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).value, "b");
}

// Reads of names that nobody has set, on nodes too busy to answer, made durable entries on all.
TEST_F(QuorumRead, WhatNobodyHoldsIsAskedForUntilTheDeadlineAndNoMore) {
  for (const Operation operation : {Operation::kRead, Operation::kCas, Operation::kWait}) {
    solo = Solo{1, 3};
    const std::string mine = solo.name(1);  // whose home would do the work itself
    ClientRequest request{0, operation, kA, 5000, mine, {}, 1};
    if (operation == Operation::kRead) request.id = {}, request.version = 0;
    if (operation == Operation::kWait) request.id = {};
    if (takes_value(operation)) request.value = "v";
    const auto asked = solo.ask(request);
    const size_t records = solo.unsynced();
    for (int ms = 0; ms < 4990; ms += 10) solo.wait(10);
    EXPECT_FALSE(solo.answered(asked));
    EXPECT_TRUE(solo.take<Prepare>().empty());
    EXPECT_EQ(solo.unsynced(), records) << "nothing is written";
    for (int ms = 0; ms < 60; ms += 10) solo.wait(10);
    ASSERT_TRUE(solo.answered(asked));
    const bool waits = operation == Operation::kWait;
    EXPECT_EQ(solo.answer(asked).status, waits ? Status::kNotYet : Status::kUnavailable);
  }
}

TEST_F(QuorumRead, ALateAnswerToTheFirstQuestionIsEnough) {
  const std::string mine = solo.name(1);
  const uint64_t op = ask(mine);
  for (int ms = 0; ms < 900; ms += 10) solo.wait(10);
  EXPECT_FALSE(solo.take<ReadState>().empty()) << "the same, again";
  solo.receive(0, ReadReply{op, false, Ballot{}, State{}});
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kEmpty);
}

TEST_F(QuorumRead, WhatSomebodyHoldsIsFinished) {
  const std::string mine = solo.name(1);
  solo.receive(0, Accept{1, ballot(3, 0), state(kA, "a"), mine});
  solo.sync();
  ask(mine);
  for (int ms = 0; ms < 900; ms += 10) solo.wait(10);
  EXPECT_FALSE(solo.take<Prepare>().empty());
}

// Nor does a read that comes back from a home that is silent make one.
TEST_F(QuorumRead, AReadThatIsTakenOverAsks) {
  solo.receive(0, Accept{1, ballot(3, 2), state(kA, "a"), name});
  const uint64_t op = ask(other);
  solo.receive(2, ReadReply{op, false, ballot(2, 2), state(kB, "b")});  // and this node: nothing
  for (int ms = 0; ms < 20; ++ms) solo.wait(1);
  for (const ReadState& again : solo.take<ReadState>()) {
    solo.receive(2, ReadReply{again.op, false, ballot(2, 2), state(kB, "b")});
  }
  for (int ms = 0; ms < 20; ++ms) solo.wait(1);
  ASSERT_FALSE(solo.take<Forward>().empty()) << "the home is to finish it";
  for (int ms = 0; ms < 200; ++ms) solo.wait(1);
  EXPECT_FALSE(solo.take<ReadState>().empty());
  EXPECT_TRUE(solo.take<Prepare>().empty());
}

TEST_F(QuorumRead, OneAcceptIsNoDecision) {
  hold(ballot(0, 0), kA, "a");
  solo.sync();
  const uint64_t op = ask(name);
  EXPECT_FALSE(solo.answered(token)) << "the node's own accept alone";
  solo.receive(2, ReadReply{op, false, Ballot{}, State{}});
  EXPECT_FALSE(solo.answered(token)) << "a majority has answered, and one of it holds something";
}

TEST_F(QuorumRead, OneEmptyAcceptorIsNotEmpty) {
  const uint64_t op = ask(name);
  EXPECT_FALSE(solo.answered(token));
  solo.receive(2, ReadReply{op, false, Ballot{}, State{}});
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kEmpty);
}

// "Equal values at different ballots are not a decision."
TEST_F(QuorumRead, EqualValuesAtDifferentBallotsAreNoDecision) {
  hold(ballot(1, 2), kA, "a");
  solo.sync();
  uint64_t op = ask(name);
  solo.receive(2, ReadReply{op, false, ballot(0, 0), state(kA, "a")});
  EXPECT_FALSE(solo.answered(token)) << "the lower one second";
  const std::string second = other;
  solo.receive(0, Accept{2, ballot(0, 0), state(kA, "a"), second});
  solo.sync();
  op = ask(second);
  solo.receive(2, ReadReply{op, false, ballot(1, 2), state(kA, "a")});
  EXPECT_FALSE(solo.answered(token)) << "the higher one second";
}

TEST_F(QuorumRead, WhatAnotherNodeKnowsDecidedDoesNotDecideAnOlderAcceptHere) {
  hold(ballot(0, 0), kB, "old");
  solo.sync();
  const uint64_t op = ask(name);
  solo.receive(2, ReadReply{op, true, ballot(1, 2), state(kA, "a")});
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).value, "a");
  const auto again = solo.read(name);
  EXPECT_FALSE(solo.answered(again) && solo.answer(again).value == "old");
}

TEST_F(QuorumRead, CountsNoReplyThatContradictsItself) {
  const uint64_t op = ask(name);
  solo.receive(2, ReadReply{op, true, Ballot{}, State{}});
  solo.receive(2, ReadReply{op, true, ballot(1, 2), State{}});
  solo.receive(2, ReadReply{op, false, Ballot{}, state(kA, "of no ballot")});
  EXPECT_FALSE(solo.answered(token));
  solo.receive(2, ReadReply{op, false, Ballot{}, State{}});
  EXPECT_TRUE(solo.answered(token));
}

TEST_F(QuorumRead, AnswersToAnEarlierReadServeNoLaterOne) {
  const uint64_t first = ask(name);
  solo.receive(2, ReadReply{first, false, Ballot{}, State{}});
  ASSERT_TRUE(solo.answered(token));
  const uint64_t second = ask(other);
  EXPECT_NE(first, second);
  solo.receive(0, ReadReply{first, false, Ballot{}, State{}});
  EXPECT_FALSE(solo.answered(token));
}

TEST_F(QuorumRead, AnswersToAnEarlierRunsReadServeNoLaterOne) {
  const uint64_t first = ask(name);
  solo.restart();
  ask(other);
  solo.receive(2, ReadReply{first, false, Ballot{}, State{}});
  EXPECT_FALSE(solo.answered(token));
}

}  // namespace quorum_read_test
}  // namespace once::paxos::test
