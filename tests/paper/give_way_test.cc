// DESIGN 3.5: who gives way to whom in a duel, where the duellists meet, and what the loser learns
// of his changes without another round.
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace give_way_test {

const RequestId kA = request_id(1, 1), kB = request_id(2, 2);

// Node 3 of 5; the home, node 1, and node 2 are out of reach.
class GiveWay : public testing::Test {
 protected:
  GiveWay() { solo.link_down(0), solo.link_down(1); }

  uint64_t ask(Operation operation, RequestId id = kA) {
    ClientRequest request{0, operation, id, 10'000, name, {}};
    if (takes_value(operation)) request.value = "mine";
    return solo.ask(request);
  }
  Status status(uint64_t token) {
    EXPECT_TRUE(solo.answered(token));
    return solo.answered(token) ? solo.answer(token).status : Status::kNotYet;
  }
  // The prepare under way, when it comes.
  Prepare prepare() {
    for (int ms = 0; ms < 2000; ++ms) {
      const auto prepares = solo.take<Prepare>();
      if (!prepares.empty()) return prepares.back();
      solo.wait(1);
    }
    ADD_FAILURE() << "no prepare";
    return {};
  }
  // With a majority's promises; everything durable.
  Accept propose() {
    solo.sync();
    const Prepare mine = prepare();
    for (size_t peer : {3, 4}) solo.receive(peer, Promise{mine.op, mine.ballot, {}, {}});
    solo.sync();
    const auto accepts = solo.take<Accept>();
    EXPECT_FALSE(accepts.empty());
    return accepts.empty() ? Accept{} : accepts.back();
  }
  // Proposes, and loses to a ballot of node 4.
  Accept propose_and_lose() {
    const Accept mine = propose();
    solo.receive(3, Prepare{7, higher(mine.ballot), name});
    solo.receive(3, Rejected{mine.op, mine.ballot, higher(mine.ballot)});
    solo.sync();
    return mine;
  }
  static Ballot higher(const Ballot& mine) { return ballot(mine.round.value + 1, 3); }
  // Node 4 has `theirs` accepted here, and chosen.
  void decide(const Ballot& at, const State& theirs) {
    accept(at, theirs);
    solo.receive(3, Decided{at, theirs.version, name});
  }
  void accept(const Ballot& at, const State& theirs) {
    solo.receive(3, Accept{7, at, theirs, name});
    solo.sync();
  }
  State mine_with(RequestId id, uint64_t version) const { return {version, false, id, "mine"}; }

  Solo solo{2, 5};
  std::string name = solo.name(0);
};

// Three nodes, A and C cannot reach each other: B refuses C because of A. All can meet at B.
TEST_F(GiveWay, WhoeverRefusedIsAskedIfTheWinnerIsOutOfReach) {
  ask(Operation::kSet);
  for (int loss = 0; loss < 2; ++loss) {
    EXPECT_TRUE(solo.take<Forward>().empty());
    const Prepare mine = prepare();
    solo.receive(4, Rejected{mine.op, mine.ballot, ballot(mine.ballot.round.value + 1, 1)});
  }
  EXPECT_EQ(solo.take<Forward>().size(), 1u);
  EXPECT_EQ(solo.last_to<Forward>(), 4u);
}

TEST_F(GiveWay, TheWinnerBeforeWhoeverRefused) {
  ask(Operation::kSet);
  for (int loss = 0; loss < 2; ++loss) {
    const Prepare mine = prepare();
    solo.receive(4, Rejected{mine.op, mine.ballot, ballot(mine.ballot.round.value + 1, 3)});
  }
  EXPECT_EQ(solo.take<Forward>().size(), 1u);
  EXPECT_EQ(solo.last_to<Forward>(), 3u);
}

// A round takes 40 ms: so long the other is alone, and then for a random time up to twice as long.
TEST_F(GiveWay, WhoIsOvertakenLeavesTheOtherTheTimeOfARound) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    solo = Solo{2, 5, seed};
    solo.link_down(0), solo.link_down(1);
    ask(Operation::kSet);
    const Accept mine = propose();
    for (int ms = 0; ms < 40; ++ms) solo.wait(1);
    solo.receive(3, Rejected{mine.op, mine.ballot, higher(mine.ballot)});
    solo.take<Prepare>();
    for (int ms = 0; ms < 39; ++ms) solo.wait(1);
    EXPECT_TRUE(solo.take<Prepare>().empty());
    for (int ms = 0; ms < 85; ++ms) solo.wait(1);
    EXPECT_FALSE(solo.take<Prepare>().empty()) << "and then it is his turn again";
  }
}

