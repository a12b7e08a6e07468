// Sentences of DESIGN 1, 2 and 3, one test each, over the production core.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "tests/invariants/watch.h"
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace replica_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2), kC = request_id(1, 3);

// DESIGN 1.1: "If a write succeeds, every later write of that name fails, and says which value
// won."
TEST(Paper, AWriteWinsAndEveryLaterOneIsToldTheWinner) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  const auto first = w.write(0, name, "a", kA);
  w.settle();
  EXPECT_EQ(w.answer(first).status, Status::kDone);
  for (size_t node = 0; node < 3; ++node) {
    const auto later = w.write(node, name, "b", kB);
    w.settle();
    EXPECT_EQ(w.answer(later).status, Status::kAlreadySet);
    EXPECT_EQ(w.answer(later).value, "a");
    EXPECT_EQ(w.answer(later).writer, kA);
  }
}

// DESIGN 1.5: "A retry of a write or of a seal with the same request id is safe for ever."
TEST(Paper, ARetryOfTheWinnerIsDoneAgain) {
  World w(3);
  const std::string name = w.name_at_home(1);
  for (size_t node = 0; node < 3; ++node) {
    const auto token = w.write(node, name, "a", kA);
    w.settle();
    EXPECT_EQ(w.answer(token).status, Status::kDone);
  }
}

// DESIGN 1.3: "Until a value is written, a read returns empty." DESIGN 3.4: "A read of a name that
// nobody wrote leaves nothing anywhere".
TEST(Paper, AReadOfAnUnsetNameIsEmptyAndLeavesNothing) {
  World w(3);
  w.settle();
  for (size_t node = 0; node < 3; ++node) {
    const auto token = w.read(node, "nothing");
    w.settle();
    EXPECT_EQ(w.answer(token).status, Status::kEmpty);
    EXPECT_EQ(w.counters(node).names, 0u);
  }
}

// DESIGN 3.2: "a write at the home takes one round trip, and the home's own log write runs at the
// same time as its messages."
TEST(Paper, AWriteAtTheHomeCostsOneRoundTripAndOneLogWriteInParallel) {
  World w(3);
  w.settle();
  const auto token = w.write(0, w.name_at_home(0), "a", kA);
  EXPECT_EQ(w.count<Accept>(), 2u) << "the accepts leave before the home's own log write";
  EXPECT_EQ(w.unsynced(0), 1u);
  while (w.in_flight() > 0) w.deliver(0);
  EXPECT_EQ(w.count<AcceptedRange>(), 0u) << "no acknowledgement before the acceptor's log write";
  w.sync(1, 1);
  EXPECT_EQ(w.count<AcceptedRange>(), 1u);
  w.deliver(0);
  EXPECT_FALSE(w.answered(token)) << "one of three is no majority";
  w.sync(0, 1);
  ASSERT_TRUE(w.answered(token));
  EXPECT_EQ(w.answer(token).status, Status::kDone);
  EXPECT_EQ(w.counters(0).fast_path_writes, 1u);
  EXPECT_EQ(w.counters(0).classic_rounds, 0u);
}

// DESIGN 3.3: the home's own vote too counts only once it is durable.
TEST(Paper, TheHomesOwnVoteWaitsForItsDisk) {
  World w(3);
  w.settle();
  const auto token = w.write(0, w.name_at_home(0), "a", kA);
  while (w.in_flight() > 0) w.deliver(0);
  EXPECT_FALSE(w.answered(token));
  w.sync(0);
  EXPECT_FALSE(w.answered(token));
  w.sync(2);
  while (w.in_flight() > 0) w.deliver(0);
  EXPECT_TRUE(w.answered(token));
}

// DESIGN 3.3: before anything at all is said, this incarnation is on the disk.
TEST(Paper, NothingIsSaidBeforeTheIncarnationIsDurable) {
  World w(3);
  w.tick(10);
  w.write(0, w.name_at_home(0), "a", kA);
  EXPECT_EQ(w.in_flight(), 0u);
}

// DESIGN 3.2: "Any other node may take any name over at any time, with a round of 1 or more and
// both phases."
TEST(Paper, AnyNodeTakesOverFromADeadHome) {
  World w(3);
  w.settle();
  w.crash(0);
  const std::string name = w.name_at_home(0);
  const auto token = w.write(1, name, "b", kB);
  w.settle();
  EXPECT_EQ(w.answer(token).status, Status::kDone);
  EXPECT_EQ(w.counters(1).takeovers, 1u);
  const auto read = w.read(2, name);
  w.settle();
  EXPECT_EQ(w.answer(read).value, "b");
}

