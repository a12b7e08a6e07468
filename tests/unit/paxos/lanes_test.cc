#include "paxos/lanes.h"

#include <gtest/gtest.h>

#include <string>

namespace once::paxos {
namespace lanes_test {

constexpr Endpoint kHome{NodeId{2}, CoreId{0}};
constexpr uint64_t kPlace = 11;
using Numbers = std::vector<std::pair<uint64_t, uint64_t>>;

// Of node 1 in a cluster of two, with a window of four, and names of which node 2 is the home.
struct LanesOf : ::testing::Test {
  LanesOf() {
    EXPECT_TRUE(cluster.set_up(kHome, 1, 1));
    step.begin(1, out);
    for (int record = 0; record < 9; ++record) step.append(IncarnationRecord{Incarnation{1}});
  }
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}};
    options.shard_count = 64;
    return options;
  }
  EntryIndex name(int n) {
    for (int k = 0;; ++k) {
      const std::string text = std::to_string(n) + "-" + std::to_string(k);
      const NameHash hash = cluster.hasher()(text);
      if (cluster.home_of(hash) == kHome.node) return acceptor.find_or_insert(hash, text);
    }
  }
  void accept(uint64_t sequence, uint32_t incarnation = 1) {
    Lane& lane = lanes.of(kHome, Incarnation{incarnation});
    lanes.note_accept(lane, Sequence{sequence}, name(static_cast<int>(sequence)), sequence * 10,
                      kPlace);
    lanes.acknowledge(lane, Sequence{sequence}, RecordNumber{sequence});
  }
  Numbers acknowledged() const {
    Numbers numbers;
    for (const Outgoing& message : out.messages) {
      const auto& range = std::get<AcceptedRange>(message.message);
      numbers.emplace_back(range.first.value, range.last.value);
      EXPECT_EQ(message.rests_on.record.value, range.last.value) << "on the last of them";
    }
    return numbers;
  }
  Numbers known(uint64_t first, uint64_t last) {
    Numbers found;
    lanes.for_each(lanes.of(kHome, Incarnation{1}), {Sequence{first}, Sequence{last}},
                   [&](const Lane::Slot& slot) {
                     EXPECT_EQ(slot.place, kPlace);
                     found.emplace_back(slot.entry.value, slot.version);
                   });
    return found;
  }

  Output out;
  StepContext step;
  Cluster cluster{options()};
  Outbox outbox{cluster, step};
  Acceptor acceptor{cluster, step};
  Lanes lanes{acceptor, outbox, 4};
};

// H3: what one core of a home has on its disk says nothing of what another core numbered.
TEST_F(LanesOf, EachCoreOfAHomeTellsOfItsOwnDisk) {
  const Endpoint other{kHome.node, CoreId{1}};
  lanes.of(kHome, Incarnation{1}).durable = Sequence{9};
  lanes.of(other, Incarnation{1});
  EXPECT_TRUE(lanes.is_over(kHome, Incarnation{1}, Sequence{5}));
  EXPECT_FALSE(lanes.is_over(other, Incarnation{1}, Sequence{5}));
}

TEST_F(LanesOf, AcknowledgesByRangesOnceAStep) {
  for (const uint64_t n : {1u, 2u, 4u, 5u}) accept(n);
  lanes.flush();
  lanes.flush();
  EXPECT_EQ(acknowledged(), (Numbers{{1, 2}, {4, 5}}));
}

TEST_F(LanesOf, ListsWhatLeavesBeforeItsHomeHasIt) {
  for (uint64_t n = 1; n <= 4; ++n) accept(n);
  EXPECT_EQ(acceptor.unsettled(), 0u);
  lanes.of(kHome, Incarnation{1}).durable = Sequence{1};
  accept(5);  // in the place of 1, which the home has
  EXPECT_EQ(acceptor.unsettled(), 0u);
  accept(6);  // in the place of 2, which it may not have
  EXPECT_EQ(acceptor.unsettled(), 1u);
  lanes.end_before(kHome.node, Incarnation{2});
  EXPECT_EQ(acceptor.unsettled(), 5u) << "2, 3, 4, 5 and 6";
}

TEST_F(LanesOf, ALaterIncarnationEndsTheEarlierOne) {
  accept(1);
  accept(1, 2);
  EXPECT_EQ(acceptor.unsettled(), 1u);
  EXPECT_EQ(std::get<AcceptedRange>(out.messages.at(0).message).incarnation, Incarnation{1});
  EXPECT_EQ(lanes.of(kHome, Incarnation{1}).incarnation, Incarnation{2})
      << "and is not brought back";
  EXPECT_EQ(lanes.latest_incarnation(kHome.node), Incarnation{2});
  EXPECT_EQ(lanes.latest_incarnation(NodeId{1}), Incarnation{0});
}

TEST_F(LanesOf, FindsTheAcceptsOfARangeThatItStillHas) {
  for (uint64_t n = 1; n <= 5; ++n) accept(n);
  EXPECT_EQ(known(3, 4), (Numbers{{name(4).value, 40}, {name(3).value, 30}}));
  EXPECT_TRUE(known(1, 1).empty()) << "5 has its place";
  EXPECT_EQ(known(2, 5).size(), 4u);
  EXPECT_TRUE(known(1, 9).empty()) << "of the last four of them none came";
  EXPECT_TRUE(known(UINT64_MAX - 1, UINT64_MAX).empty());
}

}  // namespace lanes_test
}  // namespace once::paxos
