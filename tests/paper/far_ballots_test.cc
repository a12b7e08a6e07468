// DESIGN 3.5: a ballot far ahead is approached, as much at a time as is believed; it locks nobody
// out, and no single peer burns the ballot space. And the highest round there is.
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace far_ballots_test {

const RequestId kA = request_id(1, 1), kB = request_id(2, 2);
constexpr size_t kHome = 2;

// A name of node 3 has changed hands between the other two for three days and a half.
class ChangedHandsOften : public testing::Test {
 protected:
  ChangedHandsOften() {
    world.settle(100);
    name = world.name_at_home(kHome);
  }
  void age() {
    const Ballot far = ballot(kRoundsAtOnce - 1000, 0);
    std::vector<char> bytes;
    encode_record(AcceptRecord{far, CoreId{0}, Sequence{0}, State{5, false, kA, "old"}, name},
                  bytes);
    for (size_t i : {0, 1}) {
      world.crash(i);
      world.disk(i).emplace_back(bytes.begin(), bytes.end());
    }
    for (size_t i : {0, 1}) world.start(i);
    world.settle(1000);
  }
  Answer next(size_t node) {
    const auto token = world.ask(node, {0, Operation::kNext, kB, 5000, name, {}});
    world.settle(2000);
    EXPECT_TRUE(world.answered(token));
    return world.answered(token) ? world.answer(token) : Answer{};
  }

  World world{3};
  std::string name;
};

TEST_F(ChangedHandsOften, AHomeThatWasDownServesItAgainAndSettlesIt) {
  world.crash(kHome);
  age();
  world.start(kHome);
  world.settle(3000);
  ASSERT_EQ(world.counters(kHome).claimed, 1u);
  EXPECT_EQ(world.counters(0).unsettled, 0u);
  const Answer answer = next(kHome);
  EXPECT_EQ(answer.status, Status::kDone);
  EXPECT_EQ(answer.version, 6u);
}

TEST_F(ChangedHandsOften, AnyMajorityServesIt) {
  world.crash(kHome);
  age();
  world.start(kHome);
  world.crash(1);
  EXPECT_EQ(next(0).status, Status::kDone);
}

// It may use round 0 at once, knows nothing of the name, and loses to a ballot far away.
TEST_F(ChangedHandsOften, AHomeThatWasCutOffServesItAndItsOtherNames) {
  for (size_t i : {0, 1}) world.link(i, kHome, false);
  age();
  for (size_t i : {0, 1}) world.link(i, kHome, true);
  EXPECT_EQ(next(kHome).status, Status::kDone);
  for (int n = 1; n <= 300; ++n) {  // the window has 256 places
    const auto other = world.write(kHome, world.name_at_home(kHome, n), "v", kA);
    world.settle(2);
    ASSERT_EQ(world.answer(other).status, Status::kDone) << n;
  }
}

class FarBallots : public testing::Test {
 protected:
  size_t promises(const Ballot& b) {
    solo.receive(2, Prepare{7, b, name});
    solo.sync();
    return solo.take<Promise>().size();
  }
  // What it has promised, as it tells whoever comes with the lowest ballot of all.
  Ballot promised() {
    solo.receive(0, Prepare{8, ballot(1, 0), name});
    solo.sync();
    const auto rejections = solo.take<Rejected>();
    return rejections.empty() ? Ballot{} : rejections[0].promised;
  }
  // So long as rounds of it come back.
  void pass(uint32_t rounds) { solo.pass_us(rounds * kNsPerRound / 1000); }
  Solo solo{1, 3};
  const std::string name = solo.name(0);
};

TEST_F(FarBallots, AnAcceptorPromisesAtTheBoundAtOnce) {
  EXPECT_EQ(promises(ballot(kRoundsAtOnce, 2)), 1u);
  pass(kRoundsAtOnce);
  EXPECT_EQ(promises(ballot(2 * kRoundsAtOnce, 2)), 1u) << "much later again";
  EXPECT_EQ(solo.counters().far_ballots, 0u);
}

TEST_F(FarBallots, BeyondItAnAcceptorComesNearerAndSaysNothing) {
  EXPECT_EQ(promises(ballot(kRoundsAtOnce + 100, 2)), 0u);
  EXPECT_EQ(promised(), ballot(kRoundsAtOnce, 2));
  EXPECT_EQ(promises(ballot(kRoundsAtOnce + 100, 2)), 0u) << "asked again at once";
  EXPECT_EQ(solo.counters().far_ballots, 2u);
  pass(60);
  EXPECT_EQ(promises(ballot(kRoundsAtOnce + 100, 2)), 0u);
  EXPECT_EQ(promised(), ballot(kRoundsAtOnce + 60, 2)) << "as far as is believed by now";
  pass(40);
  EXPECT_EQ(promises(ballot(kRoundsAtOnce + 100, 2)), 1u) << "asked again later";
}

// By time, not by step: else 4,096 messages, each at the bound, use up the rounds of a name.
TEST_F(FarBallots, ManyStepsAreBelievedNoFurtherThanOne) {
  for (uint64_t n = 1; n <= 4096; ++n) {
    const uint64_t round = std::min<uint64_t>(n << 20, kMaxRound.value);
    solo.receive(2, Prepare{n, ballot(static_cast<uint32_t>(round), 2), name});
  }
  solo.sync();
  solo.restart();
  EXPECT_EQ(promised(), ballot(kRoundsAtOnce, 2));
  EXPECT_EQ(promises(ballot(kRoundsAtOnce + 1, 2)), 1u) << "and it can still be written";
}

// A duel that is five times as fast as any that was seen, for three hours; ten thousand names at
// once; and a node that was away while others duelled for three days: none waits.
TEST_F(FarBallots, HonestUseIsBelievedAtOnce) {
  uint32_t round = 1;
  for (int second = 0; second < 3 * 3600; second += 10) {
    ASSERT_EQ(promises(ballot(round += 10 * 1150, 2)), 1u) << second;
    solo.pass_us(10'000'000);
  }
  pass(kRoundsAtOnce / 64);
  size_t answered = 0;
  for (int n = 1; n <= 10'000; ++n) {
    solo.receive(2, Prepare{7, ballot(230 * 3600, 2), solo.name(0, n)});
  }
  solo.sync();
  answered = solo.take<Promise>().size();
  EXPECT_EQ(answered, 10'000u);
  Solo back{1, 3};
  back.receive(2, Prepare{7, ballot(230 * 3 * 86400, 2), name});
  back.sync();
  EXPECT_EQ(back.take<Promise>().size(), 1u);
  EXPECT_EQ(solo.counters().far_ballots + back.counters().far_ballots, 0u);
}

TEST_F(FarBallots, AnAcceptIsApproachedToo) {
  const Accept accept{7, ballot(kRoundsAtOnce + 1, 2), state(kA, "v"), name};
  solo.receive(2, accept);
  solo.sync();
  EXPECT_TRUE(solo.take<Accepted>().empty());
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  pass(1);
  solo.receive(2, accept);
  solo.sync();
  EXPECT_EQ(solo.take<Accepted>().size(), 1u);
}

// What it came nearer by is a promise like any other: durable, and kept.
TEST_F(FarBallots, WhatAnAcceptorCameNearerByIsKept) {
  promises(ballot(kRoundsAtOnce + 1, 2));
  solo.restart();
  EXPECT_EQ(promises(ballot(kRoundsAtOnce - 1, 2)), 0u);
  EXPECT_EQ(promised(), ballot(kRoundsAtOnce, 2));
}

TEST_F(FarBallots, TheHighestRoundIsPromisedAndNoneAboveIt) {
  solo.put_on_disk(PromiseRecord{ballot(kMaxRound.value - 1, 0), name});
  solo.restart();
  EXPECT_EQ(promises(ballot(kMaxRound.value + 1, 2)), 0u);
  EXPECT_EQ(promises(ballot(kMaxRound.value, 2)), 1u);
  EXPECT_EQ(promises(ballot(UINT32_MAX, 2)), 0u);
  EXPECT_EQ(promised(), ballot(kMaxRound.value, 2));
}

TEST_F(FarBallots, AProposerUsesTheHighestRoundAndNoneAboveIt) {
  solo.put_on_disk(PromiseRecord{ballot(kMaxRound.value - 1, 0), name});
  solo.restart();
  solo.link_down(0);
  const auto token = solo.write(name, "v", kA, 500);
  const auto prepares = solo.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  EXPECT_EQ(prepares[0].ballot.round, kMaxRound);
  solo.receive(2, Rejected{prepares[0].op, prepares[0].ballot, ballot(kMaxRound.value, 2)});
  for (int ms = 0; ms < 600; ms += 5) solo.wait(5);
  EXPECT_TRUE(solo.take<Prepare>().empty()) << "there is no higher one";
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnavailable);
}

// A home that is asked to settle what lies far away goes there step by step.
TEST(FarBallotsAtHome, SettlingGoesTowardsAFarBallot) {
  Solo home{0, 3};
  const std::string name = home.name(0);
  const Ballot far = ballot(5 * kRoundsAtOnce, 1);
  home.receive(1, SettleQuery{far, far, name});
  const auto prepares = home.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  EXPECT_EQ(prepares[0].ballot.round.value, kRoundsAtOnce + 1);
}

TEST(FarBallotsAtHome, SettlingIgnoresARoundAboveTheHighest) {
  Solo home{0, 3};
  const Ballot above = ballot(kMaxRound.value + 1, 1);
  home.receive(1, SettleQuery{above, above, home.name(0)});
  EXPECT_TRUE(home.take<Prepare>().empty());
}

// --- one proposal without an answer ---

class Window : public testing::Test {
 protected:
  // Of the first name nothing is ever heard; the others are acknowledged, as far as there is room.
  void fill() {
    stuck = home.name(0, 100);
    first = home.write(stuck, "v", kA, 60'000);
    for (int n = 2; n <= static_cast<int>(Solo::kWindow); ++n) home.write(home.name(0, n), "v", kA);
    home.sync();
    home.receive(1, AcceptedRange{Incarnation{1}, Sequence{2}, Sequence{Solo::kWindow}});
    home.take<Prepare>();
  }
  bool takes_more() {
    const auto token = home.write(home.name(0, 200), "v", kA);
    return !home.answered(token);
  }
  Solo home{0, 3};
  std::string stuck;
  uint64_t first = 0;
};

TEST_F(Window, IsFullWhileOneProposalIsYoung) {
  fill();
  EXPECT_FALSE(takes_more());
  for (int ms = 0; ms < 4000; ms += 50) home.wait(50);
  EXPECT_FALSE(takes_more());
}

TEST_F(Window, GivesUpAnOldProposalThatStandsInTheWay) {
  fill();
  for (int ms = 0; ms < 6000; ms += 50) home.wait(50);
  EXPECT_TRUE(takes_more());
  const auto prepares = home.take<Prepare>();
  ASSERT_FALSE(prepares.empty()) << "whoever waits for it is not forgotten";
  EXPECT_EQ(prepares[0].name, stuck);
  EXPECT_FALSE(home.answered(first));
}

TEST_F(Window, KeepsAnOldProposalThatStandsInNobodysWay) {
  stuck = home.name(0, 100);
  home.write(stuck, "v", kA, 60'000);
  for (int n = 2; n <= static_cast<int>(Solo::kWindow) / 2; ++n) {
    home.write(home.name(0, n), "v", kA);
  }
  home.sync();
  home.receive(1, AcceptedRange{Incarnation{1}, Sequence{2}, Sequence{Solo::kWindow / 2}});
  for (int ms = 0; ms < 6000; ms += 50) home.wait(50);
  EXPECT_TRUE(home.take<Prepare>().empty());
}

}  // namespace far_ballots_test
}  // namespace once::paxos::test
