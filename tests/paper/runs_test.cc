// What belongs to an earlier run, link or ballot says nothing about the one under way: numbers,
// pages, votes and lists that look alike and are not the same.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace runs_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) != 0;
}

// --- an acceptor, over several runs of a home that is member 0
// --------------------------------------

class OverRuns : public testing::Test {
 protected:
  static Accept accept(uint64_t sequence, uint32_t run, const std::string& name) {
    return {sequence, ballot(0, 0, run), state(kA, "v"), name};
  }
  static Event from_home(const Message& message) { return {World::endpoint(0), message}; }
  // Whether a claim of that run hears of the name.
  bool lists(uint32_t run, const std::string& name) { return has(solo.claim(0, run), name); }
  std::vector<AcceptedRange> ranges() {
    solo.sync();
    return solo.take<AcceptedRange>();
  }
  struct Wanted {
    uint32_t incarnation;
    uint64_t first, last;
  };
  static void expect_ranges(const std::vector<AcceptedRange>& got,
                            const std::vector<Wanted>& wanted) {
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(got[i].incarnation.value, wanted[i].incarnation);
      EXPECT_EQ(got[i].first.value, wanted[i].first);
      EXPECT_EQ(got[i].last.value, wanted[i].last);
    }
  }
  void put_accept(const Ballot& b, uint64_t sequence, const std::string& name) {
    solo.put_on_disk(AcceptRecord{b, CoreId{0}, Sequence{sequence}, state(kA, "v"), name});
  }

  Solo solo{1, 3};
  const std::string x = solo.name(0, 1), y = solo.name(0, 2), z = solo.name(0, 3);
};

// The second run heard of `x` from another acceptor and closed it in its memory alone. The third
// asks only this one: round 0 would be open for a name that was chosen.
TEST_F(OverRuns, ALaterRunsWatermarkSettlesNothingOfTheOneBefore) {
  solo.receive(0, accept(1, 1, x));
  solo.receive(0, accept(2, 2, y));
  solo.receive(0, HomeProgress{Incarnation{2}, Sequence{5}});
  EXPECT_TRUE(lists(3, x));
  EXPECT_FALSE(lists(3, y));
}

TEST_F(OverRuns, ANumberOfALaterRunTakesTheSlotOfNoName) {
  solo.receive(0, accept(3, 1, x));
  solo.receive(0, accept(3 + Solo::kWindow, 2, y));
  EXPECT_TRUE(lists(3, x));
  EXPECT_TRUE(lists(3, y));
}

// Both in one step, so that the first range is still being collected when the other run begins.
TEST_F(OverRuns, AnAcknowledgementNeverGoesOutUnderTheNumberOfTheNextRun) {
  solo.step({from_home(accept(1, 1, x)), from_home(accept(2, 2, y))});
  expect_ranges(ranges(), {{1, 1, 1}, {2, 2, 2}});
}

TEST_F(OverRuns, NorWithAGapBetweenTheRunsNumbers) {
  solo.step({from_home(accept(4, 1, x)), from_home(accept(1, 2, y)), from_home(accept(2, 2, z))});
  expect_ranges(ranges(), {{1, 4, 4}, {2, 1, 2}});
}

TEST_F(OverRuns, NorOverAClaimInTheSameStep) {
  solo.step({from_home(accept(1, 1, x)), from_home(ClaimHome{Incarnation{2}, 0, 0}),
             from_home(accept(2, 2, y))});
  expect_ranges(ranges(), {{1, 1, 1}, {2, 2, 2}});
  EXPECT_TRUE(lists(3, x));
}

// What a range says is durable must be: its last record too, when a repeated accept came last.
TEST_F(OverRuns, ARangeRestsOnTheNewestOfItsRecords) {
  solo.receive(0, accept(1, 1, x));
  solo.sync();
  solo.take<AcceptedRange>();
  solo.step({from_home(accept(2, 1, y)), from_home(accept(3, 1, z)), from_home(accept(4, 1, x))});
  EXPECT_TRUE(solo.take<AcceptedRange>().empty());
  solo.sync(1);
  EXPECT_TRUE(solo.take<AcceptedRange>().empty()) << "the second is not on the disk";
}

