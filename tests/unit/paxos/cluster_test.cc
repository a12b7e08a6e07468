#include "paxos/cluster.h"

#include <gtest/gtest.h>

#include <string>

namespace once::paxos {
namespace cluster_test {

constexpr Endpoint kSelf{NodeId{2}, CoreId{1}};

ReplicaOptions options() {
  ReplicaOptions options;
  options.self = kSelf;
  options.cores = 2;
  options.members = {NodeId{1}, NodeId{2}, NodeId{5}};
  options.shard_count = 64;
  return options;
}

// A name of a shard of this core.
NameHash of_this_core(const Cluster& cluster) {
  for (int n = 0;; ++n) {
    const NameHash hash = cluster.hasher()("name-" + std::to_string(n));
    if (cluster.is_mine(hash)) return hash;
  }
}

TEST(Cluster, KnowsItsMembers) {
  const Cluster cluster(options());
  EXPECT_EQ(cluster.size(), 3u);
  EXPECT_EQ(cluster.quorum(), 2u);
  EXPECT_EQ(cluster.index_of(NodeId{5}), 2u);
  EXPECT_EQ(cluster.index_of(NodeId{3}), cluster.size());
  EXPECT_FALSE(cluster.has(NodeId{3}));
  EXPECT_TRUE(cluster.is_self(1));
}

TEST(Cluster, EveryHomeIsAMemberAndEachIsOfSome) {
  const Cluster cluster(options());
  Votes homes;
  for (int n = 0; n < 100; ++n) {
    homes.add(cluster.vote_of(cluster.home_of(cluster.hasher()("name-" + std::to_string(n)))));
  }
  EXPECT_EQ(homes.count(), 3u);
}

TEST(Cluster, TakesNoLinkThatNoNodeCanHave) {
  Cluster cluster(options());
  struct Row {
    uint16_t core, cores;
    bool taken;
  };
  for (const auto& [core, cores, taken] :
       {Row{0, 0, false}, Row{1, 1, false}, Row{0, kMaxCores + 1, false}, Row{0, 1, true},
        Row{kMaxCores - 1, kMaxCores, true}}) {
    EXPECT_EQ(cluster.set_up({NodeId{1}, CoreId{core}}, cores, 1), taken) << core << " " << cores;
  }
}

TEST(Cluster, AMajorityIsUpWhenItsCoresOfTheNameAre) {
  Cluster cluster(options());
  const NameHash hash = of_this_core(cluster);
  EXPECT_FALSE(cluster.majority_up(hash));
  for (uint16_t core = 0; core < 2; ++core) {
    EXPECT_TRUE(cluster.set_up({NodeId{5}, CoreId{core}}, 2, 7));
  }
  EXPECT_TRUE(cluster.majority_up(hash));
  const Endpoint to = cluster.peer_core(2, hash);
  EXPECT_EQ(to, (Endpoint{NodeId{5}, kSelf.core})) << "of as many cores the same one";
  cluster.set_down(to, 9);
  EXPECT_FALSE(cluster.link_up(to));
  EXPECT_FALSE(cluster.majority_up(hash));
  EXPECT_EQ(cluster.links_changed_at(), 9);
}

// A core of another number of cores has other shards: what one of them says is not said of all.
TEST(Cluster, ItsShardsAreCoveredByEveryCoreThatSharesOne) {
  const Cluster cluster(options());
  EXPECT_FALSE(cluster.covers_shards(0, [](CoreId) { return true; })) << "never met";
  EXPECT_TRUE(cluster.covers_shards(2, [](CoreId core) { return core == kSelf.core; }));
  EXPECT_FALSE(cluster.covers_shards(2, [](CoreId core) { return core != kSelf.core; }));
  EXPECT_TRUE(cluster.covers_shards(1, [](CoreId) { return true; }));
  EXPECT_FALSE(cluster.covers_shards(3, [](CoreId core) { return core.value != 0; }));
}

}  // namespace cluster_test
}  // namespace once::paxos
