#include <gtest/gtest.h>

#include "paxos/claim.h"

namespace once::paxos {
namespace claim_pages_test {

// Of node 1 in a cluster of five, each of two cores.
struct Claiming : ::testing::Test {
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    options.cores = 1;
    for (uint16_t node = 1; node <= 5; ++node) options.members.push_back(NodeId{node});
    options.shard_count = 64;
    return options;
  }
  static Endpoint core(uint16_t node, uint16_t core) { return {NodeId{node}, CoreId{core}}; }
  void meet(const Endpoint& peer) {
    EXPECT_TRUE(cluster.set_up(peer, 2, 1));
    claim.page_anew(peer, 2);
  }
  void tell_all(const Endpoint& peer) {
    EXPECT_EQ(claim.judge(peer, 1, 0), Claim::Answer::kExpected);
    claim.take(peer, 1, 10, true);
  }

  Cluster cluster{options()};
  Claim claim{cluster};
};

TEST_F(Claiming, IsCompleteWhenEveryCoreOfAMajorityHasToldAll) {
  claim.begin(false);
  for (const Endpoint& peer : {core(2, 0), core(2, 1), core(3, 0), core(3, 1)}) {
    meet(peer);
    EXPECT_FALSE(claim.is_complete());
    tell_all(peer);
  }
  EXPECT_TRUE(claim.is_complete()) << "three of five, this node among them";
  EXPECT_EQ(claim.judge(core(2, 0), 1, 0), Claim::Answer::kNotAsked);
}

TEST_F(Claiming, AFirstRunHasNothingToClaim) {
  claim.begin(true);
  EXPECT_TRUE(claim.is_complete());
}

TEST_F(Claiming, OfAnAnswerTheNextPageOfTheSameListCounts) {
  claim.begin(false);
  const Endpoint peer = core(2, 1);
  meet(peer);
  EXPECT_EQ(claim.judge(peer, 7, 0), Claim::Answer::kExpected);
  claim.take(peer, 7, 3, false);
  struct Row {
    uint64_t list, cursor;
    Claim::Answer answer;
  };
  for (const Row& row :
       {Row{7, 0, Claim::Answer::kNotAsked}, Row{7, 4, Claim::Answer::kNotAsked},
        Row{7, 3, Claim::Answer::kExpected}, Row{8, 3, Claim::Answer::kRenumbered}}) {
    EXPECT_EQ(claim.judge(peer, row.list, row.cursor), row.answer) << row.list << row.cursor;
  }
  EXPECT_EQ(claim.page(peer).cursor, 0u) << "a new ordering is read from its beginning";
  EXPECT_EQ(claim.judge(peer, 8, 0), Claim::Answer::kExpected);
  EXPECT_EQ(claim.judge(core(3, 0), 8, 0), Claim::Answer::kNotAsked) << "never met";
}

TEST_F(Claiming, ANewLinkIsPagedAnewAndOtherCoresAreOtherShards) {
  claim.begin(false);
  meet(core(2, 0));
  meet(core(2, 1));
  tell_all(core(2, 0));
  tell_all(core(2, 1));
  EXPECT_TRUE(claim.has_told_all(1));
  meet(core(2, 0));
  EXPECT_FALSE(claim.page(core(2, 0)).told);
  EXPECT_TRUE(claim.page(core(2, 1)).told);
  EXPECT_TRUE(cluster.set_up(core(2, 0), 3, 1));
  claim.page_anew(core(2, 0), 3);
  EXPECT_FALSE(claim.page(core(2, 1)).told);
  EXPECT_FALSE(claim.has_told_all(1));
}

using ClaimingDeathTest = Claiming;
TEST_F(ClaimingDeathTest, NothingIsTakenTwiceOrOfTwoOrderings) {
  claim.begin(false);
  meet(core(2, 0));
  claim.take(core(2, 0), 7, 3, false);
  EXPECT_DEATH(claim.take(core(2, 0), 8, 4, false), "page.list");
  claim.take(core(2, 0), 7, 3, true);
  EXPECT_DEATH(claim.take(core(2, 0), 7, 3, true), "page.told");
}

}  // namespace claim_pages_test
}  // namespace once::paxos
