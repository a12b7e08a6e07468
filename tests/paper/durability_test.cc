// DESIGN 3.3, line by line: what must be on disk before what is said, and what the log gives back.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace durability_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

class Durability : public testing::Test {
 protected:
  Accept round_zero(uint64_t sequence, const std::string& name) {
    return Accept{sequence, ballot(0, 0), state(kA, "v"), name};
  }
  // Takeovers: each name's home has its link down.
  void lose_home() { solo.link_down(0); }

  Solo solo{1, 3};
  std::string x = solo.name(0, 1), y = solo.name(0, 2), z = solo.name(0, 3);
};

TEST_F(Durability, APromiseIsSaidAndKept) {
  solo.receive(2, Prepare{1, ballot(2, 2), x});
  EXPECT_TRUE(solo.take<Promise>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<Promise>().size(), 1u);
  solo.restart();
  solo.receive(0, Accept{2, ballot(1, 0), state(kA, "v"), x});
  solo.sync();
  EXPECT_TRUE(solo.take<Accepted>().empty());
  EXPECT_EQ(solo.take<Rejected>().size(), 1u);
}

TEST_F(Durability, AnAcceptIsSaidAndKept) {
  const Accept accept{1, ballot(2, 2), state(kA, "v"), x};
  solo.receive(2, accept);
  EXPECT_TRUE(solo.take<Accepted>().empty());
  solo.receive(2, accept);
  EXPECT_TRUE(solo.take<Accepted>().empty()) << "repeated while the first is in flight";
  solo.sync();
  EXPECT_EQ(solo.take<Accepted>().size(), 2u);
  solo.restart();
  EXPECT_EQ(solo.state_of(x).accepted_ballot, ballot(2, 2));
  EXPECT_EQ(solo.state_of(x).accepted.value, "v");
}

TEST_F(Durability, APromiseWaitsForTheAcceptThatItReports) {
  solo.receive(0, round_zero(1, x));
  solo.receive(2, Prepare{1, ballot(1, 2), x});
  solo.sync(1);
  EXPECT_TRUE(solo.take<Promise>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<Promise>().size(), 1u);
}

TEST_F(Durability, ARejectionWaitsForThePromiseThatItShows) {
  solo.receive(2, Prepare{1, ballot(2, 2), x});
  solo.receive(0, Prepare{1, ballot(1, 0), x});
  EXPECT_TRUE(solo.take<Rejected>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<Rejected>().size(), 1u);
}

// "An acceptor answers a home once per log batch."
TEST_F(Durability, ARangeWaitsForItsLastAccept) {
  solo.step(
      {Event{World::endpoint(0), round_zero(1, x)}, Event{World::endpoint(0), round_zero(2, y)}});
  solo.sync(1);
  EXPECT_TRUE(solo.take<AcceptedRange>().empty());
  solo.sync();
  const auto ranges = solo.take<AcceptedRange>();
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].first, Sequence{1});
  EXPECT_EQ(ranges[0].last, Sequence{2});
}

TEST_F(Durability, ARangeCoversNoNumberThatWasNotAccepted) {
  for (uint64_t first : {1, 3}) {
    solo.restart();
    solo.step({Event{World::endpoint(0), round_zero(first, x)},
               Event{World::endpoint(0), round_zero(4 - first, z)}});
    solo.sync();
    const auto ranges = solo.take<AcceptedRange>();
    EXPECT_EQ(ranges.size(), 2u);
    for (const AcceptedRange& range : ranges) EXPECT_EQ(range.first, range.last);
  }
}

// "the home's own vote too"
TEST(HomeDurability, ItsOwnVoteIsForWhatItsDiskHas) {
  Solo home(0, 3);
  const auto one = home.write(home.name(0, 1), "a", kA);
  const auto two = home.write(home.name(0, 2), "b", kB);
  home.receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{2}});
  EXPECT_FALSE(home.answered(one));
  home.sync(1);
  EXPECT_TRUE(home.answered(one));
  EXPECT_FALSE(home.answered(two));
  home.sync();
  EXPECT_TRUE(home.answered(two));
}

