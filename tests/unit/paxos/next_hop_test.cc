#include "paxos/next_hop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "paxos/table.h"

namespace once::paxos {
namespace next_hop_test {

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
  table.set_promised(entry, {Round{4}, NodeId{3}, Incarnation{1}});
  EXPECT_EQ(hop(&entry), NodeId{3});
  table.set_promised(entry, {Round{5}, kSelf, Incarnation{1}});
  EXPECT_EQ(hop(&entry), kSelf);
  table.set_promised(entry, {Round{6}, NodeId{2}, Incarnation{1}});
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

// --- without room here

struct WithoutRoom : Hop {
  NodeId next() const { return next_with_room(cluster, op, kNow).node; }
  void full(uint8_t node, int64_t until) { cluster.note_full({NodeId{node}, CoreId{0}}, until); }
  void offered(size_t member) { op.offered.add(Votes::of(member)); }
  static constexpr int64_t kNow = 1'000;
};

TEST_F(WithoutRoom, FromTheHomeOnEachIsAskedOnce) {
  up({2, 3});
  home_is(NodeId{3});
  EXPECT_EQ(next(), NodeId{3});
  offered(2);
  EXPECT_EQ(next(), NodeId{2});
  offered(1);
  EXPECT_EQ(next(), kSelf);
  home_is(kSelf);
  op.offered = {};
  EXPECT_EQ(next(), NodeId{2});
}

TEST_F(WithoutRoom, NobodyIsAskedWhereThoseWithRoomAreNoMajority) {
  home_is(NodeId{2});
  up({2});
  EXPECT_EQ(next(), kSelf) << "node 3 cannot be reached";
  up({3});
  full(3, kNow + 1);
  EXPECT_EQ(next(), kSelf);
  full(3, kNow);
  EXPECT_EQ(next(), NodeId{2}) << "that was long ago";
}

TEST_F(WithoutRoom, NothingIsForwardedForEver) {
  home_is(NodeId{2});
  up({2, 3});
  op.hops = kMostHops;
  EXPECT_EQ(next(), kSelf);
}

}  // namespace next_hop_test
}  // namespace once::paxos
