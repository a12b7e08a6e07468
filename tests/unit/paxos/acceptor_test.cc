// The door in front of the table: what it lets through, with which record, and what it refuses
// whoever asks. What messages from outside may do is in tests/paper.
#include "paxos/acceptor.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/unit/paxos/one_acceptor.h"

namespace once::paxos {
namespace acceptor_test {

struct Acceptance : OneAcceptor {
  EntryIndex insert(const std::string& name) {
    return acceptor.insert(cluster.hasher()(name), name);
  }
  // A name whose home is another node.
  std::string foreign_name() const {
    for (int n = 0;; ++n) {
      std::string name = "name-" + std::to_string(n);
      if (cluster.home_of(cluster.hasher()(name)) == kOther) return name;
    }
  }
  void accept(const Ballot& under, const State& next) {
    acceptor.accept(name, under, next, Numbered{CoreId{0}, Sequence{1}});
  }

  EntryIndex name = insert("name");
};

using Seen = decltype(std::declval<Acceptor&>().at(EntryIndex{}));
static_assert(std::is_const_v<std::remove_reference_t<Seen>>, "nobody else writes an entry");

TEST_F(Acceptance, EachChangeIsMadeWithItsRecord) {
  acceptor.promise(name, ballot(1));
  EXPECT_EQ(acceptor.at(name).promised(), ballot(1));
  EXPECT_EQ(acceptor.at(name).record(), RecordNumber{1});
  accept(ballot(2), state(1, "red"));
  EXPECT_EQ(acceptor.at(name).promised(), ballot(2)) << "an accept is a promise too";
  EXPECT_EQ(acceptor.at(name).accepted(), ballot(2));
  EXPECT_EQ(acceptor.at(name).record(), RecordNumber{2});
  EXPECT_TRUE(acceptor.decide(name, InLog::kYes));
  EXPECT_EQ(acceptor.at(name).record(), RecordNumber{2}) << "what it rests on is the accept";
  acceptor.promise_range(1, Incarnation{4});
  EXPECT_EQ(acceptor.range_promise(1), Incarnation{4});
  EXPECT_EQ(step.last_record(), RecordNumber{4});
}

// Entries keep a number in 48 bits, in two parts.
TEST_F(Acceptance, ARecordsNumberIsHeldWhole) {
  StepContext recovery;
  std::vector<Needless> needless;
  recovery.recover_into(&needless);
  Acceptor replayed{cluster, recovery};
  const EntryIndex index = replayed.insert(cluster.hasher()("name"), "name");
  uint32_t round = 0;
  for (const uint64_t number : {uint64_t{1}, uint64_t{UINT32_MAX}, uint64_t{1} << 32,
                                (uint64_t{1} << 32) + 5, Entry::kRecordLimit - 1}) {
    const Ballot higher = ballot(++round);
    replayed.replay_record(index, told_by(PromiseRecord{higher, "name"}, RecordNumber{number}));
    replayed.replay_promise(index, higher);
    EXPECT_EQ(replayed.at(index).record(), RecordNumber{number});
  }
  const Told beyond =
      told_by(PromiseRecord{ballot(++round), "name"}, RecordNumber{Entry::kRecordLimit});
  EXPECT_DEATH(replayed.replay_record(index, beyond), "kRecordLimit");
}

TEST_F(Acceptance, ADecisionIsNewsOnce) {
  accept(ballot(1), state(1, "red"));
  EXPECT_TRUE(acceptor.decide(name, InLog::kNo));
  EXPECT_FALSE(acceptor.decide(name, InLog::kNo));
  EXPECT_EQ(step.last_record(), RecordNumber{1});
  accept(ballot(1), state(2, "blue"));
  EXPECT_FALSE(acceptor.at(name).decided()) << "decided is said of one version";
}

TEST_F(Acceptance, WhatIsDecidedIsAcceptedAgainUnderAHigherBallot) {
  accept(ballot(1), state(1, "red", true));
  acceptor.decide(name, InLog::kNo);
  accept(ballot(2), state(1, "red", true));
  EXPECT_TRUE(acceptor.at(name).final());
}

using AcceptanceDeathTest = Acceptance;

TEST_F(AcceptanceDeathTest, NoPromiseIsLowered) {
  acceptor.promise(name, ballot(5));
  for (const Ballot& lower : {ballot(5), ballot(5, kSelf), ballot(4)}) {
    EXPECT_DEATH(acceptor.promise(name, lower), "entry.promised.. < ballot");
  }
  EXPECT_DEATH(accept(ballot(4), state(1, "red")), "entry.promised.. <= ballot");
  EXPECT_DEATH(acceptor.promise(name, Ballot{Round{6}, NodeId{9}, Incarnation{1}}), "cluster_.has");
  acceptor.promise_range(1, Incarnation{4});
  EXPECT_DEATH(acceptor.promise_range(1, Incarnation{4}), "range_promises_");
}

TEST_F(AcceptanceDeathTest, UnderOneBallotThereIsOneStateOfAVersion) {
  accept(ballot(3), state(2, "red"));
  for (const uint64_t version : {1u, 2u}) {
    EXPECT_DEATH(accept(ballot(3), state(version, "blue")), "entry.version");
  }
  accept(ballot(3), state(3, "blue", true));
  EXPECT_DEATH(accept(ballot(3), state(4, "none follows a sealed one")), "contradicts");
  EXPECT_DEATH(accept(ballot(4), state(0, "")), "state.version != 0");
}

TEST_F(AcceptanceDeathTest, WhatIsDecidedIsNotUndone) {
  EXPECT_DEATH(acceptor.decide(name, InLog::kNo), "accepted...is_null");
  accept(ballot(1), state(2, "red"));
  acceptor.decide(name, InLog::kNo);
  EXPECT_DEATH(accept(ballot(2), state(2, "blue")), "contradicts");
  EXPECT_DEATH(accept(ballot(2), state(1, "blue")), "contradicts");
}

TEST_F(AcceptanceDeathTest, OnlyARunThatHasNotBegunIsReplayed) {
  const EntryIndex other = insert("other");
  acceptor.replay_accept(other, ballot(3), state(1, "red"));
  acceptor.replay_promise(other, ballot(2));
  acceptor.replay_accept(other, ballot(1), state(1, "blue"));
  EXPECT_EQ(acceptor.at(other).promised(), ballot(3));
  EXPECT_EQ(acceptor.at(other).value(), "red") << "the highest counts, in any order";
  acceptor.promise(name, ballot(1));
  EXPECT_DEATH(acceptor.replay_promise(other, ballot(4)), "has_begun");
  EXPECT_DEATH(acceptor.replay_accept(other, ballot(4), state(1, "red")), "has_begun");
}

TEST_F(Acceptance, ListsWhatAnotherHomeMayHaveLostOnce) {
  const EntryIndex foreign = insert(foreign_name());
  const size_t home = cluster.index_of(kOther);
  for (int again = 0; again < 2; ++again) acceptor.list_unsettled(foreign);
  EXPECT_EQ(acceptor.unsettled(home).entries.size(), 1u);
  EXPECT_EQ(acceptor.unsettled(), 1u);
  EXPECT_EQ(acceptor.next_queried(home), foreign);
  acceptor.settle(foreign);
  EXPECT_EQ(acceptor.unsettled(), 0u);
  acceptor.list_unsettled(foreign);  // listed again before it was taken out
  EXPECT_EQ(acceptor.unsettled(home).entries.size(), 1u);
  EXPECT_EQ(acceptor.unsettled(home).number, 1u);
  acceptor.settle(foreign);
  EXPECT_EQ(acceptor.next_queried(home), Acceptor::kNone);
  EXPECT_TRUE(acceptor.unsettled(home).entries.empty());
  EXPECT_EQ(acceptor.unsettled(home).number, 2u);
  acceptor.list_unsettled(foreign);
  EXPECT_EQ(acceptor.next_queried(home), foreign);
}

TEST_F(Acceptance, TakesTheSettledOutOfAListAndNobodyElse) {
  const size_t home = cluster.index_of(kOther);
  std::vector<EntryIndex> listed;
  for (int n = 0; listed.size() < 10; ++n) {
    const std::string text = "listed-" + std::to_string(n);
    if (cluster.home_of(cluster.hasher()(text)) == kOther) listed.push_back(insert(text));
  }
  for (const EntryIndex index : listed) acceptor.list_unsettled(index);
  for (size_t i = 0; i < listed.size(); i += 2) acceptor.settle(listed[i]);
  std::map<EntryIndex, int> asked;
  for (int i = 0; i < 15; ++i) {
    const EntryIndex index = acceptor.next_queried(home);
    if (index != Acceptor::kNone) ++asked[index];
  }
  EXPECT_EQ(acceptor.unsettled(home).entries.size(), 5u);
  EXPECT_EQ(acceptor.unsettled(home).flagged, 5u);
  for (size_t i = 1; i < listed.size(); i += 2) EXPECT_GE(asked[listed[i]], 1);
  EXPECT_EQ(asked.size(), 5u);
}

}  // namespace acceptor_test
}  // namespace once::paxos