TEST(Paper, ATakeoverKeepsWhatTheHomeMayHaveChosen) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.write(0, name, "a", kA);
  w.drop_all<Accept>(2);
  w.deliver(0);
  w.sync(1);  // node 2 holds it durably; with the home's own vote it may be chosen
  w.crash(0);
  const auto token = w.write(2, name, "b", kB);
  w.settle();
  EXPECT_EQ(w.answer(token).status, Status::kAlreadySet);
  EXPECT_EQ(w.answer(token).value, "a");
}

// DESIGN 3.2: a restarted home whose disk lost a round-0 accept must not propose another state in
// round 0.
TEST(Paper, ARestartedHomeClaimsAndFindsWhatItsDiskLost) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.write(0, name, "a", kA);
  while (w.in_flight() > 0) w.deliver(0);
  w.sync(1);
  w.sync(2);  // chosen by nodes 2 and 3; the home's own disk never had it
  w.crash(0);
  w.start(0);
  w.settle();
  EXPECT_EQ(w.counters(0).claimed, 1u);
  const auto token = w.write(0, name, "b", kB);
  w.settle();
  EXPECT_EQ(w.answer(token).status, Status::kAlreadySet);
  EXPECT_EQ(w.answer(token).value, "a");
}

TEST(Paper, UntilTheClaimIsAnsweredTheHomeUsesClassicRounds) {
  World w(3);
  w.settle();
  w.crash(0);
  w.start(0);
  w.sync(0);
  w.drop_all<ClaimHome>();
  EXPECT_EQ(w.counters(0).claimed, 0u);
  const auto token = w.write(0, w.name_at_home(0), "a", kA);
  w.settle(40);
  EXPECT_EQ(w.answer(token).status, Status::kDone);
  EXPECT_EQ(w.counters(0).fast_path_writes, 0u);
  EXPECT_EQ(w.counters(0).classic_rounds, 1u);
  w.settle();
  const auto next = w.write(0, w.name_at_home(0, 1), "a", kA);
  w.settle(20);
  EXPECT_EQ(w.answer(next).status, Status::kDone);
  EXPECT_EQ(w.counters(0).fast_path_writes, 1u) << "back on the fast path after the claim";
}

// DESIGN 3.2: accepts of an earlier incarnation are refused once the range promise stands.
TEST(Paper, TheRangePromiseRefusesEarlierIncarnations) {
  World w(3);
  w.settle();
  w.crash(0);
  w.start(0);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.inject(0, 1,
           Accept{7, Ballot{Round{0}, NodeId{1}, Incarnation{1}}, State{1, true, kA, "old"}, name});
  w.settle();
  EXPECT_EQ(w.counters(1).rejected, 1u);
  const auto read = w.read(1, name);
  w.settle();
  EXPECT_EQ(w.answer(read).status, Status::kEmpty);
}

// DESIGN 3.4: "Equal values at different ballots are not a decision", and what is in flight gets
// finished.
TEST(Paper, AReadFinishesWhatIsInFlight) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.write(0, name, "a", kA);
  w.drop_all<Accept>(2);
  w.deliver(0);
  w.sync(1);
  w.crash(0);
  const auto read = w.read(2, name);
  w.settle();
  EXPECT_EQ(w.answer(read).status, Status::kDone);
  EXPECT_EQ(w.answer(read).value, "a");
  EXPECT_GE(w.counters(1).classic_rounds + w.counters(2).classic_rounds, 1u);  // where all meet
}

// DESIGN 3.4: "What is sealed and decided here is answered at once", with a majority down too.
TEST(Paper, ADecidedNameIsReadOnTheLastNodeStanding) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0), unknown = w.name_at_home(0, 1);
  w.write(0, name, "a", kA);
  w.settle();
  w.crash(0);
  w.crash(1);
  const auto read = w.read(2, name), other = w.read(2, unknown),
             write = w.write(2, unknown, "x", kB);
  EXPECT_EQ(w.answer(read).value, "a");
  EXPECT_EQ(w.answer(other).status, Status::kUnavailable);
  EXPECT_EQ(w.answer(write).status, Status::kUnavailable);
  EXPECT_EQ(w.counters(2).local_reads, 1u);
}

// DESIGN 1.5: "A time-out is never reported as a failure."
TEST(Paper, AWriteThatMayStillHappenIsUnknown) {
  World w(3);
  w.settle();
  const auto token = w.write(0, w.name_at_home(0), "a", kA, 50);
  for (int i = 0; i < 40; ++i) {
    w.drop_all<Accept>();
    w.tick(2);
  }
  EXPECT_EQ(w.answer(token).status, Status::kUnknown);
}