TEST_F(Durability, TheProposersOwnPromiseIsForWhatItsDiskHas) {
  lose_home();
  solo.write(x, "a", kA);
  solo.write(y, "b", kB);
  for (const Prepare& p : solo.take<Prepare>()) {
    solo.receive(2, Promise{p.op, p.ballot, Ballot{}, State{}});
  }
  EXPECT_TRUE(solo.take<Accept>().empty());
  solo.sync(1);
  const auto accepts = solo.take<Accept>();
  ASSERT_EQ(accepts.size(), 1u);
  EXPECT_EQ(accepts[0].name, x);
  solo.sync(1);
  EXPECT_EQ(solo.take<Accept>().size(), 1u);
}

TEST_F(Durability, TheProposersOwnAcceptIsForWhatItsDiskHas) {
  lose_home();
  const auto token = solo.write(x, "a", kA);
  solo.sync();
  const auto prepares = solo.take<Prepare>();
  ASSERT_EQ(prepares.size(), 1u);
  solo.receive(2, Promise{prepares[0].op, prepares[0].ballot, Ballot{}, State{}});
  ASSERT_EQ(solo.take<Accept>().size(), 1u);
  solo.receive(2, Accepted{prepares[0].op, prepares[0].ballot, 1});
  EXPECT_FALSE(solo.answered(token));
  solo.sync();
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kDone);
}

// --- what the log gives back
// ------------------------------------------------------------------------

// With several streams the order in the log is not the order of ballots.
TEST_F(Durability, TheHighestAcceptInTheLogCounts) {
  solo.put_on_disk(AcceptRecord{ballot(2, 2), CoreId{0}, Sequence{0}, state(kA, "high"), x});
  solo.put_on_disk(AcceptRecord{ballot(1, 0), CoreId{0}, Sequence{0}, state(kB, "low"), x});
  solo.restart();
  EXPECT_EQ(solo.state_of(x).accepted_ballot, ballot(2, 2));
  EXPECT_EQ(solo.state_of(x).accepted.value, "high");
  solo.receive(0, Accept{1, ballot(1, 0), state(kB, "low"), x});
  solo.sync();
  EXPECT_TRUE(solo.take<Accepted>().empty());
}

TEST_F(Durability, ADecisionInTheLogIsAboutItsBallotOnly) {
  solo.put_on_disk(AcceptRecord{ballot(1, 0), CoreId{0}, Sequence{0}, state(kA, "v"), x});
  solo.put_on_disk(DecidedRecord{ballot(2, 2), 1, x});
  solo.restart();
  EXPECT_FALSE(solo.state_of(x).decided);
  solo.put_on_disk(DecidedRecord{ballot(1, 0), 1, x});
  solo.restart();
  EXPECT_TRUE(solo.state_of(x).decided);
}

TEST_F(Durability, WhatIsKeptInOneRecordIsAllThatTheOthersSaid) {
  solo.put_on_disk(KeptRecord{ballot(3, 2), ballot(1, 0), state(kA, "v"), false, true, x});
  solo.restart();
  EXPECT_EQ(solo.explain(x).promised, ballot(3, 2));
  EXPECT_EQ(solo.state_of(x).accepted_ballot, ballot(1, 0));
  EXPECT_EQ(solo.state_of(x).accepted.value, "v");
  EXPECT_FALSE(solo.state_of(x).decided);
  solo.put_on_disk(KeptRecord{ballot(3, 2), ballot(1, 0), state(kA, "v"), true, true, x});
  solo.restart();
  EXPECT_TRUE(solo.state_of(x).decided);
}

TEST_F(Durability, WhatIsKeptAndNotSettledIsReportedToTheHome) {
  for (const bool settled : {true, false}) {
    solo.put_on_disk(KeptRecord{ballot(2, 2), ballot(2, 2), state(kA, "v"), true, settled, y});
    solo.restart();
    EXPECT_EQ(solo.claim(0, 9).size(), settled ? 0u : 1u);
  }
}

// The order in the log is not the order of ballots: what was kept may be older than what is there.
TEST_F(Durability, WhatIsKeptLowersNothingAndDecidesItsOwnStateOnly) {
  solo.put_on_disk(AcceptRecord{ballot(5, 2), CoreId{0}, Sequence{0}, state(kB, "newer"), x});
  solo.put_on_disk(KeptRecord{ballot(3, 2), ballot(1, 0), state(kA, "older"), true, true, x});
  solo.restart();
  EXPECT_EQ(solo.explain(x).promised, ballot(5, 2));
  EXPECT_EQ(solo.state_of(x).accepted.value, "newer");
  EXPECT_FALSE(solo.state_of(x).decided);
}

}  // namespace durability_test
}  // namespace once::paxos::test
