// Who gets a message, and which of its copies says that it is one.
#include "paxos/outbox.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace once::paxos {
namespace outbox_test {

constexpr Endpoint kSecond{NodeId{2}, CoreId{0}}, kThird{NodeId{3}, CoreId{0}};

// Of node 1 of three.
struct OutboxOfOne : ::testing::Test {
  OutboxOfOne() {
    step.begin(1, out);
    step.append(IncarnationRecord{Incarnation{1}});
  }
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.shard_count = 64;
    return options;
  }
  void up(const Endpoint& peer) { EXPECT_TRUE(cluster.set_up(peer, 1, 1)); }
  using Sent = std::vector<std::pair<uint16_t, bool>>;  // to whom, and whether it repeats
  Sent sent() const {
    Sent all;
    for (const Outgoing& one : out.messages) {
      EXPECT_EQ(std::get<HomeProgress>(one.message).durable, Sequence{7});
      all.emplace_back(one.to.node.value, one.repeats);
    }
    return all;
  }

  Output out;
  StepContext step;
  Cluster cluster{options()};
  Outbox outbox{cluster, step};
};

TEST_F(OutboxOfOne, ABroadcastRepeatsItsFirstMessage) {
  up(kSecond);
  up(kThird);
  outbox.send(kThird, RestsOn{}, HomeProgress{Incarnation{1}, Sequence{7}});
  outbox.broadcast(NameHash{}, RestsOn{}, HomeProgress{Incarnation{1}, Sequence{7}});
  outbox.broadcast(NameHash{}, RestsOn{}, HomeProgress{Incarnation{1}, Sequence{7}});
  EXPECT_EQ(sent(), (Sent{{3, false}, {2, false}, {3, true}, {2, false}, {3, true}}));
}

TEST_F(OutboxOfOne, WhatIsNotSentIsNotRepeated) {
  up(kThird);
  outbox.broadcast(NameHash{}, RestsOn{}, HomeProgress{Incarnation{1}, Sequence{7}});
  outbox.send(kSecond, RestsOn{}, HomeProgress{Incarnation{1}, Sequence{7}});
  EXPECT_EQ(sent(), (Sent{{3, false}}));
}

}  // namespace outbox_test
}  // namespace once::paxos
