#include "paxos/next_hop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "paxos/table.h"

namespace once::paxos {
namespace {

constexpr NodeId kSelf{1};

// Node 1 of three, as one core sees it; the home of the request's name is `home`.
struct Hop : ::testing::Test {
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {kSelf, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.shard_count = 64;
    return options;
  }
  void home_is(NodeId home) {
    for (int n = 0;; ++n) {
      op.hash = cluster.hasher()("name" + std::to_string(n));
      if (cluster.home_of(op.hash) == home) return;
    }
  }
  void up(std::vector<uint8_t> nodes) {
    for (const uint8_t node : nodes) cluster.set_up({NodeId{node}, CoreId{0}}, 1, 0);
  }
  NodeId hop(const Entry* entry = nullptr) const { return next_hop(cluster, op, entry).node; }

  Cluster cluster{options()};
  Op op;
};

TEST_F(Hop, GoesToTheHomeWhileItCanBeReached) {
  home_is(NodeId{2});
  up({2, 3});
  EXPECT_EQ(hop(), NodeId{2});
  home_is(kSelf);
  EXPECT_EQ(hop(), kSelf);
}

TEST_F(Hop, WithoutTheHomeAllMeetAtTheFirstBehindIt) {
  home_is(NodeId{2});
  up({3});
  EXPECT_EQ(hop(), NodeId{3});
  op.asked = {NodeId{3}, CoreId{0}};
  EXPECT_EQ(hop(), kSelf) << "it was asked in vain";
  home_is(NodeId{3});
  op.asked = {};
  cluster.set_down({NodeId{3}, CoreId{0}}, 0);
  EXPECT_EQ(hop(), kSelf) << "this node is the first behind it";
}

TEST_F(Hop, AfterTheHomeWasAskedItGoesToWhomTheNameWasPromised) {
  home_is(NodeId{2});
  up({2, 3});
  op.hops = 1;
  op.asked = {NodeId{2}, CoreId{0}};
  EXPECT_EQ(hop(), kSelf) << "nobody else is known";
  Arena arena;
  Table table(arena, cluster.hasher());
  Entry& entry = table.at(table.insert(1, "name", 0));
  table.set_promised(entry, {4, NodeId{3}, 1});
  EXPECT_EQ(hop(&entry), NodeId{3});
  table.set_promised(entry, {4, kSelf, 1});
  EXPECT_EQ(hop(&entry), kSelf);
  table.set_promised(entry, {4, NodeId{2}, 1});
  EXPECT_EQ(hop(&entry), kSelf) << "he was just asked";
}

TEST_F(Hop, NothingGoesRoundInCircles) {
  home_is(NodeId{2});
  up({2, 3});
  op.origin = {NodeId{3}, CoreId{0}};
  EXPECT_EQ(hop(), kSelf) << "it was forwarded here";
  op.origin = {};
  op.hops = kMostHops;
  EXPECT_EQ(hop(), kSelf) << "it was forwarded too often";
  op.hops = 0;
  op.made = 1;
  EXPECT_EQ(hop(), kSelf) << "this node has proposed it";
}

}  // namespace
}  // namespace once::paxos