TEST(Paper, ADecisionSurvivesTheCrashOfAllNodes) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(1);
  w.write(1, name, "a", kA);
  w.settle();
  for (size_t i = 0; i < 3; ++i) w.crash(i);
  for (size_t i = 0; i < 3; ++i) w.start(i);
  w.settle();
  for (size_t i = 0; i < 3; ++i) {
    const auto read = w.read(i, name);
    w.settle();
    EXPECT_EQ(w.answer(read).value, "a");
  }
}

// DESIGN 3.2, H3 (b): unsettled lists shrink once the home holds the state.
TEST(Paper, TheUnsettledListShrinksWhenTheHomeIsBack) {
  World w(3);
  w.settle();
  w.crash(0);
  for (int n = 0; n < 20; ++n) w.write(1, w.name_at_home(0, n), "b", kB);
  w.settle();
  EXPECT_GE(w.counters(2).unsettled, 20u);
  w.start(0);
  w.settle(3000);
  EXPECT_EQ(w.counters(0).claimed, 1u);
  EXPECT_EQ(w.counters(1).unsettled, 0u);
  EXPECT_EQ(w.counters(2).unsettled, 0u);
}

// DESIGN 3.5: "no peer burns the rounds of a name by one message".
TEST(Paper, ABallotFarAheadIsNotBelieved) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.inject(2, 1, Prepare{1, Ballot{Round{2 * kRoundsAtOnce}, NodeId{3}, Incarnation{1}}, name});
  EXPECT_EQ(w.counters(1).ignored_messages, 1u);
  w.inject(2, 1, Prepare{1, Ballot{Round{1}, NodeId{1}, Incarnation{1}}, name});
  EXPECT_EQ(w.counters(1).ignored_messages, 2u) << "a ballot of another node than the sender";
}

TEST(Paper, OneNodeAloneIsAMajorityOfOne) {
  World w(1);
  const auto token = w.write(0, "n", "a", kA);
  EXPECT_FALSE(w.answered(token));
  w.settle(10);
  EXPECT_EQ(w.answer(token).status, Status::kDone);
  w.crash(0);
  w.start(0);
  w.settle(10);
  const auto again = w.write(0, "n", "b", kB), read = w.read(0, "n");
  w.settle();
  EXPECT_EQ(w.answer(again).status, Status::kAlreadySet);
  EXPECT_EQ(w.answer(read).value, "a");
}

TEST(Paper, DuellingProposersFinish) {
  World w(3);
  w.settle();
  w.crash(0);
  const std::string name = w.name_at_home(0);
  const auto one = w.write(1, name, "b", kB), two = w.write(2, name, "c", kC);
  w.settle(2000);
  ASSERT_TRUE(w.answered(one) && w.answered(two));
  EXPECT_NE(w.answer(one).status == Status::kDone, w.answer(two).status == Status::kDone);
}

// DESIGN 3.2: the unsettled list outlives the acceptor that answers the claim.
TEST(Paper, AClaimRepeatedAfterTheAcceptorRestartedListsTheSame) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.write(0, name, "a", kA);
  while (w.in_flight() > 0) w.deliver(0);
  w.sync(1);
  w.sync(2);  // chosen by nodes 2 and 3; the home's own disk never had it
  w.crash(0);
  w.crash(2);
  w.start(0);
  w.sync(0);
  while (w.in_flight() > 0) w.deliver(0);
  w.sync(1);  // the range promise is durable; the answer is lost with the acceptor
  w.crash(1);
  w.start(1);
  w.settle();
  EXPECT_EQ(w.counters(0).claimed, 1u);
  const auto token = w.write(0, name, "b", kB);
  w.settle();
  EXPECT_EQ(w.answer(token).status, Status::kAlreadySet);
  EXPECT_EQ(w.answer(token).value, "a");
}

// DESIGN 3.1: a request's id never goes with another request's value.
TEST(Paper, AHomeThatLostItsEntryToATakeoverProposesItsOwnValueAgain) {
  World w(5);
  w.settle();
  const std::string name = w.name_at_home(0);
  const auto home = w.write(0, name, "a", kA);
  w.drop_all<Accept>();
  w.sync(0);
  w.inject(1, 0,
           Accept{1, Ballot{Round{1}, NodeId{2}, Incarnation{1}}, State{1, true, kB, "b"}, name});
  w.drop_all<Accepted>();
  w.tick(60);  // the home finds its round 0 lost and prepares
  for (size_t i = 0; i < w.in_flight();) w.deliver(i);
  for (size_t i = 2; i < 5; ++i) w.sync(i);
  for (size_t i = 0; i < w.in_flight();) w.deliver(i);  // three promises, all empty
  w.settle();
  ASSERT_TRUE(w.answered(home));
  const auto read = w.read(3, name);
  w.settle();
  EXPECT_EQ(w.answer(read).value, w.answer(read).writer == kA ? "a" : "b");
  EXPECT_EQ(w.answer(home).status,
            w.answer(read).writer == kA ? Status::kDone : Status::kAlreadySet);
}