TEST_F(GiveWay, WhatTheWinnerHasAdoptedIsDone) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  decide(higher(mine.ballot), mine_with(kA, 1));
  EXPECT_EQ(status(token), Status::kDone);
  EXPECT_EQ(solo.answer(token).version, 1u);
  EXPECT_TRUE(solo.take<Prepare>().empty()) << "it takes no round";
}

TEST_F(GiveWay, WhetherItIsSealedIsToldToo) {
  const auto token = ask(Operation::kWrite);
  const Accept mine = propose_and_lose();
  decide(higher(mine.ballot), State{1, true, kA, "mine"});
  EXPECT_EQ(status(token), Status::kDone);
  EXPECT_TRUE(solo.answer(token).sealed);
}

// Accepted is not chosen.
TEST_F(GiveWay, WhatIsOnlyAcceptedTellsNothing) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  accept(higher(mine.ballot), mine_with(kA, 1));
  EXPECT_FALSE(solo.answered(token));
}

// Of two that were composed the last makes the state. Who adopted it may have been another who had
// the last one only: the first is proposed again, or not known.
TEST_F(GiveWay, OfAnAdoptedBatchOnlyTheLastIsKnown) {
  const auto first = ask(Operation::kSet, kA);
  const auto last = ask(Operation::kSet, kB);
  const Accept mine = propose_and_lose();
  ASSERT_EQ(mine.state.version, 2u);
  ASSERT_EQ(mine.state.writer, kB);
  decide(higher(mine.ballot), mine_with(kB, 2));
  EXPECT_EQ(status(last), Status::kDone);
  EXPECT_EQ(status(first), Status::kUnknown);
}

// The other's took its place: it did not happen, and never will. It is another's to do now.
TEST_F(GiveWay, WhatAnothersHasReplacedIsProposedAnew) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  decide(higher(mine.ballot), State{1, false, kB, "theirs"});
  EXPECT_FALSE(solo.answered(token));
  const Prepare again = prepare();
  solo.receive(3, Rejected{again.op, again.ballot, higher(again.ballot)});
  EXPECT_EQ(solo.take<Forward>().size(), 1u) << "it may be sent on again";
}

// What is newer may be built on it; no round would tell.
TEST_F(GiveWay, WhatIsBuiltOverIsUnknownAtOnce) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  decide(higher(mine.ballot), State{2, false, kB, "theirs"});
  EXPECT_EQ(status(token), Status::kUnknown);
}

// The same if the news of a decision never comes.
TEST_F(GiveWay, WhatLosesToSomethingNewerIsUnknownAtOnce) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  accept(higher(mine.ballot), State{2, false, kB, "theirs"});
  const Prepare again = prepare();
  EXPECT_FALSE(solo.answered(token));
  solo.receive(3, Rejected{again.op, again.ballot, higher(again.ballot)});
  EXPECT_EQ(status(token), Status::kUnknown);
}

// The word that the proposal has lost comes last, and then there is something newer already.
TEST_F(GiveWay, ADecisionAboveOnesOwnBallotIsNewsWhileOneStillProposes) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose();
  decide(higher(mine.ballot), mine_with(kA, 1));
  EXPECT_EQ(status(token), Status::kDone);
  accept(higher(mine.ballot), State{2, false, kB, "theirs"});
  solo.receive(3, Rejected{mine.op, mine.ballot, higher(mine.ballot)});
  solo.receive(3, Accepted{mine.op, mine.ballot, 1});
  solo.receive(4, Accepted{mine.op, mine.ballot, 1});
}

TEST_F(GiveWay, WhoeverLostToWhatNeverChangesAgainIsToldAtOnce) {
  const auto token = ask(Operation::kWrite);
  const Accept mine = propose_and_lose();
  decide(higher(mine.ballot), State{1, true, kB, "theirs"});
  EXPECT_EQ(status(token), Status::kAlreadySet);
}

