// DESIGN 3.1, 3.2, 3.5: what an acceptor may promise and accept, and what a proposer may count and
// propose, one ballot at a time.
#include <gtest/gtest.h>

#include <set>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace ballots_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2), kC = request_id(1, 3);

// --- the acceptor -------------------------------------------------------------------------------

class Acceptor : public testing::Test {
 protected:
  void prepare(size_t from, Ballot b) {
    solo.receive(from, Prepare{1, b, name});
    solo.sync();
  }
  void accept(size_t from, Ballot b, RequestId writer = kA) {
    solo.receive(from, Accept{2, b, state(writer, "v"), name});
    solo.sync();
  }

  Solo solo{1, 3};
  std::string name = solo.name(0);
};

TEST_F(Acceptor, RefusesAnAcceptBelowItsPromiseAndSaysWhatItLostTo) {
  prepare(2, ballot(2, 2));
  EXPECT_EQ(solo.take<Promise>().size(), 1u);
  accept(0, ballot(1, 0));
  EXPECT_TRUE(solo.take<Accepted>().empty());
  const auto rejected = solo.take<Rejected>();
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].promised, ballot(2, 2));
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
}

TEST_F(Acceptor, RefusesAPrepareBelowItsPromiseAndKeepsThePromise) {
  prepare(2, ballot(2, 2));
  prepare(0, ballot(1, 0));
  EXPECT_EQ(solo.take<Promise>().size(), 1u);
  EXPECT_EQ(solo.take<Rejected>().size(), 1u);
  accept(0, ballot(1, 0));
  EXPECT_TRUE(solo.take<Accepted>().empty());
  accept(2, ballot(2, 2));
  EXPECT_EQ(solo.take<Accepted>().size(), 1u);
}

TEST_F(Acceptor, TakesAnAcceptForAPromise) {
  accept(2, ballot(2, 2));
  prepare(0, ballot(1, 0));
  EXPECT_TRUE(solo.take<Promise>().empty());
  accept(0, ballot(1, 0), kB);
  EXPECT_EQ(solo.take<Accepted>().size(), 1u);
  EXPECT_EQ(solo.state_of(name).accepted_ballot, ballot(2, 2));
}

// "compared in that order": round, node, incarnation.
TEST_F(Acceptor, TellsTwoBallotsOfOneRoundApart) {
  prepare(2, ballot(1, 2));
  accept(0, ballot(1, 0));
  EXPECT_TRUE(solo.take<Accepted>().empty());
  EXPECT_EQ(solo.take<Rejected>().size(), 1u);
  prepare(2, ballot(1, 2, 2));
  accept(2, ballot(1, 2, 1));
  EXPECT_TRUE(solo.take<Accepted>().empty()) << "of an earlier incarnation";
}

TEST_F(Acceptor, ReportsWhatItAccepted) {
  accept(0, ballot(1, 0));
  prepare(2, ballot(2, 2));
  const auto promises = solo.take<Promise>();
  ASSERT_EQ(promises.size(), 1u);
  EXPECT_EQ(promises[0].accepted_ballot, ballot(1, 0));
  EXPECT_EQ(promises[0].accepted.writer, kA);
  EXPECT_EQ(promises[0].accepted.value, "v");
}

// --- the proposer -------------------------------------------------------------------------------

// A node that takes over a name: its home's link is down.
class Proposer : public testing::Test {
 protected:
  void begin(size_t nodes, uint64_t seed = 1) {
    solo = std::make_unique<Solo>(1, nodes, seed);
    name = solo->name(0);
    solo->link_down(0);
    token = solo->write(name, "mine", kA);
    const auto prepares = solo->take<Prepare>();
    ASSERT_EQ(prepares.size(), nodes - 2);
    op = prepares[0].op;
    first = prepares[0].ballot;
  }
  void promise(size_t from, Ballot b, Ballot accepted = {}, const State& held = {}) {
    solo->receive(from, Promise{op, b, accepted, held});
  }
  // Refused once: the ballot of the next prepare.
  Ballot refused(Ballot by) {
    solo->receive(2, Rejected{op, first, by});
    solo->wait(3);
    const auto prepares = solo->take<Prepare>();
    EXPECT_FALSE(prepares.empty());
    return prepares.empty() ? Ballot{} : prepares[0].ballot;
  }

  std::unique_ptr<Solo> solo;
  std::string name;
  uint64_t token = 0;
  uint64_t op = 0;
  Ballot first;
};