// --- the same, from the log
// -------------------------------------------------------------------------

// Streams are read one after another: that of a core which an earlier run had comes last.
TEST_F(OverRuns, AnAcceptOfAnEarlierRunIsListedThoughItIsReadLate) {
  put_accept(ballot(0, 0, 2), 1, y);
  put_accept(ballot(0, 0, 1), 2, x);
  solo.restart();
  EXPECT_TRUE(lists(3, x));
  EXPECT_TRUE(lists(3, y));
}

TEST_F(OverRuns, AndWhenItIsReadInItsOrder) {
  put_accept(ballot(0, 0, 1), 2, x);
  put_accept(ballot(0, 0, 2), 1, y);
  solo.put_on_disk(HomeProgressRecord{World::endpoint(0), Incarnation{2}, Sequence{5}});
  solo.restart();
  EXPECT_TRUE(lists(3, x));
  EXPECT_FALSE(lists(3, y)) << "its home has it";
}

TEST_F(OverRuns, AClassicAcceptIsListedThoughItsPromiseIsInNoRecord) {
  put_accept(ballot(1, 2), 0, x);
  solo.restart();
  EXPECT_TRUE(lists(2, x));
}

// The promise itself refuses the home's round 0.
TEST_F(OverRuns, APromiseAloneIsNotListed) {
  solo.put_on_disk(PromiseRecord{ballot(1, 2), x});
  solo.restart();
  EXPECT_FALSE(lists(2, x));
}

TEST_F(OverRuns, TheHighestOfEveryKindIsKeptInWhateverOrderItIsRead) {
  for (const uint32_t run : {7u, 5u}) solo.put_on_disk(IncarnationRecord{Incarnation{run}});
  for (const uint32_t run : {4u, 2u})
    solo.put_on_disk(RangePromiseRecord{NodeId{1}, Incarnation{run}});
  for (const uint32_t round : {3u, 2u}) solo.put_on_disk(PromiseRecord{ballot(round, 2), x});
  solo.restart();
  solo.link_down(0);
  solo.write(y, "v", kB);
  const auto prepares = solo.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  EXPECT_EQ(prepares[0].ballot.incarnation, Incarnation{8}) << "a run that there was before";
  solo.step({Event{World::endpoint(0), LinkUp{1}}});
  solo.receive(0, accept(1, 3, z));
  EXPECT_TRUE(solo.state_of(z).accepted_ballot.is_null()) << "below the range promise";
  solo.receive(2, Prepare{1, ballot(2, 2, 9), x});
  solo.sync();
  EXPECT_TRUE(solo.take<Promise>().empty()) << "below the promise";
}

TEST_F(OverRuns, AnAcceptOnTheDiskIsAPromiseToo) {
  put_accept(ballot(3, 2), 0, x);
  put_accept(ballot(1, 2), 0, x);
  solo.restart();
  solo.receive(0, Prepare{1, ballot(2, 0), x});
  solo.sync();
  EXPECT_TRUE(solo.take<Promise>().empty());
  EXPECT_EQ(solo.take<Rejected>().size(), 1u);
  EXPECT_EQ(solo.state_of(x).accepted_ballot, ballot(3, 2));
}

// --- the home, over several links and with peers of other numbers of cores
// ------------------------

class OverLinks : public testing::Test {
 protected:
  OverLinks() {
    solo.put_on_disk(IncarnationRecord{Incarnation{1}});
    solo.restart();
    solo.take<ClaimHome>();
  }
  static Endpoint core(uint16_t c) { return {NodeId{2}, CoreId{c}}; }
  void up(uint16_t c, uint16_t cores) { solo.step({Event{core(c), LinkUp{cores}}}); }
  void reply(uint16_t c, const ClaimReply& reply) { solo.step({Event{core(c), reply}}); }
  void reply_all(uint16_t c) { reply(c, ClaimReply{Incarnation{2}, 1, 0, 0, true, {}}); }
  bool claimed() { return solo.counters().claimed == 1; }
  static std::string packed(const std::vector<std::string>& names) {
    std::vector<char> out;
    ByteWriter writer(out);
    for (const std::string& name : names) {
      writer.put(static_cast<uint16_t>(name.size()));
      writer.put_bytes(name);
    }
    return {out.begin(), out.end()};
  }
  // A write of it begins with a prepare.
  bool is_closed(const std::string& name) {
    solo.take<Accept>();
    solo.take<Prepare>();
    solo.write(name, "v", kA);
    const bool proposed = !solo.take<Accept>().empty();
    EXPECT_NE(proposed, !solo.take<Prepare>().empty());
    return !proposed;
  }

