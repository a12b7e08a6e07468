// DESIGN 3.5: who does the work. The home; while it cannot be reached, the first behind it that
// can; a loser does not duel. And what may be said of a request that was sent to several (rule 7).
#include <optional>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace send_on_test {

const RequestId kA = request_id(1, 1), kB = request_id(2, 2);

class SendOn : public testing::Test {
 protected:
  uint64_t ask(Operation operation, const std::string& name, uint64_t version = 0) {
    ClientRequest request{0, operation, kA, 10'000, name, {}, version};
    if (takes_value(operation)) request.value = "mine";
    return solo.ask(request);
  }
  // The newest that went anywhere since this was asked last.
  std::optional<Forward> forwarded() {
    const auto forwards = solo.take<Forward>();
    return forwards.empty() ? std::nullopt : std::optional(forwards.back());
  }
  // Loses the round under way to that member, until a forward or so many losses.
  std::optional<Forward> lose_to(size_t winner, int losses) {
    for (int n = 0; n < losses; ++n) {
      const auto prepares = solo.take<Prepare>();
      if (prepares.empty()) return forwarded();
      const Prepare mine = prepares.back();
      solo.receive(winner,
                   Rejected{mine.op, mine.ballot, ballot(mine.ballot.round.value + 1, winner)});
      if (auto sent = forwarded()) return sent;
      for (int ms = 0; ms < 20; ++ms) solo.wait(1);
    }
    return forwarded();
  }
  Status status(uint64_t token) {
    EXPECT_TRUE(solo.answered(token));
    return solo.answered(token) ? solo.answer(token).status : Status::kNotYet;
  }

  Solo solo{2, 5};
  std::string name = solo.name(0);
};

TEST_F(SendOn, TheHomeFirst) {
  ask(Operation::kSet, name);
  ASSERT_TRUE(forwarded());
  EXPECT_EQ(solo.last_to<Forward>(), 0u);
}

TEST_F(SendOn, ElseTheFirstBehindItThatCanBeReached) {
  solo.link_down(0);
  ask(Operation::kSet, name);
  ASSERT_TRUE(forwarded());
  EXPECT_EQ(solo.last_to<Forward>(), 1u);
  solo.link_down(1);
  ask(Operation::kSet, solo.name(0, 1));
  EXPECT_FALSE(forwarded()) << "that is this node";
  EXPECT_FALSE(solo.take<Prepare>().empty());
}

TEST_F(SendOn, FromTheLastMemberItGoesRoundToTheFirst) {
  const std::string last = solo.name(4);
  solo.link_down(4);
  ask(Operation::kSet, last);
  ASSERT_TRUE(forwarded());
  EXPECT_EQ(solo.last_to<Forward>(), 0u);
}

TEST_F(SendOn, ARequestGoesOnWhereTheHomesLinkBreaks) {
  const auto token = ask(Operation::kWrite, name);
  ASSERT_TRUE(forwarded());
  solo.link_down(0);
  ASSERT_TRUE(forwarded());
  EXPECT_EQ(solo.last_to<Forward>(), 1u);
  solo.link_down(1);
  EXPECT_FALSE(solo.take<Prepare>().empty()) << "and then here";
  EXPECT_FALSE(solo.answered(token));
}

TEST_F(SendOn, WhatMustNotHappenTwiceGoesToOneOnly) {
  const auto token = ask(Operation::kSet, name);
  ASSERT_TRUE(forwarded());
  solo.link_down(0);
  EXPECT_FALSE(forwarded());
  EXPECT_EQ(status(token), Status::kUnknown);
}

// ... unless it certainly did not happen there.
TEST_F(SendOn, WhatDidNotHappenThereGoesOn) {
  for (const Status nothing : {Status::kOverloaded, Status::kUnavailable}) {
    Solo fresh{2, 5};
    const auto token = fresh.ask({0, Operation::kSet, kA, 10'000, name, "mine"});
    const auto forwards = fresh.take<Forward>();
    ASSERT_EQ(forwards.size(), 1u);
    fresh.receive(0, ForwardReply{forwards[0].op, nothing, State{}});
    EXPECT_FALSE(fresh.answered(token));
    EXPECT_FALSE(fresh.take<Prepare>().empty());
  }
}

// With half of the rounds in use no name is taken over that its home refuses for want of room; a
// home without a majority is no reason to refuse.
TEST_F(SendOn, UnavailableIsTakenOverWithFewRoundsLeftToo) {
  for (const Status nothing : {Status::kOverloaded, Status::kUnavailable}) {
    Solo fresh{2, 5};
    for (int n = 1; n <= 33; ++n) fresh.read(fresh.name(0, n));
    const auto token = fresh.ask({0, Operation::kSet, kA, 10'000, name, "mine"});
    const auto forwards = fresh.take<Forward>();
    ASSERT_EQ(forwards.size(), 1u);
    fresh.receive(0, ForwardReply{forwards[0].op, nothing, State{}});
    const bool taken = nothing == Status::kUnavailable;
    EXPECT_EQ(fresh.answered(token), !taken);
    EXPECT_EQ(fresh.take<Prepare>().empty(), !taken);
  }
}

TEST_F(SendOn, WithoutAMajorityTheHomesUnavailableIsTheLastWord) {
  const auto token = ask(Operation::kSet, name);
  const auto forward = forwarded();
  ASSERT_TRUE(forward);
  for (size_t peer : {1, 3, 4}) solo.link_down(peer);
  solo.receive(0, ForwardReply{forward->op, Status::kUnavailable, State{}});
  EXPECT_EQ(status(token), Status::kUnavailable);
}

// The home has the last word on whose name it is: this node steps aside for whom it promised.
TEST_F(SendOn, WhoeverTookTheNameOverIsAskedBeforeItIsTakenAgain) {
  solo.receive(3, Accept{7, ballot(4, 3), State{3, false, kB, "theirs"}, name});
  solo.link_down(0);
  ask(Operation::kSet, name);
  ASSERT_TRUE(forwarded());
  EXPECT_EQ(solo.last_to<Forward>(), 3u);
}

TEST_F(SendOn, ALoserTriesOnceMoreAndThenForwardsToTheWinner) {
  solo.link_down(0), solo.link_down(1);
  const auto token = ask(Operation::kSet, name);
  const auto first = lose_to(3, 1);
  EXPECT_FALSE(first) << "the ballot that it lost to may be an old one";
  ASSERT_TRUE(lose_to(3, 1));
  EXPECT_EQ(solo.last_to<Forward>(), 3u);
  EXPECT_TRUE(solo.take<Prepare>().empty()) << "no duel";
  EXPECT_FALSE(solo.answered(token));
}

TEST_F(SendOn, ALoserDuelsWithWhomItCannotReach) {
  solo.link_down(0), solo.link_down(1);
  ask(Operation::kSet, name);
  EXPECT_FALSE(lose_to(0, 5));
}

// Back to who sent it: it counts how often, and nothing goes round in circles.
TEST_F(SendOn, WhatWasForwardedHereGoesBackFromALoser) {
  solo.link_down(0), solo.link_down(1);
  solo.receive(4, Forward{9, Incarnation{1}, 1, Operation::kSet, kB, 10'000, name, "theirs", 0});
  EXPECT_FALSE(lose_to(3, 2)) << "never forwarded again";
  const auto replies = solo.take<ForwardReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, Status::kUnavailable);
}

// And whoever cannot work on it any more does not keep it until its deadline.
TEST_F(SendOn, WhatWasForwardedHereGoesBackWhenTheMajorityIsLost) {
  solo.link_down(0), solo.link_down(1);
  solo.receive(4, Forward{9, Incarnation{1}, 1, Operation::kSet, kB, 10'000, name, "theirs", 0});
  EXPECT_TRUE(solo.take<ForwardReply>().empty());
  solo.link_down(3);
  const auto replies = solo.take<ForwardReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, Status::kUnavailable) << "it certainly did not happen here";
}

TEST_F(SendOn, WhatWasProposedHereIsUnknownWhenTheMajorityIsLost) {
  solo.link_down(0), solo.link_down(1);
  solo.receive(4, Forward{9, Incarnation{1}, 1, Operation::kSet, kB, 10'000, name, "theirs", 0});
  solo.sync();
  const auto prepares = solo.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  for (size_t peer : {3, 4}) {
    solo.receive(peer, Promise{prepares.back().op, prepares.back().ballot, {}, {}});
  }
  solo.sync();
  ASSERT_FALSE(solo.take<Accept>().empty());
  solo.link_down(3);
  const auto replies = solo.take<ForwardReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, Status::kUnknown);
}

// Its change was proposed and may be adopted by the winner: no word that nothing happened.
TEST_F(SendOn, WhatWasProposedStaysWithTheLoser) {
  solo.link_down(0), solo.link_down(1);
  solo.receive(4, Forward{9, Incarnation{1}, 1, Operation::kSet, kB, 10'000, name, "theirs", 0});
  const auto own = ask(Operation::kSet, name);
  solo.sync();
  for (int loss = 0; loss < 3; ++loss) {
    const auto prepares = solo.take<Prepare>();
    ASSERT_FALSE(prepares.empty());
    const Prepare mine = prepares.back();
    const size_t before = solo.take<Accept>().size();
    EXPECT_EQ(before, 0u);
    for (size_t peer : {3, 4}) solo.receive(peer, Promise{mine.op, mine.ballot, {}, {}});
    solo.sync();
    ASSERT_FALSE(solo.take<Accept>().empty());
    solo.receive(3, Rejected{mine.op, mine.ballot, ballot(mine.ballot.round.value + 1, 3)});
    for (int ms = 0; ms < 60; ++ms) solo.wait(1);
    solo.sync();
  }
  EXPECT_TRUE(solo.take<ForwardReply>().empty());
  EXPECT_FALSE(solo.answered(own));
  EXPECT_FALSE(forwarded());
}

TEST_F(SendOn, NothingIsForwardedForEver) {
  solo.link_down(0), solo.link_down(1);
  const auto token = ask(Operation::kWrite, name);
  int forwards = 0;
  for (int n = 0; n < 200 && !solo.answered(token); ++n) {
    for (const Prepare& mine : solo.take<Prepare>()) {
      solo.receive(3, Rejected{mine.op, mine.ballot, ballot(mine.ballot.round.value + 1, 3)});
    }
    if (const auto sent = forwarded()) {
      ++forwards;
      solo.receive(3, ForwardReply{sent->op, Status::kOverloaded, State{}});
    }
    solo.wait(20);
  }
  EXPECT_GT(forwards, 1);
  EXPECT_LE(forwards, 8);
}

// A silence makes the next hedge longer, or a home behind a slow disk would be taken over for ever.
TEST_F(SendOn, AHomeThatWasTakenOverInVainIsGivenMoreTime) {
  ask(Operation::kWrite, name);
  for (int ms = 0; ms < 30; ++ms) solo.wait(1);
  EXPECT_FALSE(solo.take<Prepare>().empty());
  ask(Operation::kWrite, solo.name(0, 1));
  for (int ms = 0; ms < 60; ++ms) solo.wait(1);
  for (const Prepare& other : solo.take<Prepare>()) EXPECT_EQ(other.name, name);
}

// --- what is said of a request that two nodes may have made ---

class TwoMayHaveIt : public SendOn {
 protected:
  // Forwarded to the home, whose link breaks, and then to the next.
  uint64_t ask_two(Operation operation, uint64_t version = 0) {
    const auto token = ask(operation, name, version);
    EXPECT_TRUE(forwarded());
    solo.link_down(0);
    const auto second = forwarded();
    EXPECT_TRUE(second);
    op = second ? second->op : 0;
    return token;
  }
  uint64_t op = 0;
};

TEST_F(TwoMayHaveIt, ARefusalOfACasIsUnknown) {
  const auto token = ask_two(Operation::kCas, 1);
  solo.receive(1, ForwardReply{op, Status::kConflict, State{3, false, kB, "theirs"}});
  EXPECT_EQ(status(token), Status::kUnknown) << "what stands there may be built on it";
}

TEST_F(TwoMayHaveIt, ARefusedWriteIsRefused) {
  const auto token = ask_two(Operation::kWrite);
  solo.receive(1, ForwardReply{op, Status::kAlreadySet, state(kB, "theirs")});
  EXPECT_EQ(status(token), Status::kAlreadySet);
}

TEST_F(TwoMayHaveIt, DoneIsDone) {
  const auto token = ask_two(Operation::kCas, 1);
  solo.receive(1, ForwardReply{op, Status::kDone, State{2, false, kA, {}}});
  EXPECT_EQ(status(token), Status::kDone);
}

TEST_F(TwoMayHaveIt, ThatNothingHappenedAtTheSecondSaysNothingOfTheFirst) {
  for (const Operation operation : {Operation::kWrite, Operation::kCas}) {
    for (const Status nothing : {Status::kOverloaded, Status::kUnavailable}) {
      solo = Solo{2, 5};
      const auto token = ask_two(operation, operation == Operation::kCas ? 1 : 0);
      for (size_t peer : {3, 4}) solo.link_down(peer);
      solo.receive(1, ForwardReply{op, nothing, State{}});
      EXPECT_EQ(status(token), Status::kUnknown);
    }
  }
}

TEST_F(TwoMayHaveIt, ItIsStillUnknownAtItsDeadlineAfterTheSecondDidNothing) {
  const auto token = ask_two(Operation::kCas, 1);
  solo.receive(1, ForwardReply{op, Status::kUnavailable, State{}});
  EXPECT_FALSE(solo.answered(token));
  for (int ms = 0; ms <= 10'100; ms += 50) solo.wait(50);
  EXPECT_EQ(status(token), Status::kUnknown);
}

// --- time ---

TEST_F(SendOn, TheServerChoosesFiveSeconds) {
  const auto token = solo.ask({0, Operation::kWrite, kA, 0, name, "v"});
  const auto forward = forwarded();
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->timeout_ms, 5000u);
  for (int ms = 0; ms < 4990; ms += 10) solo.wait(10);
  EXPECT_FALSE(solo.answered(token));
  solo.wait(10);
  EXPECT_TRUE(solo.answered(token));
}

// 0 would leave the choice to the other.
TEST_F(SendOn, TheLastMillisecondIsForwardedAsOne) {
  solo.ask({0, Operation::kWrite, kA, 1, name, "v"});
  auto forward = forwarded();
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->timeout_ms, 1u);
  solo = Solo{2, 5};
  solo.link_down(1);  // the second to be asked is node 4
  solo.receive(3, Accept{7, ballot(4, 3), State{3, false, kB, "theirs"}, name});
  solo.ask({0, Operation::kWrite, kA, 1, name, "v"});
  ASSERT_TRUE(forwarded());
  solo.pass_us(500);
  solo.link_down(0);
  forward = forwarded();
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->timeout_ms, 1u);
}

}  // namespace send_on_test
}  // namespace once::paxos::test