TEST_F(Proposer, ProposesTheStateOfTheHighestReportedBallot) {
  for (bool low_first : {true, false}) {
    begin(5);
    solo->sync();
    const Ballot low = ballot(0, 0, 1), high = ballot(0, 0, 2);
    promise(2, first, low_first ? low : high, state(kB, low_first ? "low" : "high"));
    promise(3, first, low_first ? high : low, state(kC, low_first ? "high" : "low"));
    const auto accepts = solo->take<Accept>();
    ASSERT_FALSE(accepts.empty());
    EXPECT_EQ(accepts[0].state.value, "high") << low_first;
  }
}

TEST_F(Proposer, ProposesItsOwnStateOnlyWhenNothingIsReported) {
  begin(3);
  solo->sync();
  promise(2, first, ballot(0, 0), state(kB, "theirs"));
  const auto accepts = solo->take<Accept>();
  ASSERT_FALSE(accepts.empty());
  EXPECT_EQ(accepts[0].state.value, "theirs");
}

TEST_F(Proposer, NeverCountsAPromiseForAnEarlierBallot) {
  begin(3);
  const Ballot second = refused(ballot(3, 2));
  EXPECT_GT(second, ballot(3, 2));
  solo->sync();
  promise(2, first);
  EXPECT_TRUE(solo->take<Accept>().empty());
  promise(2, second);
  EXPECT_EQ(solo->take<Accept>().size(), 1u);
}

// No acceptor accepts above what it promised, nor nothing at all.
TEST_F(Proposer, CountsNoPromiseThatContradictsItself) {
  begin(3);
  solo->sync();
  promise(2, first, ballot(0, 0), State{});
  promise(2, first, Ballot{}, state(kB, "of no ballot"));
  promise(2, first, ballot(first.round.value + 1, 2), state(kB, "above the promise"));
  EXPECT_TRUE(solo->take<Accept>().empty());
  EXPECT_EQ(solo->counters().ignored_messages, 3u);
  promise(2, first);
  EXPECT_EQ(solo->take<Accept>().size(), 1u);
}

// "Answers are counted once per acceptor, like every quorum."
TEST_F(Proposer, CountsAnAcceptorOnce) {
  begin(5);
  solo->sync();
  promise(2, first);
  promise(2, first);
  EXPECT_TRUE(solo->take<Accept>().empty());
  promise(4, first);
  EXPECT_EQ(solo->take<Accept>().size(), 3u);
  solo->sync();
  solo->receive(2, Accepted{op, first, 1});
  solo->receive(2, Accepted{op, first, 1});
  EXPECT_FALSE(solo->answered(token));
  solo->receive(3, Accepted{op, first, 1});
  EXPECT_TRUE(solo->answered(token));
}

TEST_F(Proposer, TakesARejectionForNoAccept) {
  begin(3);
  solo->sync();
  promise(2, first);
  solo->sync();
  solo->receive(2, Rejected{op, first, ballot(5, 2)});
  EXPECT_FALSE(solo->answered(token));
}

TEST_F(Proposer, NeverCountsAnAcceptedOfAnEarlierBallot) {
  begin(3);
  solo->sync();
  promise(2, first);
  ASSERT_EQ(solo->take<Accept>().size(), 1u);
  const Ballot second = refused(ballot(3, 2));
  solo->sync();
  promise(2, second);
  ASSERT_EQ(solo->take<Accept>().size(), 1u);
  solo->sync();
  solo->receive(2, Accepted{op, first, 1});
  EXPECT_FALSE(solo->answered(token));
  solo->receive(2, Accepted{op, second, 1});
  ASSERT_TRUE(solo->answered(token));
  EXPECT_EQ(solo->answer(token).status, Status::kDone);
}

// DESIGN 3.5: "A far ballot is approached, not ignored", as much at a time as is believed.
TEST_F(Proposer, GoesTowardsARejectionAsFarAsItIsBelieved) {
  begin(3);
  const Ballot second = refused(ballot(first.round.value + kRoundsAtOnce, 2));
  EXPECT_EQ(second.round.value, first.round.value + kRoundsAtOnce + 1)
      << "at the bound it is believed";
  EXPECT_EQ(solo->counters().far_ballots, 0u);
  begin(3);
  const Ballot nearer = refused(ballot(first.round.value + kRoundsAtOnce + 1, 2));
  EXPECT_EQ(nearer.round.value, first.round.value + kRoundsAtOnce + 1)
      << "beyond it as far as the bound";
  EXPECT_EQ(solo->counters().far_ballots, 1u);
  begin(3);
  EXPECT_EQ(refused(ballot(kMaxRound.value, 2)).round.value, first.round.value + kRoundsAtOnce + 1);
}