  Solo solo{0, 3};
};

// The acceptor may have restarted: its list is another one, and has the same number.
TEST_F(OverLinks, AListIsReadFromItsBeginning) {
  reply(0, ClaimReply{Incarnation{2}, 1, 0, 3, false, {}});
  auto asked = solo.take<ClaimHome>();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].cursor, 3u);
  solo.link_down(1);
  up(0, 1);
  asked = solo.take<ClaimHome>();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].cursor, 0u);
  EXPECT_EQ(asked[0].list, 0u);
}

TEST_F(OverLinks, ALaterPageOfTheLinkBeforeIsNotTheFirstOfThisOne) {
  reply(0, ClaimReply{Incarnation{2}, 1, 0, 3, false, {}});
  solo.link_down(1);
  up(0, 1);
  reply(0, ClaimReply{Incarnation{2}, 1, 3, 4, true, {}});
  EXPECT_FALSE(claimed());
  reply(0, ClaimReply{Incarnation{2}, 1, 0, 4, true, {}});
  EXPECT_TRUE(claimed());
}

// Core 1 of three answered for its shards; as core 1 of two it has others.
TEST_F(OverLinks, EveryCoreIsAskedAgainWhenTheirNumberChanges) {
  for (uint16_t c = 0; c < 3; ++c) up(c, 3);
  reply_all(1);
  up(0, 2);
  reply_all(0);
  EXPECT_FALSE(claimed());
  up(1, 2);
  reply_all(1);
  EXPECT_TRUE(claimed());
}

TEST_F(OverLinks, EveryCoreIsAskedWhenThereAreMore) {
  up(0, 2);
  up(1, 2);
  reply_all(0);
  EXPECT_FALSE(claimed());
  up(2, 3);
  reply_all(2);
  up(0, 3);
  reply_all(0);
  EXPECT_FALSE(claimed()) << "core 1 of three has not answered";
}

TEST_F(OverLinks, ACoreThatThePeerDoesNotHaveIsNoLink) {
  for (const auto& [c, cores] : {std::pair<uint16_t, uint16_t>{1, 1}, {64, 64}, {0, 65}, {0, 0}}) {
    up(c, cores);
  }
  EXPECT_EQ(solo.counters().ignored_messages, 4u);
  up(63, 64);
  EXPECT_EQ(solo.counters().ignored_messages, 4u);
  reply_all(63);
  EXPECT_FALSE(claimed()) << "one of 64";
}

// --- pages of a peer that has another number of cores
// ------------------------------------------------

class OneOfTwoCores : public OverLinks {
 protected:
  OneOfTwoCores() { solo.restart_as(0, 2); }
  // The `n`th name homed at that member whose core here is `c`.
  std::string name_on(size_t home, uint16_t c, int n) {
    for (int k = 1000 * n;; ++k) {
      std::string name = solo.name(home, k);
      const uint64_t hash = name_hash(name, Solo::kHashSeed);
      if (core_of(shard_of(hash, 64), 2).value == c) return name;
    }
  }
  void page(const std::vector<std::string>& names) {
    const std::string bytes = packed(names);
    reply(0, ClaimReply{Incarnation{3}, 1, 0, names.size(), true, bytes});
  }
  const std::string ours = name_on(0, 0, 1), also_ours = name_on(0, 0, 2);
  const std::string other_cores = name_on(0, 1, 3), another_home = name_on(2, 0, 4);
};

