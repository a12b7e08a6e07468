// DESIGN 3.2: a home in several incarnations. What its claim must hear, what an acceptor must
// report, and how far a sequence number reaches.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace claim_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

// --- the acceptor, for a home that is member 0
// ----------------------------------------------------

class ClaimedAcceptor : public testing::Test {
 protected:
  using Names = std::vector<std::string>;

  // A round-0 accept of the home.
  void accept(uint64_t sequence, uint32_t incarnation, const std::string& name) {
    solo.receive(0, Accept{sequence, ballot(0, 0, incarnation), state(kA, "v"), name});
  }
  // Whether the claim of a home in this incarnation hears of the name.
  bool lists(uint32_t incarnation, const std::string& name) {
    const Names names = solo.claim(0, incarnation);
    return std::count(names.begin(), names.end(), name) != 0;
  }
  bool covers(uint32_t incarnation, uint64_t sequence) {
    solo.sync();
    bool covered = false;
    for (const AcceptedRange& range : solo.take<AcceptedRange>()) {
      covered |= range.incarnation == Incarnation{incarnation} && range.first.value <= sequence &&
                 sequence <= range.last.value;
    }
    return covered;
  }

  Solo solo{1, 3};
  std::string x = solo.name(0, 1), y = solo.name(0, 2);
};

TEST_F(ClaimedAcceptor, AnswersOnlyWithADurableRangePromise) {
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  EXPECT_TRUE(solo.take<ClaimReply>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<ClaimReply>().size(), 1u);
}

TEST_F(ClaimedAcceptor, AnswersOnlyWithDurableAccepts) {
  accept(1, 1, x);
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  solo.sync(1);
  EXPECT_TRUE(solo.take<ClaimReply>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<ClaimReply>().size(), 1u);
}

TEST_F(ClaimedAcceptor, KeepsItsRangePromiseOverARestart) {
  solo.claim(0, 2);
  solo.restart();
  accept(1, 1, x);
  EXPECT_FALSE(covers(1, 1));
  EXPECT_TRUE(solo.state_of(x).accepted_ballot.is_null());
}

TEST_F(ClaimedAcceptor, ListsWhatTheHomeMayHaveLost) {
  accept(1, 1, x);
  accept(2, 1, y);
  solo.receive(0, HomeProgress{Incarnation{1}, Sequence{1}});
  EXPECT_TRUE(lists(2, y));
  EXPECT_FALSE(lists(2, x)) << "the home said that its disk has it";
}

// P7: news of round 0 say nothing of what a takeover had accepted in its place.
TEST_F(ClaimedAcceptor, NewsOfRoundZeroDecideNothingOfAnotherBallot) {
  accept(1, 1, x);
  solo.receive(2, Accept{2, ballot(1, 2), state(kB, "b"), x});
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo.state_of(x).decided);
}

// "'Decided' is not a reason to leave a name off the list."
TEST_F(ClaimedAcceptor, ListsADecidedName) {
  accept(1, 1, x);
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_TRUE(solo.state_of(x).decided);
  EXPECT_TRUE(lists(2, x));
}

// "(b) has accepted any round >= 1"; a promise alone refuses round 0 by itself.
TEST_F(ClaimedAcceptor, ListsAcceptsOfHigherRounds) {
  solo.receive(2, Prepare{1, ballot(1, 2), x});
  solo.receive(2, Accept{2, ballot(1, 2), state(kB, "b"), y});
  EXPECT_FALSE(lists(2, x));
  EXPECT_TRUE(lists(2, y)) << "accepted without a promise before";
  accept(1, 2, x);
  EXPECT_FALSE(covers(2, 1)) << "round 0 is refused by the promise";
}

// What lies below a promise is listed all the same.
TEST_F(ClaimedAcceptor, ListsAnAcceptUnderAPromise) {
  accept(1, 1, x);
  solo.receive(2, Prepare{1, ballot(1, 2), x});
  EXPECT_TRUE(lists(2, x));
}

// "Sequence numbers must never be compared across incarnations."
TEST_F(ClaimedAcceptor, ForgetsTheWatermarkOfAnEarlierIncarnation) {
  accept(1, 1, x);
  solo.receive(0, HomeProgress{Incarnation{1}, Sequence{5}});
  accept(1, 2, y);
  EXPECT_TRUE(lists(3, y));
}

TEST_F(ClaimedAcceptor, TakesNoLateWatermarkOfAnEarlierIncarnation) {
  accept(1, 2, y);
  solo.receive(0, HomeProgress{Incarnation{1}, Sequence{9}});
  EXPECT_TRUE(lists(3, y));
}

