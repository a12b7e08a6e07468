#include "paxos/trust.h"

#include <gtest/gtest.h>

#include "paxos/room.h"

namespace once::paxos {
namespace trust_test {

struct ATrust : ::testing::Test {
  ATrust() { step.begin(1, out); }
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}};
    options.shard_count = 64;
    return options;
  }
  NodeId reported(Offence offence) const { return out.offenders[static_cast<size_t>(offence)]; }

  Output out;
  StepContext step;
  Cluster cluster{options()};
  ReplicaCounters counters;
  Trust trust{cluster, step, counters};
  const Endpoint peer{NodeId{2}, CoreId{0}};
};

TEST_F(ATrust, CountsWhatItIgnoresByItsReasonAndInTheSum) {
  trust.ignore(&ReplicaCounters::ignored_names);
  trust.ignore(&ReplicaCounters::ignored_states);
  EXPECT_EQ(counters.ignored_names, 1u);
  EXPECT_EQ(counters.ignored_states, 1u);
  EXPECT_EQ(counters.ignored_messages, 2u);
}

TEST_F(ATrust, ReportsWhoOffends) {
  trust.offend(Offence::kContradiction, peer);
  EXPECT_EQ(reported(Offence::kContradiction), peer.node);
  EXPECT_EQ(reported(Offence::kFarBallot), NodeId{0});
  EXPECT_EQ(counters.contradictions, 1u);
  EXPECT_EQ(counters.far_ballots, 0u);
}

TEST_F(ATrust, BelievesARoundAsFarAsHonestDuelsCanHaveCome) {
  EXPECT_EQ(trust.believed(peer, NameHash{}, Round{5}, Round{3}), Round{3})
      << "a lower one burns nothing";
  EXPECT_EQ(trust.believed(peer, NameHash{}, Round{5}, Round{6}), Round{6});
  EXPECT_EQ(counters.far_ballots, 0u);
  const Round far = trust.believed(peer, NameHash{}, Round{6}, kMaxRound);
  EXPECT_GT(far, Round{6});
  EXPECT_LT(far, kMaxRound);
  EXPECT_EQ(counters.far_ballots, 1u);
  EXPECT_EQ(reported(Offence::kFarBallot), peer.node);
}

TEST(Room, IsNoneOnAFullDiskOrWhereMemoryIsShort) {
  EXPECT_FALSE((Room{Disk::kEnough, Memory::kEnough}.none()));
  EXPECT_TRUE((Room{Disk::kFull, Memory::kEnough}.none()));
  EXPECT_TRUE((Room{Disk::kEnough, Memory::kShort}.none()));
}

}  // namespace trust_test
}  // namespace once::paxos