// Nor is one believed that no ballot could follow.
TEST_F(Proposer, IgnoresARejectionAboveTheHighestRound) {
  begin(3);
  solo->receive(2, Rejected{op, first, ballot(kMaxRound.value + 1, 2)});
  solo->receive(2, Rejected{op, first, ballot(UINT32_MAX, 2)});
  for (int ms = 0; ms < 200; ms += 5) solo->wait(5);
  for (const Prepare& prepare : solo->take<Prepare>()) EXPECT_EQ(prepare.ballot, first);
  EXPECT_EQ(solo->counters().ignored_messages, 2u);
}

// "Back-off is randomised": seeds that give the same wait would duel for ever.
TEST_F(Proposer, BacksOffByChance) {
  std::set<int> waits;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    begin(3, seed);
    solo->receive(2, Rejected{op, first, ballot(3, 2)});
    int wait = 0;
    while (solo->take<Prepare>().empty() && wait < 1000) {
      solo->wait_us(100);
      ++wait;
    }
    ASSERT_LT(wait, 1000);
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 5u);
}

// Rounds that take longer than the back-off never part: three nodes on slow disks duelled for ever.
// The winner cannot be reached, or the write would be sent on to him.
// To a ballot of an earlier run of its own: there is nobody to leave it to.
TEST_F(Proposer, BacksOffLongerTheOftenerItLoses) {
  int longest = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    begin(3, seed);
    Ballot mine = first;
    for (int loss = 1; loss <= 12; ++loss) {
      solo->receive(2, Rejected{op, mine, ballot(mine.round.value + 1, 1)});
      std::vector<Prepare> next;
      int wait = 0;
      for (; next.empty() && wait <= 1030; ++wait) {
        solo->wait(1);
        next = solo->take<Prepare>();
      }
      if (next.empty()) break;  // the request has met its deadline
      mine = next[0].ballot;
      longest = std::max(longest, wait);
    }
  }
  EXPECT_GT(longest, 100);
}

// Where an answer takes long, so do the other's rounds: it is given the time for one from the first
// loss on.
TEST_F(Proposer, BacksOffByWhatAQuestionTakes) {
  int longest = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    begin(3, seed);
    solo->wait(60);
    solo->take<Prepare>();  // some of them repeated
    solo->receive(2, Rejected{op, first, ballot(3, 2)});
    int wait = 0;
    while (solo->take<Prepare>().empty() && wait <= 1000) {
      solo->wait(1);
      ++wait;
    }
    EXPECT_LE(wait, 125) << "twice as long at most";
    longest = std::max(longest, wait);
  }
  EXPECT_GT(longest, 60);
}

// --- round 0
// --------------------------------------------------------------------------------------

// "A ballot may be retried with the same state, never with another one."
TEST(Home, NeverSendsAnotherStateUnderItsRoundZero) {
  Solo home(0, 5);
  const std::string name = home.name(0);
  home.write(name, "a", kA);
  home.sync();
  EXPECT_EQ(home.take<Accept>().size(), 4u);
  home.receive(1, Accept{1, ballot(1, 1), state(kB, "b"), name});
  home.sync();
  for (int ms = 0; ms < 200; ms += 10) home.wait(10);
  for (const Accept& accept : home.take<Accept>()) {
    if (accept.ballot.is_round_zero()) {
      EXPECT_EQ(accept.state.writer, kA);
    }
  }
}

// Round 0 is for names of which the home's own acceptor knows nothing.
TEST(Home, KeepsAPromiseThatItGaveOfOneOfItsNames) {
  Solo home(0, 3);
  const std::string name = home.name(0);
  home.receive(1, Prepare{1, ballot(1, 1), name});
  home.sync();
  home.write(name, "a", kA);
  home.sync();
  EXPECT_TRUE(home.take<Accept>().empty());
  const auto prepares = home.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  EXPECT_GT(prepares[0].ballot, ballot(1, 1));
}

}  // namespace ballots_test
}  // namespace once::paxos::test