TEST_F(ClaimedAcceptor, TakesNoWatermarkOfAnEarlierIncarnationFromItsLog) {
  solo.put_on_disk(AcceptRecord{ballot(0, 0, 2), CoreId{0}, Sequence{1}, state(kA, "v"), y});
  solo.put_on_disk(HomeProgressRecord{World::endpoint(0), Incarnation{1}, Sequence{9}});
  solo.restart();
  EXPECT_TRUE(lists(3, y));
}

TEST_F(ClaimedAcceptor, AcknowledgesNoAcceptOfAnOvertakenIncarnation) {
  accept(2, 2, x);
  accept(1, 1, y);
  EXPECT_FALSE(covers(2, 1));
  EXPECT_TRUE(solo.state_of(y).accepted_ballot.is_null());
}

TEST_F(ClaimedAcceptor, TakesRoundZeroFromTheHomeOnly) {
  solo.receive(2, Accept{1, ballot(0, 2), state(kB, "b"), x});
  EXPECT_EQ(solo.counters().ignored_messages, 1u);
  EXPECT_TRUE(solo.state_of(x).accepted_ballot.is_null());
}

TEST_F(ClaimedAcceptor, MarksWhatWasChosenAndNothingElse) {
  accept(1, 1, x);
  accept(2, 1, y);
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{2}, Sequence{2}});
  EXPECT_FALSE(solo.state_of(x).decided);
  EXPECT_TRUE(solo.state_of(y).decided);
}

TEST_F(ClaimedAcceptor, MarksNothingByANumberWhoseSlotIsAnothersByNow) {
  accept(1, 1, x);
  accept(1 + Solo::kWindow, 1, y);
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo.state_of(y).decided);
  EXPECT_TRUE(lists(2, x)) << "late, never lost";
  EXPECT_TRUE(lists(2, y));
}

TEST_F(ClaimedAcceptor, MarksNothingByAnEarlierIncarnationsNumbers) {
  accept(1, 2, y);
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo.state_of(y).decided);
}

TEST_F(ClaimedAcceptor, MarksNothingByAnEarlierIncarnationsNumbersFromItsLog) {
  solo.put_on_disk(AcceptRecord{ballot(0, 0, 2), CoreId{0}, Sequence{1}, state(kA, "v"), y});
  solo.put_on_disk(ChosenRangeRecord{World::endpoint(0), Incarnation{1}, Sequence{1}, Sequence{1}});
  solo.restart();
  EXPECT_FALSE(solo.state_of(y).decided);
}

TEST_F(ClaimedAcceptor, SettlesByTheHomesWordAboutTheLatestStateOnly) {
  solo.receive(2, Prepare{1, ballot(1, 2), x});
  solo.receive(2, Accept{1, ballot(1, 2), state(kB, "b"), x});
  solo.receive(0, Settled{ballot(1, 2), Ballot{}, x});
  EXPECT_TRUE(lists(2, x)) << "confirmed before it was accepted";
  solo.receive(2, Settled{ballot(1, 2), ballot(1, 2), x});
  EXPECT_TRUE(lists(2, x)) << "confirmed by another than the home";
  solo.receive(0, Settled{ballot(1, 2), ballot(1, 2), x});
  EXPECT_FALSE(lists(2, x));
}

// Names that fill more than one page of the answer.
class LongList : public ClaimedAcceptor {
 protected:
  void SetUp() override {
    for (int n = 0; names.size() < 70; ++n) {
      std::string name = solo.name(0, n) + std::string(1000, '.');
      const uint64_t hash = name_hash(name, Solo::kHashSeed);
      if (home_slot_of(hash, 3).value != 0) continue;
      solo.receive(2, Accept{1, ballot(1, 2), state(kB, "b"), name});
      names.push_back(name);
    }
    solo.sync();
  }
  Names names;
};