// Hostile numbers from a peer end in time.
TEST(Paper, ARangeUpToTheHighestNumberIsTakenInStride) {
  World w(3);
  w.settle();
  w.inject(0, 1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{~uint64_t{0}}});
  w.inject(0, 1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{~uint64_t{0}}});
  w.settle(10);
  EXPECT_EQ(w.counters(1).ignored_messages, 1u);
}

// Agreement under loss, repetition, reordering, late syncs and crashes that lose what was not
// synced: exact check of every answer about a few names.
struct History {
  std::map<std::string, std::pair<RequestId, std::string>> winner;
  void check(const std::string& name, const Answer& a, RequestId asked, const std::string& wrote) {
    if (a.status != Status::kDone && a.status != Status::kAlreadySet) {
      EXPECT_FALSE(a.status == Status::kEmpty && winner.count(name) != 0)
          << name << " was forgotten";
      return;
    }
    const bool won = a.status == Status::kDone && !wrote.empty();
    EXPECT_TRUE(!won || a.writer == asked) << name;
    // A write that is done is not told its own value again.
    const auto seen = std::pair(a.writer, won ? wrote : a.value);
    const auto [it, fresh] = winner.emplace(name, seen);
    EXPECT_TRUE(fresh || it->second == seen) << name << " has two winners";
  }
};

void walk(uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  World w(3, seed);
  std::vector<invariants::Watch> watches(3);
  w.after_step = [&](size_t i, const Replica& core) {
    EXPECT_EQ(watches[i].look(core), "") << "node " << i;
  };
  History history;
  struct Call {
    uint64_t token;
    std::string name, value;
    RequestId id;
    bool late_empty;  // begun before the winner was known: may be empty still
  };
  std::vector<Call> calls;
  uint64_t ids = 0;
  Prng& p = w.prng();
  const uint64_t loss = p.below(30), twice = p.below(30), crashes = p.below(4);
  for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
    const uint64_t dice = p.below(100);
    const size_t node = p.below(3);
    if (dice < 8 && w.up(node)) {
      const std::string name = w.name_at_home(p.below(3), static_cast<int>(p.below(2)));
      const RequestId id = request_id(seed, ++ids);
      const bool write = p.below(3) != 0;
      const std::string value = write ? "v" + std::to_string(ids) : "";
      const uint64_t token = write ? w.write(node, name, value, id, 300) : w.read(node, name, 300);
      calls.push_back({token, name, value, id, history.winner.count(name) == 0});
    } else if (dice < 60 && w.in_flight() > 0) {
      const size_t n = p.below(w.in_flight());
      p.below(100) < loss ? w.drop(n) : w.deliver(n, p.below(100) < twice);
    } else if (dice < 80 && w.up(node) && w.unsynced(node) > 0) {
      w.sync(node, 1 + p.below(w.unsynced(node)));
    } else if (dice < 80 + crashes) {
      if (w.up(node)) {
        w.crash(node);
      } else {
        watches[node] = invariants::Watch();
        w.start(node);
      }
    } else {
      w.tick(1 + static_cast<int64_t>(p.below(10)));
    }
    for (size_t i = 0; i < calls.size();) {
      if (!w.answered(calls[i].token)) {
        ++i;
        continue;
      }
      Answer a = w.answer(calls[i].token);
      if (a.status != Status::kEmpty || !calls[i].late_empty) {
        history.check(calls[i].name, a, calls[i].id, calls[i].value);
      }
      calls.erase(calls.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  // Then all is well again: every node agrees on every name.
  for (size_t i = 0; i < 3; ++i) {
    watches[i] = w.up(i) ? watches[i] : invariants::Watch();
    if (!w.up(i)) w.start(i);
  }
  w.settle(1500);
  for (size_t home = 0; home < 3; ++home) {
    for (int n = 0; n < 2; ++n) {
      for (size_t node = 0; node < 3; ++node) {
        const std::string name = w.name_at_home(home, n);
        const auto token = w.read(node, name);
        w.settle(400);
        ASSERT_TRUE(w.answered(token));
        EXPECT_NE(w.answer(token).status, Status::kUnavailable);
        history.check(name, w.answer(token), {}, "");
      }
    }
  }
}

TEST(Paper, AgreementHoldsOnRandomSchedules) {
  for (uint64_t seed = 1; seed <= 400 && !HasFailure(); ++seed) walk(seed);
}

}  // namespace replica_test
}  // namespace once::paxos::test
