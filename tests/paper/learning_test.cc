// What one core does with a state that another says to be decided (DESIGN 3.6, L1).
#include <gtest/gtest.h>

#include <functional>

#include "paxos/digest.h"
#include "paxos/pages.h"
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace learning_test {

const State kRed = state(request_id(5, 5), "red");

struct Learned : ::testing::Test {
  Solo solo{0, 3, 1, 1, 20'000};
  std::string name = solo.name(1);

  // All are told whether the names of the member that they ask differ.
  void answer_compares(const std::function<bool(size_t member)>& differs) {
    for (const SyncCompare& m : solo.take<SyncCompare>()) {
      const size_t member = solo.last_to<SyncCompare>();
      const char fill = differs(member) ? 1 : 0;
      const std::string digests(size_t{m.shards} * 64 * Digest::kPackedBytes, fill);
      solo.receive(member, SyncDigest{m.pass, m.shard, m.shards, digests});
    }
  }
  // Names differ everywhere, and for ten seconds nobody is asked for them.
  void expect_no_question() {
    for (int i = 0; i < 2'000; ++i) {
      solo.wait(5);
      answer_compares([](size_t) { return true; });
      ASSERT_TRUE(solo.take<SyncNames>().empty() && solo.take<SyncFetch>().empty());
    }
  }
  // That member's names differ, and it tells of this one, until it is asked about it, alone or
  // with everybody: the number of the question.
  uint64_t asked(size_t of) {
    for (int i = 0; i < 20'000; ++i) {
      solo.wait(5);
      answer_compares([of](size_t member) { return member == of; });
      for (const SyncNames& m : solo.take<SyncNames>()) {
        std::vector<char> page;
        ByteWriter writer(page);
        put_told({name, 1'000, ballot(1'000, of), 3}, writer);
        solo.receive(of, SyncPage{m.pass, m.cursor, 1, 1, {page.data(), page.size()}});
      }
      const auto fetches = solo.take<SyncFetch>();
      const bool found = !fetches.empty() && fetches.back().name == name;
      if (found && (fetches.size() > 1 || solo.last_to<SyncFetch>() == of)) return fetches[0].op;
    }
    ADD_FAILURE() << "member " << of << " is not asked";
    return 0;
  }
  void answer(uint64_t op, const Ballot& under, const State& chosen, size_t from = 1,
              bool decided = true) {
    solo.receive(from, SyncState{op, decided, under, chosen, name});
  }
  void tell(const Ballot& under, const State& chosen, size_t from = 1, bool decided = true) {
    answer(asked(from), under, chosen, from, decided);
  }
};

TEST_F(Learned, WhatIsDecidedIsTakenBelowThePromise) {
  solo.receive(2, Prepare{1, ballot(9, 2), name});
  tell(ballot(3, 1), kRed);
  const ReadReply held = solo.state_of(name);
  EXPECT_TRUE(held.decided);
  EXPECT_EQ(held.accepted_ballot, ballot(3, 1));
  EXPECT_EQ(solo.explain(name).promised, ballot(9, 2));
  // Whoever holds the promise is told of it, as he would be by the majority that chose it.
  solo.take<Promise>();
  solo.receive(2, Prepare{1, ballot(9, 2), name});
  solo.sync();
  const auto promises = solo.take<Promise>();
  ASSERT_EQ(promises.size(), 1u);
  EXPECT_EQ(promises[0].accepted_ballot, ballot(3, 1));
}

TEST_F(Learned, OnlyWhoIsAskedTeaches) {
  answer(7, ballot(3, 1), kRed);
  const uint64_t op = asked(1);
  answer(op, ballot(3, 1), kRed, 2);
  answer(op + 1, ballot(3, 1), kRed);
  const std::string wanted = std::exchange(name, solo.name(1, 1));
  answer(op, ballot(3, 1), kRed);
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  name = wanted;
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  answer(op, ballot(3, 1), kRed);
  EXPECT_EQ(solo.state_of(name).accepted.value, "red");
}

// It builds on what is decided under its own ballot, and asks nobody.
TEST_F(Learned, OfItsOwnRunAMajorityHasTheWord) {
  solo = Solo{0, 5, 1, 1, 20'000};
  name = solo.name(1);
  solo.link_down(1);
  solo.write(name, "mine", request_id(1, 1));
  for (int i = 0; i < 1'000 && solo.explain(name).accepted.is_null(); ++i) {
    solo.wait(5);
    solo.sync();
    for (const Prepare& m : solo.take<Prepare>()) {
      solo.receive(2, Promise{m.op, m.ballot, Ballot{}, State{}});
      solo.receive(3, Promise{m.op, m.ballot, Ballot{}, State{}});
    }
  }
  solo.sync();
  const Ballot own = solo.explain(name).accepted;
  ASSERT_EQ(own.node, NodeId{1});
  const State mine = state(request_id(1, 1), "mine");
  solo.wait(20'000);
  for (int i = 0; i < 5; ++i) tell(own, mine, 2);
  EXPECT_FALSE(solo.explain(name).decided);
  for (int i = 0; i < 5 && !solo.explain(name).decided; ++i) {
    const uint64_t op = asked(2);
    answer(op, own, mine, 2);
    answer(op, own, mine, 3);
  }
  EXPECT_TRUE(solo.explain(name).decided);
}

TEST_F(Learned, WhatNobodyCallsDecidedIsNotTaken) {
  tell(ballot(3, 1), kRed, 1, false);
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
}

TEST_F(Learned, ItIsSaidOnlyWhenItIsDurable) {
  tell(ballot(3, 1), kRed);
  solo.receive(2, ReadState{1, name});
  EXPECT_TRUE(solo.take<ReadReply>().empty());
  solo.sync();
  EXPECT_EQ(solo.take<ReadReply>().size(), 1u);
}

TEST_F(Learned, AStateIsToldOnlyWhenItIsDurable) {
  solo.receive(1, Accept{1, ballot(3, 1), kRed, name});
  solo.receive(2, SyncFetch{6, name});
  EXPECT_TRUE(solo.take<SyncState>().empty());
  solo.sync();
  const auto told = solo.take<SyncState>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_FALSE(told[0].decided);
  EXPECT_EQ(told[0].ballot, ballot(3, 1));
  EXPECT_EQ(told[0].op, 6u);
}

TEST_F(Learned, OfTheHomeItIsSettled) {
  tell(ballot(3, 1), kRed, 2);
  EXPECT_EQ(solo.claim(1, 2), std::vector<std::string>{name}) << "its home may have lost it";
  name = solo.name(1, 1);
  tell(ballot(3, 1), kRed, 1);
  EXPECT_EQ(solo.claim(1, 3).size(), 1u) << "the home has said so itself";
}

TEST_F(Learned, WhatIsHeldAlreadyIsOnlyDecided) {
  solo.receive(1, Accept{1, ballot(3, 1), kRed, name});
  solo.sync();
  const uint64_t op = asked(1);
  const size_t before = solo.unsynced();
  answer(op, ballot(3, 1), kRed);
  EXPECT_TRUE(solo.explain(name).decided);
  EXPECT_EQ(solo.unsynced(), before + 1) << "the decision, and not the state";
}

TEST_F(Learned, WhatIsSealedIsTheSameUnderAHigherBallot) {
  solo.receive(2, Accept{1, ballot(5, 2), kRed, name});
  tell(ballot(3, 1), kRed);
  EXPECT_TRUE(solo.explain(name).decided);
  EXPECT_EQ(solo.explain(name).accepted, ballot(5, 2));
}

TEST_F(Learned, WhatIsOpenIsNotDecidedUnderAHigherBallot) {
  State open = kRed;
  open.sealed = false;
  solo.receive(2, Accept{1, ballot(5, 2), open, name});
  tell(ballot(3, 1), open);
  EXPECT_FALSE(solo.explain(name).decided);
}

TEST_F(Learned, WhatDeniesADecisionIsRefused) {
  tell(ballot(3, 1), kRed);
  for (const uint32_t round : {1u, 3u, 5u}) {
    tell(ballot(round, 1), state(request_id(6, 6), "blue"));
    EXPECT_EQ(solo.state_of(name).accepted.value, "red") << round;
  }
  EXPECT_EQ(solo.counters().contradictions, 3u);
}

TEST_F(Learned, WhileThisNodeIsAtWorkThereTheNameIsLeftAlone) {
  name = solo.name(0);
  const uint64_t op = asked(1);
  solo.write(name, "mine", request_id(1, 1));
  answer(op, ballot(3, 1), kRed);
  EXPECT_EQ(solo.state_of(name).accepted.value, "mine");
}

TEST_F(Learned, OfItsOwnRunItLearnsNothing) {
  tell(ballot(3, 0), kRed);
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  EXPECT_EQ(solo.counters().ignored_ballots, 1u);
}

TEST_F(Learned, WhatNoMemberCanHaveSaidIsIgnored) {
  tell(Ballot{Round{3}, NodeId{9}, Incarnation{1}}, kRed);
  tell(ballot(UINT32_MAX, 1), kRed);
  tell(ballot(0, 2), kRed);  // not its home
  EXPECT_EQ(solo.counters().ignored_ballots, 3u);
  tell(Ballot{}, kRed);
  tell(Ballot{}, State{});
  tell(ballot(3, 1), State{});
  EXPECT_EQ(solo.counters().ignored_states, 3u);
  name.clear();
  answer(7, ballot(3, 1), kRed);
  solo.receive(1, SyncFetch{1, ""});
  EXPECT_EQ(solo.counters().ignored_names, 2u);
  solo.receive(1, SyncCompare{1, 60, 16});
  solo.receive(1, SyncCompare{1, 0, 17});
  solo.receive(1, SyncCompare{1, 0, 0});
  solo.receive(1, SyncNames{1, 0, 9, "short"});
  solo.receive(1, SyncDigest{1, 0, 16, "short"});
  EXPECT_EQ(solo.counters().ignored_numbers, 5u);
  EXPECT_TRUE(solo.take<SyncState>().empty() && solo.take<SyncDigest>().empty());
}

TEST_F(Learned, AFarBallotIsApproached) {
  tell(ballot(4'000'000'000, 1), kRed);
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  EXPECT_EQ(solo.counters().far_ballots, 1u);
  EXPECT_GE(solo.explain(name).promised.round.value, kRoundsAtOnce);
}

TEST_F(Learned, WithoutRoomNothingIsLearned) {
  const uint64_t op = asked(1);
  solo.set_disk_full(true);
  answer(op, ballot(3, 1), kRed);
  EXPECT_TRUE(solo.state_of(name).accepted_ballot.is_null());
  solo.set_disk_full(false);
  tell(ballot(3, 1), kRed);
  EXPECT_EQ(solo.state_of(name).accepted.value, "red");
}

// Values may be large: a disk that stands still is not given a queue that makes it refuse requests.
TEST_F(Learned, NothingIsAskedForWhileMuchWaitsForTheDisk) {
  solo.set_log_waiting(4 * 1024 * 1024 + 1);
  expect_no_question();
  solo.set_log_waiting(4 * 1024 * 1024);
  tell(ballot(3, 1), kRed);
  EXPECT_EQ(solo.state_of(name).accepted.value, "red");
}

TEST_F(Learned, NothingIsAskedForWhileManyRecordsWaitForTheDisk) {
  for (uint64_t round = 1; round <= 8'193; ++round) {
    solo.receive(2, Prepare{1, ballot(round, 2), solo.name(2)});
  }
  ASSERT_GT(solo.unsynced(), 8'192u);
  expect_no_question();
  solo.sync();
  asked(1);
}

TEST_F(Learned, ItIsToldOnPages) {
  std::vector<std::string> names;
  for (int n = 0; n < 3; ++n) names.push_back(solo.name(1, n));
  for (const std::string& each : names) {
    name = each;
    tell(ballot(3, 1), kRed);
  }
  solo.receive(1, Prepare{1, ballot(9, 1), solo.name(1, 4)});
  solo.receive(1, Accept{1, ballot(9, 1), kRed, solo.name(1, 5)});
  solo.sync();
  const std::string all(512, '\xff'), none(512, '\0');
  solo.receive(2, SyncNames{5, 0, 2, all});
  auto pages = solo.take<SyncPage>();
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].next, 2u);
  EXPECT_GT(pages[0].end, 2u);
  solo.receive(2, SyncNames{5, 2, 2, all});
  pages = solo.take<SyncPage>();
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].next, pages[0].end);
  EXPECT_NE(pages[0].names.find(names[2]), std::string_view::npos);
  EXPECT_EQ(pages[0].names.find(solo.name(1, 5)), std::string_view::npos) << "not decided";
  solo.receive(2, SyncNames{5, 77, 2, all});
  solo.receive(2, SyncNames{5, 0, 2, none});
  pages = solo.take<SyncPage>();
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_TRUE(pages[0].names.empty() && pages[0].next >= pages[0].end);
  EXPECT_TRUE(pages[1].names.empty() && pages[1].next >= pages[1].end);
}

// A message has room for so much. Values are not on it, names are.
TEST_F(Learned, APageIsBoundedInBytesToo) {
  for (int n = 0; n < 200; ++n) {
    const std::string each = solo.name(1, n) + std::string(900, '.');
    solo.receive(1, Accept{1, ballot(1, 1), kRed, each});
    solo.receive(1, Decided{ballot(1, 1), 1, each});
  }
  solo.sync();
  const std::string all(512, '\xff');
  solo.receive(2, SyncNames{5, 0, 1024, all});
  const auto pages = solo.take<SyncPage>();
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_GE(pages[0].names.size(), kMostToldBytes);
  EXPECT_LT(pages[0].names.size(), kMostToldBytes + 2 * 1024);
  EXPECT_LT(pages[0].next, pages[0].end);
}

TEST_F(Learned, ATurnOfTellingIsBounded) {
  const std::string all(512, '\xff');
  for (int i = 0; i < 20; ++i) solo.receive(2, SyncNames{5, 0, 2, all});
  EXPECT_EQ(solo.take<SyncPage>().size(), 8u);
  solo.wait(5);
  solo.receive(2, SyncNames{5, 0, 2, all});
  EXPECT_EQ(solo.take<SyncPage>().size(), 1u);
}

}  // namespace learning_test
}  // namespace once::paxos::test