TEST_F(LongList, IsReadPageByPageWithoutAGap) {
  Names listed = solo.claim(0, 2);
  std::sort(listed.begin(), listed.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(listed, names);
}

TEST_F(LongList, GetsANewNumberWhenItsPagesMove) {
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  solo.sync();
  const auto first = solo.take<ClaimReply>();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_FALSE(first[0].last);
  solo.wait(1500);  // the home is in no hurry
  for (size_t i = 0; i < 40; ++i) solo.receive(0, Settled{ballot(1, 2), ballot(1, 2), names[i]});
  solo.wait(60);
  solo.receive(0, ClaimHome{Incarnation{2}, first[0].list, first[0].next});
  solo.sync();
  const auto next = solo.take<ClaimReply>();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_NE(next[0].list, first[0].list);
  EXPECT_FALSE(next[0].last);
}

// More than are looked at for one page.
class VeryLongList : public ClaimedAcceptor {
 protected:
  void SetUp() override {
    for (int n = 0; names.size() < 5'000; ++n) {
      const std::string name = solo.name(0, n);
      solo.receive(2, Accept{1, ballot(1, 2), state(kB, "b"), name});
      names.push_back(name);
    }
    solo.sync();
    std::sort(names.begin(), names.end());
    ASSERT_EQ(std::unique(names.begin(), names.end()), names.end());
  }
  Names listed() {
    Names all = solo.claim(0, 2);
    std::sort(all.begin(), all.end());
    return all;
  }
  Names names;
};

TEST_F(VeryLongList, IsReadToItsEnd) { EXPECT_EQ(listed(), names); }

// H4: what stands behind them is not hidden by those that are settled.
TEST_F(VeryLongList, GoesOnBehindAPageOfSettledOnes) {
  Names left;
  for (int n = 0; n < 5'000; ++n) {
    const std::string name = solo.name(0, n);
    n < 4'500 ? solo.receive(0, Settled{ballot(1, 2), ballot(1, 2), name}) : left.push_back(name);
  }
  std::sort(left.begin(), left.end());
  EXPECT_EQ(listed(), left);
}

// --- the home
// -------------------------------------------------------------------------------------

class ClaimingHome : public testing::Test {
 protected:
  void run(size_t nodes, uint32_t incarnation) {
    solo = std::make_unique<Solo>(0, nodes);
    for (uint32_t i = 1; i < incarnation; ++i) solo->restart();
    name = solo->name(0);
    solo->take<ClaimHome>();
  }
  void reply(size_t from, const ClaimReply& reply) { solo->receive(from, reply); }
  bool claimed() const { return solo->counters().claimed == 1; }

  std::unique_ptr<Solo> solo;
  std::string name;
};

TEST_F(ClaimingHome, NeedsAMajorityCountedOncePerAcceptor) {
  run(5, 2);
  reply(1, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}});
  reply(1, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}});
  EXPECT_FALSE(claimed());
  reply(3, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}});
  EXPECT_TRUE(claimed());
}

TEST_F(ClaimingHome, NeedsEveryCoreOfAMemberThatSharesAShard) {
  run(3, 2);
  const NodeId peer = World::endpoint(1).node;
  for (uint16_t core : {0, 1}) solo->step({Event{{peer, CoreId{core}}, LinkUp{2}}});
  solo->step({Event{{peer, CoreId{0}}, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}}}});
  EXPECT_FALSE(claimed());
  solo->step({Event{{peer, CoreId{1}}, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}}}});
  EXPECT_TRUE(claimed());
}

TEST_F(ClaimingHome, NeedsTheWholeList) {
  run(3, 2);
  reply(1, ClaimReply{Incarnation{2}, 7, 0, 40, false, {}});
  EXPECT_FALSE(claimed());
  const auto asks = solo->take<ClaimHome>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].list, 7u);
  EXPECT_EQ(asks[0].cursor, 40u);
  reply(1, ClaimReply{Incarnation{2}, 7, 40, 60, true, {}});
  EXPECT_TRUE(claimed());
}

TEST_F(ClaimingHome, BeginsAgainWhenTheListWasRenumbered) {
  run(3, 2);
  reply(1, ClaimReply{Incarnation{2}, 7, 0, 40, false, {}});
  solo->take<ClaimHome>();
  reply(1, ClaimReply{Incarnation{2}, 8, 40, 60, true, {}});
  EXPECT_FALSE(claimed());
  const auto asks = solo->take<ClaimHome>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].cursor, 0u);
}

TEST_F(ClaimingHome, HearsNoAnswerToAnEarlierClaim) {
  run(3, 3);
  reply(1, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}});
  EXPECT_FALSE(claimed());
}

TEST_F(ClaimingHome, PreparesWhatWasReported) {
  run(3, 2);
  const std::string packed = std::string{static_cast<char>(name.size()), '\0'} + name;
  reply(1, ClaimReply{Incarnation{2}, 1, 0, 1, true, packed});
  EXPECT_TRUE(claimed());
  solo->write(name, "a", kA);
  EXPECT_TRUE(solo->take<Accept>().empty());
  EXPECT_FALSE(solo->take<Prepare>().empty());
}

