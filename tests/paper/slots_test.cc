// DESIGN 3.2: the home of a name is a function of its slot, not of node numbers. Who takes the
// place of a node takes its homes, and moves no others.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "paxos/replica.h"

namespace once::paxos {
namespace slots_test {

constexpr uint64_t kSeed = 42;
constexpr int kNames = 300;
constexpr NodeId kSelf{2};

std::string name_of(int i) { return "name-" + std::to_string(i); }

// Where node 2, with these members by slot, sees the home of each name: at itself if it proposes a
// write under round 0, else where it sends that write.
std::vector<NodeId> homes_seen(const std::vector<NodeId>& members) {
  const auto core = Replica::make(
      {.self = {kSelf, CoreId{0}}, .members = members, .hash_seed = kSeed, .shard_count = 64});
  Output out;
  core->start(Incarnation{1}, 0, out);
  for (const NodeId node : members) {
    if (node == kSelf) continue;
    out.clear();
    const Event up{{node, CoreId{0}}, LinkUp{1}};
    core->step(&up, 1, 0, out);
  }
  std::vector<NodeId> homes;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = name_of(i);
    const auto number = static_cast<uint64_t>(i) + 1;
    const Event write{
        {}, ClientRequest{number, Operation::kWrite, request_id(1, number), 1000, name, "v"}};
    out.clear();
    core->step(&write, 1, 0, out);
    NodeId home;
    for (const Outgoing& sent : out.messages) {
      const auto* accept = std::get_if<Accept>(&sent.message);
      if (accept != nullptr && accept->ballot.is_round_zero()) home = kSelf;
      if (std::holds_alternative<Forward>(sent.message)) home = sent.to.node;
    }
    homes.push_back(home);
  }
  return homes;
}

std::vector<NodeId> nodes(std::initializer_list<uint16_t> numbers) {
  std::vector<NodeId> all;
  for (const uint16_t number : numbers) all.push_back(NodeId{number});
  return all;
}

TEST(Slots, TheHomeOfANameIsWhoSitsInItsSlot) {
  for (const auto& members :
       {nodes({1, 2, 3}), nodes({3, 2, 1}), nodes({2, 15, 7}), nodes({9, 4, 2, 1, 3})}) {
    const auto homes = homes_seen(members);
    for (int i = 0; i < kNames; ++i) {
      const SlotId slot =
          home_slot_of(name_hash(name_of(i), kSeed), static_cast<uint32_t>(members.size()));
      EXPECT_EQ(homes[static_cast<size_t>(i)], members[slot.value]) << name_of(i);
    }
  }
}

TEST(Slots, ANodeInThePlaceOfAnotherMovesNoHomeOfAnyOtherSlot) {
  const auto before = homes_seen(nodes({1, 2, 3}));
  const auto after = homes_seen(nodes({4, 2, 3}));
  // What a list in ascending order would have made of it.
  const auto ascending = homes_seen(nodes({2, 3, 4}));
  std::map<NodeId, int> homed;
  int moved = 0, would_move = 0;
  for (size_t i = 0; i < kNames; ++i) {
    ++homed[before[i]];
    EXPECT_EQ(after[i], before[i] == NodeId{1} ? NodeId{4} : before[i])
        << name_of(static_cast<int>(i));
    moved += after[i] != before[i];
    would_move += ascending[i] != before[i];
  }
  for (const uint16_t node : {1, 2, 3}) EXPECT_GT(homed[NodeId{node}], kNames / 5);
  EXPECT_EQ(moved, homed[NodeId{1}]);
  EXPECT_EQ(would_move, kNames);
}

}  // namespace slots_test
}  // namespace once::paxos