TEST_F(OneOfTwoCores, APageIsReadOnBehindANameOfTheOtherCore) {
  page({other_cores, ours, other_cores, also_ours});
  EXPECT_TRUE(claimed());
  EXPECT_TRUE(is_closed(ours));
  EXPECT_TRUE(is_closed(also_ours));
}

TEST_F(OneOfTwoCores, AndBehindANameOfAnotherHome) {
  page({another_home, ours});
  EXPECT_TRUE(is_closed(ours));
}

TEST_F(OneOfTwoCores, NamesThatArePassedOverAreNotMadeKnown) {
  page({other_cores, another_home, ours});
  EXPECT_EQ(solo.counters().names, 1u);
}

TEST_F(OneOfTwoCores, AWordThatNoHomeSaysEndsTheReading) {
  for (const std::string& bad : {std::string(), std::string(1025, 'n')}) {
    page({bad});
    EXPECT_FALSE(claimed());
  }
  EXPECT_EQ(solo.counters().ignored_messages, 2u);
}

TEST_F(OneOfTwoCores, TheLongestNameIsClosedLikeAnyOther) {
  std::string longest;
  for (int k = 0; longest.empty(); ++k) {
    std::string name = std::to_string(k) + std::string(1024, 'n');
    name.resize(1024);
    const uint64_t hash = name_hash(name, Solo::kHashSeed);
    const bool mine = core_of(shard_of(hash, 64), 2).value == 0;
    if (mine && home_slot_of(hash, 3).value == 0) longest = name;
  }
  page({longest});
  EXPECT_TRUE(claimed());
  EXPECT_TRUE(is_closed(longest));
}

// --- a proposer's own votes
// -------------------------------------------------------------------------

class OwnVotes : public testing::Test {
 protected:
  // Takes the name over from its home; the prepare that was sent.
  Prepare take_over(Solo& solo, const std::string& x) {
    solo.link_down(0);
    token = solo.write(x, "v", kA);
    return next_prepare(solo, 0);
  }
  Prepare next_prepare(Solo& solo, uint32_t above) {
    for (int ms = 0; ms < 500; ++ms) {
      for (const Prepare& p : solo.take<Prepare>()) {
        if (p.ballot.round.value > above) return p;
      }
      solo.wait(1);
    }
    ADD_FAILURE() << "no prepare above " << above;
    return {};
  }
  uint64_t token = 0;
};

TEST_F(OwnVotes, APromiseOfALostBallotIsNoVoteForTheNext) {
  Solo solo{1, 3};
  const Prepare first = take_over(solo, solo.name(0, 1));
  solo.receive(2, Rejected{first.op, first.ballot, ballot(5, 2)});
  const Prepare second = next_prepare(solo, 5);
  ASSERT_EQ(solo.unsynced(), 2u) << "a promise for each ballot";
  solo.sync(1);
  solo.receive(2, Promise{second.op, second.ballot, Ballot{}, State{}});
  EXPECT_TRUE(solo.take<Accept>().empty()) << "its own promise of that ballot is not on its disk";
  solo.sync();
  EXPECT_FALSE(solo.take<Accept>().empty());
}

// Three others have promised before its own disk did.
TEST_F(OwnVotes, APromiseIsNoVoteForTheAcceptOfTheSameBallot) {
  Solo solo{1, 5};
  const Prepare prepare = take_over(solo, solo.name(0, 1));
  for (const size_t peer : {2u, 3u, 4u}) {
    solo.receive(peer, Promise{prepare.op, prepare.ballot, Ballot{}, State{}});
  }
  ASSERT_EQ(solo.unsynced(), 2u) << "its promise and its accept";
  solo.sync(1);
  for (const size_t peer : {2u, 3u}) {
    solo.receive(peer, Accepted{prepare.op, prepare.ballot, 1});
  }
  EXPECT_FALSE(solo.answered(token)) << "its own accept is not on its disk";
  solo.sync();
  EXPECT_TRUE(solo.answered(token));
}

}  // namespace runs_test
}  // namespace once::paxos::test