TEST_F(ClaimingHome, CountsNoAcknowledgementOfAnEarlierIncarnation) {
  run(3, 2);
  reply(1, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}});
  const auto token = solo->write(name, "a", kA);
  solo->sync();
  EXPECT_EQ(solo->take<Accept>().size(), 2u);
  solo->receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo->answered(token));
  solo->receive(1, AcceptedRange{Incarnation{2}, Sequence{1}, Sequence{1}});
  EXPECT_TRUE(solo->answered(token));
}

// "H numbers its round-0 accepts and piggybacks its durable watermark": durable, not sent.
TEST_F(ClaimingHome, AnnouncesAsDurableWhatItsDiskHas) {
  run(3, 1);
  solo->write(name, "a", kA);
  solo->sync();
  solo->write(solo->name(0, 1), "a", kA);
  solo->wait(1);
  const auto progress = solo->take<HomeProgress>();
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress[0].durable, Sequence{1});
}

TEST_F(ClaimingHome, ConfirmsOnlyWhatItHoldsDurably) {
  run(3, 1);
  solo->write(name, "a", kA);
  solo->receive(1, SettleQuery{ballot(0, 0), ballot(0, 0), name});
  EXPECT_TRUE(solo->take<Settled>().empty()) << "not on its disk yet";
  solo->sync();
  solo->receive(1, SettleQuery{ballot(0, 0), ballot(0, 0), name});
  EXPECT_EQ(solo->take<Settled>().size(), 1u);
  solo->receive(2, Prepare{1, ballot(1, 2), name});
  solo->sync();
  solo->receive(1, SettleQuery{ballot(1, 2), ballot(1, 2), name});
  EXPECT_TRUE(solo->take<Settled>().empty()) << "promised, but not accepted";
}

// A round for every promise would pre-empt whoever was promised, as long as he tries.
TEST_F(ClaimingHome, BeginsNoRoundForAPromise) {
  run(3, 1);
  solo->receive(1, SettleQuery{ballot(3, 2), Ballot{}, name});
  EXPECT_TRUE(solo->take<Prepare>().empty()) << "alone";
  solo->write(name, "a", kA);
  solo->sync();
  solo->receive(1, SettleQuery{ballot(3, 2), ballot(0, 0), name});
  EXPECT_EQ(solo->take<Settled>().size(), 1u) << "on top of what it holds";
  EXPECT_TRUE(solo->take<Prepare>().empty());
}

// Between far places an answer takes longer than a message is waited for.
TEST_F(ClaimingHome, SettlesANameThatItKnowsToBeDecidedByOneRoundHoweverLongThatTakes) {
  run(3, 1);
  const uint64_t token = solo->write(name, "a", kA);
  solo->sync();
  solo->receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  ASSERT_TRUE(solo->answered(token));
  EXPECT_FALSE(solo->take<Accept>().empty()) << "of round 0";
  const Ballot theirs = ballot(1, 2);
  solo->receive(2, SettleQuery{theirs, theirs, name});
  const auto begun = solo->take<Prepare>();
  ASSERT_FALSE(begun.empty());
  solo->sync();
  for (int i = 0; i < 4; ++i) {
    solo->wait(60);
    solo->receive(2, SettleQuery{theirs, theirs, name});
    for (const Prepare& again : solo->take<Prepare>()) EXPECT_EQ(again.ballot, begun[0].ballot);
  }
  solo->receive(2, Promise{begun[0].op, begun[0].ballot, theirs, state(kA, "a")});
  const auto accepts = solo->take<Accept>();
  ASSERT_FALSE(accepts.empty());
  EXPECT_EQ(accepts[0].ballot, begun[0].ballot);
  solo->sync();
  solo->receive(2, SettleQuery{theirs, theirs, name});
  EXPECT_EQ(solo->take<Settled>().size(), 1u);
}

// With a slow disk each round would leave the acceptors something newer to ask about, for ever.
TEST_F(ClaimingHome, BeginsNoRoundToSettleANameBeforeItsLastRecordIsDurable) {
  run(3, 1);
  solo->receive(2, Prepare{1, ballot(1, 2), name});
  solo->receive(1, SettleQuery{ballot(2, 1), ballot(0, 0), name});
  EXPECT_TRUE(solo->take<Prepare>().empty());
  solo->sync();
  solo->receive(1, SettleQuery{ballot(2, 1), ballot(0, 0), name});
  const auto prepares = solo->take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  EXPECT_GT(prepares[0].ballot, ballot(2, 1));
}

}  // namespace claim_test
}  // namespace once::paxos::test
