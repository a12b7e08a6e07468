// What no honest proposer can say: another state where one was proposed under that ballot, or is
// decided. It is refused and counted, and what stands goes on standing.
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace contradiction_test {

const RequestId kA = request_id(1, 1), kB = request_id(2, 2);

// An acceptor of a name of member 0. Member 2 is the liar.
class Contradiction : public testing::Test {
 protected:
  static State open(uint64_t version, RequestId writer, std::string_view value) {
    return State{version, false, writer, value, Operation::kSet};
  }
  static State sealed(RequestId writer, std::string_view value) {
    return State{1, true, writer, value, Operation::kWrite};
  }
  size_t accepts(size_t from, const Ballot& b, const State& state) {
    solo.receive(from, Accept{9, b, state, name});
    solo.sync();
    return solo.take<Accepted>().size() + solo.take<AcceptedRange>().size();
  }
  void decide(const Ballot& b, const State& state) {
    ASSERT_EQ(accepts(0, b, state), 1u);
    solo.receive(0, Decided{b, state.version, name});
    ASSERT_TRUE(solo.state_of(name).decided);
  }
  void refuses(size_t from, const Ballot& b, const State& state) {
    const ReadReply before = solo.state_of(name);
    const uint64_t counted = solo.counters().contradictions;
    EXPECT_EQ(accepts(from, b, state), 0u);
    EXPECT_EQ(solo.counters().contradictions, counted + 1);
    const ReadReply after = solo.state_of(name);
    EXPECT_EQ(after.accepted_ballot, before.accepted_ballot);
    EXPECT_TRUE(is_same(after.accepted, before.accepted));
    EXPECT_EQ(after.accepted.value, before.accepted.value);
    EXPECT_EQ(after.decided, before.decided);
  }
  Solo solo{1, 3};
  const std::string name = solo.name(0);
};

// A ballot carries one state of a version, whatever of it is another.
TEST_F(Contradiction, UnderOneBallotAnotherStateIsRefused) {
  for (const Ballot& b : {ballot(0, 0), ballot(5, 0)}) {
    ASSERT_EQ(accepts(0, b, open(2, kA, "v")), 1u);
    refuses(0, b, open(2, kA, "w"));
    refuses(0, b, open(2, kB, "v"));
    refuses(0, b, State{2, true, kA, "v", Operation::kSet});
    refuses(0, b, State{2, false, kA, "v", Operation::kCas});
    EXPECT_EQ(accepts(0, b, open(2, kA, "v")), 1u) << "the same once more";
    EXPECT_EQ(accepts(0, b, open(1, kB, "u")), 0u) << "late, which is nobody's fault";
    EXPECT_EQ(accepts(0, b, open(3, kB, "w")), 1u) << "the ballot goes on";
  }
  EXPECT_EQ(solo.counters().contradictions, 8u);
}

TEST_F(Contradiction, NothingFollowsASealedStateUnderItsBallot) {
  ASSERT_EQ(accepts(0, ballot(5, 0), sealed(kA, "v")), 1u);
  refuses(0, ballot(5, 0), open(2, kA, "w"));
}

// By whom a state was made is not known of logs of earlier releases.
TEST_F(Contradiction, AStateWhoseMakerIsNotKnownIsTheSame) {
  State unknown = open(2, kA, "v");
  unknown.made_by = Operation::kRead;
  ASSERT_EQ(accepts(0, ballot(5, 0), unknown), 1u);
  EXPECT_EQ(accepts(0, ballot(5, 0), open(2, kA, "v")), 1u);
}

TEST_F(Contradiction, WhatIsSealedAndDecidedIsNeverOverwritten) {
  decide(ballot(0, 0), sealed(kA, "v"));
  for (const size_t from : {0, 2}) {
    const Ballot higher = ballot(1 + static_cast<uint32_t>(from), from);
    refuses(from, higher, sealed(kA, "w"));
    refuses(from, higher, sealed(kB, "v"));
    refuses(from, higher, open(2, kA, "v"));
    refuses(from, ballot(4 * kRoundsAtOnce, from), sealed(kA, "w"));
  }
  EXPECT_EQ(accepts(2, ballot(1, 2), sealed(kA, "v")), 1u) << "nor was anything promised";
  solo.restart();
  refuses(2, ballot(2, 2), sealed(kA, "w"));
}

TEST_F(Contradiction, WhatIsDecidedGoesOnAndNeverBack) {
  decide(ballot(1, 0), open(2, kA, "v"));
  refuses(2, ballot(2, 2), open(2, kA, "w"));
  refuses(2, ballot(2, 2), open(2, kB, "v"));
  refuses(2, ballot(2, 2), open(1, kB, "u"));
  EXPECT_EQ(accepts(2, ballot(2, 2), open(2, kA, "v")), 1u);
  EXPECT_EQ(accepts(2, ballot(2, 2), open(3, kB, "w")), 1u);
}

TEST_F(Contradiction, WhatIsNotDecidedMayBeOverwrittenAboveIt) {
  ASSERT_EQ(accepts(0, ballot(0, 0), sealed(kA, "v")), 1u);
  EXPECT_EQ(accepts(2, ballot(1, 2), sealed(kB, "w")), 1u);
  EXPECT_EQ(solo.counters().contradictions, 0u);
}

TEST_F(Contradiction, NewsOfADecisionComeFromWhoeverHadTheMajority) {
  ASSERT_EQ(accepts(0, ballot(1, 0), open(2, kA, "v")), 1u);
  solo.receive(2, Decided{ballot(1, 0), 2, name});
  EXPECT_FALSE(solo.state_of(name).decided);
  EXPECT_EQ(solo.counters().ignored_messages, 1u);
  solo.receive(0, Decided{ballot(1, 0), 2, name});
  EXPECT_TRUE(solo.state_of(name).decided);
}

// --- the proposer, whose own acceptor would be overwritten ---

class Reported : public Contradiction {
 protected:
  // It holds a state of member 0, and begins a round of its own.
  Prepare begin(bool decided) {
    EXPECT_EQ(accepts(0, ballot(0, 0), open(1, kA, "v")), 1u);
    if (decided) solo.receive(0, Decided{ballot(0, 0), 1, name});
    solo.link_down(0);
    solo.ask({0, Operation::kSet, kB, 2000, name, "next"});
    const auto prepares = solo.take<Prepare>();
    EXPECT_EQ(prepares.size(), 1u);
    return prepares.empty() ? Prepare{} : prepares[0];
  }
  Promise lie(const Prepare& m) const {
    return Promise{m.op, m.ballot, ballot(m.ballot.round.value - 1, 0, 9), open(1, kB, "w")};
  }
};

TEST_F(Reported, AStateThatDeniesWhatIsDecidedIsNotCounted) {
  const Prepare prepare = begin(true);
  ASSERT_GE(prepare.ballot.round.value, 1u);
  solo.sync();
  solo.receive(2, lie(prepare));
  EXPECT_TRUE(solo.take<Accept>().empty());
  EXPECT_EQ(solo.counters().contradictions, 1u);
  solo.receive(2, Promise{prepare.op, prepare.ballot, ballot(0, 0), open(1, kA, "v")});
  const auto accepts = solo.take<Accept>();
  ASSERT_FALSE(accepts.empty()) << "an honest one still counts";
  EXPECT_EQ(accepts[0].state.value, "v");
}

// The lie came first, then the news, then the last vote.
TEST_F(Reported, NorIsItProposedWhenTheNewsComeLater) {
  const Prepare prepare = begin(false);
  solo.receive(2, lie(prepare));
  solo.receive(0, Decided{ballot(0, 0), 1, name});
  solo.sync();
  for (const Accept& accept : solo.take<Accept>()) EXPECT_NE(accept.state.value, "w");
  solo.receive(2, Prepare{8, ballot(90, 2), name});
  solo.sync();
  const auto promises = solo.take<Promise>();
  ASSERT_EQ(promises.size(), 1u);
  EXPECT_EQ(promises[0].accepted.value, "v");
}

}  // namespace contradiction_test
}  // namespace once::paxos::test