// An id names a change. One that a reader brings along makes nothing his own.
TEST_F(GiveWay, AReadThatBringsTheWritersIdIsNotToldOldNews) {
  ask(Operation::kSet);
  const Accept mine = propose_and_lose();
  const auto read = solo.ask({0, Operation::kRead, kA, 10'000, name, {}});
  decide(higher(mine.ballot), mine_with(kA, 1));
  EXPECT_FALSE(solo.answered(read)) << "it came after the promises, and others may have gone on";
}

TEST_F(GiveWay, NothingIsNeverDecided) {
  solo.receive(3, Prepare{7, ballot(5, 3), name});
  solo.sync();
  solo.receive(3, Decided{Ballot{}, 0, name});
  solo.receive(3, Decided{ballot(5, 3), 0, name});
  EXPECT_EQ(solo.unsynced(), 0u) << "no record that a start would refuse";
}

// A proposal under way is settled by its own answers: what this acceptor holds at its own ballot is
// no news.
TEST_F(GiveWay, OnesOwnProposalIsNoNews) {
  const auto token = ask(Operation::kSet);
  const Accept mine = propose();
  solo.receive(3, Decided{mine.ballot, 1, name});
  EXPECT_FALSE(solo.answered(token));
  solo.receive(3, Accepted{mine.op, mine.ballot, 1});
  solo.receive(4, Accepted{mine.op, mine.ballot, 1});
  EXPECT_EQ(status(token), Status::kDone);
}

// Node 3 proposes version 2 and loses to a ballot of node 4, which proposes version 1 once more. A
// majority says that it is chosen, but one of it has only been told so, below what it promised
// (L1): a third may still adopt version 2.
TEST_F(GiveWay, ThatAnOlderStateIsChosenSaysNothingOfWhatWasBuiltOnIt) {
  const State older{1, false, kB, "theirs"};
  const auto token = ask(Operation::kSet);
  solo.sync();
  const Prepare first = prepare();
  solo.receive(3, Promise{first.op, first.ballot, ballot(0, 0), older});
  solo.receive(4, Promise{first.op, first.ballot, {}, {}});
  solo.sync();
  const Accept adopted = solo.take<Accept>().back();
  ASSERT_EQ(adopted.state.version, 1u);
  for (size_t peer : {3, 4}) solo.receive(peer, Accepted{adopted.op, adopted.ballot, 1});
  solo.sync();
  const Accept mine = solo.take<Accept>().back();
  ASSERT_EQ(mine.state.version, 2u);

  const Ballot theirs = higher(mine.ballot);
  accept(theirs, older);
  solo.ask({0, Operation::kWait, {}, 60'000, name, {}, 1});
  const auto asked = solo.take<ReadState>();
  ASSERT_FALSE(asked.empty());
  for (size_t peer : {3, 4}) solo.receive(peer, ReadReply{asked.back().op, true, theirs, older});
  solo.receive(3, Rejected{mine.op, mine.ballot, theirs});
  solo.sync();
  const Prepare again = prepare();
  solo.receive(4, Rejected{again.op, again.ballot, higher(again.ballot)});
  solo.sync();
  EXPECT_TRUE(solo.take<Forward>().empty()) << "it may have happened, or happen yet";
  for (int ms = 0; ms < 12'000 && !solo.answered(token); ++ms) solo.wait(1);
  EXPECT_EQ(status(token), Status::kUnknown);
}

// Who sent it here would make it again elsewhere, and tell of a conflict with himself.
TEST_F(GiveWay, WhatMayHaveHappenedDoesNotGoBackAsIfItHadNot) {
  Forward forward;
  forward.op = 77;
  forward.incarnation = Incarnation{1};
  forward.number = 1;
  forward.operation = Operation::kCas;
  forward.id = kA;
  forward.timeout_ms = 10'000;
  forward.name = name;
  forward.value = "mine";
  solo.receive(4, forward);
  const Accept mine = propose_and_lose();
  accept(higher(mine.ballot), State{2, false, kB, "theirs"});
  const Prepare again = prepare();
  solo.receive(3, Rejected{again.op, again.ballot, higher(again.ballot)});
  for (const ForwardReply& reply : solo.take<ForwardReply>()) {
    EXPECT_NE(reply.status, Status::kUnavailable);
  }
}

}  // namespace give_way_test
}  // namespace once::paxos::test
