// Records of a log, read before the run begins: what the acceptor holds then.
#include "paxos/replay.h"

#include <gtest/gtest.h>

#include <string>

namespace once::paxos {
namespace replay_test {

constexpr NodeId kSelf{1}, kOther{2};
constexpr Endpoint kHome{kOther, CoreId{0}};

struct AReplay : ::testing::Test {
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {kSelf, CoreId{0}};
    options.members = {kSelf, kOther, NodeId{3}};
    options.shard_count = 64;
    return options;
  }
  AReplay() {
    step.recover_into(&needless);
    while (cluster.home_of(cluster.hasher()(name)) != kOther) name += "+";
  }
  bool take(const Record& record) {
    return replay.take(record, cluster.hasher()(name_of(record)), RecordNumber{++number});
  }
  // A round-0 accept of the other node's.
  bool accept(uint64_t sequence, uint64_t version, uint32_t incarnation = 1) {
    return take(AcceptRecord{.ballot = {Round{0}, kOther, Incarnation{incarnation}},
                             .lane = kHome.core,
                             .sequence = Sequence{sequence},
                             .state = {version, false, request_id(version, 7), "value"},
                             .name = name});
  }
  const Entry& entry() const {
    return acceptor.at(acceptor.find(cluster.hasher()(name).key, name));
  }

  std::string name = "name";
  uint64_t number = 0;
  std::vector<Needless> needless;
  StepContext step;
  Cluster cluster{options()};
  Outbox outbox{cluster, step};
  Acceptor acceptor{cluster, step};
  Lanes lanes{acceptor, outbox, 4};
  Replay replay{cluster, acceptor, lanes};
};

TEST_F(AReplay, DecidesWhatARangeHasChosen) {
  EXPECT_TRUE(accept(1, 1));
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{1}, Sequence{1}}));
  EXPECT_TRUE(entry().decided());
}

// Streams are read one after the other: what was accepted first may come last.
TEST_F(AReplay, ARangeChoosesTheVersionThatHadItsNumber) {
  EXPECT_TRUE(accept(2, 2));
  EXPECT_TRUE(accept(1, 1));
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{1}, Sequence{1}}));
  EXPECT_EQ(entry().version(), 2u);
  EXPECT_FALSE(entry().decided()) << "version 1 is";
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{2}, Sequence{2}}));
  EXPECT_TRUE(entry().decided());
}

// Cleaned, adopted or caught up with: it takes no more memory than when it was accepted.
TEST_F(AReplay, WhatWasKeptStandsAsDenselyAsBefore) {
  const Ballot ballot{Round{0}, kOther, Incarnation{1}};
  EXPECT_TRUE(take(KeptRecord{.promised = ballot,
                              .accepted = ballot,
                              .state = {1, true, request_id(1, 7), "value"},
                              .decided = true,
                              .settled = true,
                              .name = name}));
  EXPECT_EQ(acceptor.arena().bytes(), 0u);
  EXPECT_EQ(entry().promised(), ballot);
  EXPECT_TRUE(entry().decided());
}

TEST_F(AReplay, WhatWasKeptHasItsPromiseAboveWhatIsAccepted) {
  const Ballot accepted{Round{0}, kOther, Incarnation{1}},
      promised{Round{4}, kSelf, Incarnation{1}};
  EXPECT_TRUE(take(KeptRecord{.promised = promised,
                              .accepted = accepted,
                              .state = {1, false, request_id(1, 7), "value"},
                              .decided = false,
                              .settled = true,
                              .name = name}));
  EXPECT_EQ(entry().promised(), promised);
  EXPECT_EQ(entry().accepted(), accepted);
}

TEST_F(AReplay, DecidesNoLaterVersionThanTheRangeHasChosen) {
  EXPECT_TRUE(accept(1, 1));
  EXPECT_TRUE(accept(2, 2));
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{1}, Sequence{1}}));
  EXPECT_FALSE(entry().decided()) << "version 2 has taken the place of the one that was chosen";
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{2}, Sequence{2}}));
  EXPECT_TRUE(entry().decided());
}

TEST_F(AReplay, DecidesNothingUnderAnotherBallotThanTheRanges) {
  EXPECT_TRUE(accept(1, 1));
  EXPECT_TRUE(take(AcceptRecord{.ballot = {Round{1}, NodeId{3}, Incarnation{1}},
                                .lane = CoreId{0},
                                .sequence = Sequence{},
                                .state = {1, false, request_id(1, 8), "else"},
                                .name = name}));
  EXPECT_TRUE(take(ChosenRangeRecord{kHome, Incarnation{1}, Sequence{1}, Sequence{1}}));
  EXPECT_FALSE(entry().decided());
}

TEST_F(AReplay, KnowsTheHighestIncarnation) {
  for (const uint32_t incarnation : {1u, 3u, 2u})
    EXPECT_TRUE(take(IncarnationRecord{Incarnation{incarnation}}));
  EXPECT_EQ(replay.incarnation(), Incarnation{3});
}

TEST_F(AReplay, RefusesWhatNoRunCanHaveWritten) {
  EXPECT_FALSE(take(IncarnationRecord{Incarnation{UINT32_MAX}}));
  EXPECT_FALSE(accept(0, 1)) << "no home begins there";
  EXPECT_FALSE(accept(1, 0)) << "no state";
  EXPECT_FALSE(take(PromiseRecord{.ballot = {Round{1}, NodeId{9}, Incarnation{1}}, .name = name}));
  EXPECT_FALSE(
      take(ChosenRangeRecord{{NodeId{9}, CoreId{0}}, Incarnation{1}, Sequence{1}, Sequence{1}}));
  EXPECT_EQ(acceptor.size(), 0u);
}

}  // namespace replay_test
}  // namespace once::paxos
