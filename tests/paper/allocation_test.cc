// DESIGN 4: "No allocation for an operation on a name that exists", once a core is warm. Three
// cores at work, their allocations counted inside their calls only: none at all for names that
// exist, and for new ones the chunks and doublings that the index and the arena grow by, counted.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "paxos/table.h"
#include "tests/check/allocation_count.h"
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace {

constexpr size_t kNodes = 3;
constexpr size_t kBatch = 64;
constexpr uint64_t kSeed = 42;
constexpr size_t kValueBytes = 64;

Endpoint endpoint(size_t i) { return {NodeId{static_cast<uint16_t>(i + 1)}, CoreId{0}}; }

// Three nodes with a network that keeps order and disks that are durable at once.
class Cluster {
 public:
  explicit Cluster(uint32_t catch_up = 0) {
    for (size_t i = 0; i < kNodes; ++i) {
      nodes_[i].replica = Replica::make({.self = endpoint(i),
                                         .cores = 1,
                                         .members = {NodeId{1}, NodeId{2}, NodeId{3}},
                                         .hash_seed = kSeed,
                                         .shard_count = 64,
                                         .random_seed = i,
                                         .catch_up = {catch_up}});
      nodes_[i].replica->start(Incarnation{1}, now_, nodes_[i].out);
      take(i);
    }
    for (size_t i = 0; i < kNodes; ++i) {
      for (size_t j = 0; j < kNodes; ++j) {
        if (i != j) event(i, Event{endpoint(j), LinkUp{1}});
      }
    }
  }

  void request(size_t i, Operation operation, RequestId id, const std::string& name,
               const std::string& value, uint32_t timeout_ms = 1000) {
    nodes_[i].requests.push_back({operation, id, timeout_ms, name, value});
  }
  void inject(size_t from, size_t to, const Message& m) {
    nodes_[to].inbox.push_back(std::make_unique<Parcel>(endpoint(from), endpoint(to), m));
  }
  // Until nothing moves, by batches as a shard makes them.
  void drain() {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t i = 0; i < kNodes; ++i) moved |= batch(i);
    }
  }
  void tick(int64_t ms) {
    now_ += ms * 1'000'000;
    for (size_t i = 0; i < kNodes; ++i) {
      nodes_[i].out.clear();
      {
        const once::test::AllocationCount count(allocations);
        nodes_[i].replica->on_tick(now_, nodes_[i].out);
      }
      take(i);
    }
    drain();
  }
  void link_down(size_t i) {
    for (size_t j = 0; j < kNodes; ++j) {
      if (j != i) event(j, Event{endpoint(i), LinkDown{}});
    }
  }
  ReplicaCounters total() const {
    ReplicaCounters sum;
    for (const Node& node : nodes_) {
      const ReplicaCounters& one = node.replica->counters();
      sum.fast_path_writes += one.fast_path_writes;
      sum.classic_rounds += one.classic_rounds;
      sum.takeovers += one.takeovers;
      sum.local_reads += one.local_reads;
      sum.quorum_reads += one.quorum_reads;
      sum.forwarded += one.forwarded;
      sum.refused += one.refused;
      sum.unknown += one.unknown;
      sum.unavailable += one.unavailable;
      sum.overloaded += one.overloaded;
      sum.rejected += one.rejected;
      sum.names += one.names;
      sum.catch_up.in_sync += one.catch_up.in_sync;
      sum.unsettled += one.unsettled;
    }
    return sum;
  }

  uint64_t allocations = 0;  // inside the calls of all three cores
  uint64_t replies = 0;
  std::function<bool(const Parcel&)> lost = [](const Parcel&) { return false; };

 private:
  struct Request {
    Operation operation;
    RequestId id;
    uint32_t timeout_ms;
    std::string name, value;
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    Output out;
    uint64_t made = 0, durable = 0;
    std::deque<std::unique_ptr<Parcel>> inbox;
    std::deque<Request> requests;
  };

  void event(size_t i, const Event& e) { step(i, {e}); }
  bool batch(size_t i) {
    Node& node = nodes_[i];
    std::vector<std::unique_ptr<Parcel>> parcels;
    std::vector<Request> requests;
    std::vector<Event> events;
    while (parcels.size() < kBatch && !node.inbox.empty()) {
      parcels.push_back(std::move(node.inbox.front()));
      node.inbox.pop_front();
    }
    while (requests.size() < kBatch && !node.requests.empty()) {
      requests.push_back(std::move(node.requests.front()));
      node.requests.pop_front();
    }
    for (const auto& parcel : parcels) events.push_back({parcel->from, parcel->message});
    for (const Request& r : requests) {
      events.push_back(
          {{}, ClientRequest{++token_, r.operation, r.id, r.timeout_ms, r.name, r.value}});
    }
    if (!events.empty()) step(i, events);
    return !events.empty();
  }
  void step(size_t i, const std::vector<Event>& events) {
    Node& node = nodes_[i];
    node.out.clear();
    {
      const once::test::AllocationCount count(allocations);
      node.replica->step(events.data(), events.size(), now_, node.out);
    }
    take(i);
  }
  void take(size_t i) {
    Node& node = nodes_[i];
    post(i);
    while (node.durable < node.made) {
      node.durable = node.made;
      node.out.clear();
      {
        const once::test::AllocationCount count(allocations);
        node.replica->on_durable(RecordNumber{node.durable}, now_, node.out);
      }
      post(i);
    }
  }
  void post(size_t i) {
    Node& node = nodes_[i];
    node.made += node.out.record_ends.size();
    replies += node.out.replies.size();
    for (const Outgoing& m : node.out.messages) {
      auto parcel = std::make_unique<Parcel>(endpoint(i), m.to, m.message);
      if (!lost(*parcel)) nodes_[m.to.node.value - 1u].inbox.push_back(std::move(parcel));
    }
  }

  Node nodes_[kNodes];
  int64_t now_ = 1'000'000'000;
  uint64_t token_ = 0;
};

bool touches(const Parcel& parcel, size_t i) {
  return parcel.from == endpoint(i) || parcel.to == endpoint(i);
}

// The n-th name of `group` whose home is node i.
std::string name_at_home(size_t i, const std::string& group, uint64_t n) {
  for (uint64_t k = 0;; ++k) {
    std::string name = group + "-" + std::to_string(n) + "-" + std::to_string(k);
    if (home_slot_of(name_hash(name, kSeed), kNodes).value == i) return name;
  }
}

constexpr uint64_t kNames = 200;  // of each kind
const std::string& value() {
  static const std::string bytes(kValueBytes, 'v');
  return bytes;
}

struct ExistingNames {
  std::vector<std::string> known;    // decided, and every node knows it
  std::vector<std::string> missed;   // homed at node 0; node 2 holds nothing
  std::vector<std::string> unset;    // nobody ever writes them
  std::vector<std::string> pending;  // homed at node 0; accepts of them are never acknowledged

  explicit ExistingNames(Cluster& cluster) {
    for (uint64_t n = 0; n < kNames; ++n) {
      known.push_back(name_at_home(n % kNodes, "known", n));
      missed.push_back(name_at_home(0, "missed", n));
      unset.push_back(name_at_home(n % kNodes, "unset", n));
      pending.push_back(name_at_home(0, "pending", n));
    }
    for (uint64_t n = 0; n < kNames; ++n) {
      cluster.request(n % kNodes, Operation::kWrite, request_id(1, n), known[n], value());
    }
    for (int i = 0; i < 4; ++i) cluster.tick(5);
    cluster.lost = [](const Parcel& parcel) { return touches(parcel, 2); };
    for (uint64_t n = 0; n < kNames; ++n) {
      cluster.request(0, Operation::kWrite, request_id(2, n), missed[n], value());
    }
    for (int i = 0; i < 4; ++i) cluster.tick(5);
    // What was missed stays missed: the home goes on offering its open accepts.
    cluster.lost = [](const Parcel&) { return false; };
  }
};

// Every kind of operation on names that exist (or are only read), once for each of them.
void round_of_operations(Cluster& cluster, const ExistingNames& names, uint32_t round) {
  for (uint64_t n = 0; n < kNames; ++n) {
    for (size_t node = 0; node < kNodes; ++node) {
      cluster.request(node, Operation::kRead, {}, names.known[n], "");
      cluster.request(node, Operation::kWrite, request_id(3, round), names.known[n], "other");
      cluster.request(node, Operation::kWrite, request_id(1, n), names.known[n], value());
      cluster.request(node, Operation::kRead, {}, names.unset[n], "");
    }
    cluster.request(2, Operation::kRead, {}, names.missed[n], "");
    cluster.request(2, Operation::kWrite, request_id(4, round), names.missed[n], "other");
    // A third proposer at work on names that nodes 0 and 1 hold: the acceptor's own work.
    const Ballot ballot{Round{round + 1}, NodeId{3}, Incarnation{1}};
    for (size_t node = 0; node < 2; ++node) {
      cluster.inject(2, node, Prepare{0, ballot, names.missed[n]});
      cluster.inject(2, node,
                     Accept{0, ballot, {1, true, request_id(2, n), value()}, names.missed[n]});
      cluster.inject(2, node,
                     Prepare{0, Ballot{Round{1}, NodeId{2}, Incarnation{0}}, names.missed[n]});
    }
  }
  cluster.drain();
}

// Takeovers that never come to an end: their accepts are not acknowledged, their requests expire.
void round_of_takeovers(Cluster& cluster, const ExistingNames& names, uint32_t round) {
  cluster.lost = [](const Parcel& parcel) {
    return std::holds_alternative<Accepted>(parcel.message) ||
           std::holds_alternative<Forward>(parcel.message);
  };
  for (uint64_t n = 0; n < kNames; ++n) {
    for (size_t node = 1; node < kNodes; ++node) {
      cluster.request(node, Operation::kWrite, request_id(5 + node, round), names.pending[n],
                      value(), 200);
    }
  }
  for (int i = 0; i < 240; ++i) cluster.tick(5);  // until the last task has ended
  cluster.lost = [](const Parcel&) { return false; };
}

TEST(Allocation, NoneForOperationsOnNamesThatExist) {
  Cluster cluster;
  const ExistingNames names(cluster);
  uint32_t round = 0;
  const auto run = [&](uint32_t rounds) {
    for (uint32_t i = 0; i < rounds; ++i, ++round) {
      round_of_operations(cluster, names, round);
      round_of_takeovers(cluster, names, round);
    }
  };
  run(6);
  const ReplicaCounters before = cluster.total();
  const uint64_t replies = cluster.replies;
  cluster.allocations = 0;
  run(12);
  EXPECT_EQ(cluster.allocations, 0u);
  // All of it was at work.
  const ReplicaCounters after = cluster.total();
  EXPECT_EQ(after.names, before.names);
  EXPECT_LE(after.unsettled, after.names);
  EXPECT_GT(cluster.replies - replies, 12 * kNames * 12);
  EXPECT_GT(after.local_reads - before.local_reads, 12 * kNames * 2);
  EXPECT_GT(after.quorum_reads - before.quorum_reads, 12 * kNames * 3);
  EXPECT_GT(after.forwarded - before.forwarded, 12 * kNames);
  EXPECT_GT(after.refused - before.refused, 12 * kNames * 3);
  EXPECT_GT(after.rejected - before.rejected, 12 * kNames);
  EXPECT_GT(after.classic_rounds - before.classic_rounds, 12 * kNames);
  EXPECT_GT(after.takeovers - before.takeovers, 12 * kNames);
  EXPECT_GT(after.unknown - before.unknown, 12 * kNames);
}

// What `names` new names may cost one core that already holds as many again: the arena's chunks for
// the blocks of those that are held apart, the first pieces of the table's memory (later ones are
// mapped), and the doublings of a few vectors (segments, directory, pieces, free blocks, chunks,
// unsettled names).
uint64_t growth_bound(uint64_t names, uint64_t blocks_of_each) {
  constexpr uint64_t kArenaChunk = 1024 * 1024, kSmallPieces = 16;
  constexpr uint64_t kBlock = (sizeof(EntryApart) + kValueBytes + 15) / 16 * 16;
  const uint64_t arena = names * blocks_of_each * kBlock / kArenaChunk + 1;
  return arena + kSmallPieces + 96;
}

void write_new_names(Cluster& cluster, size_t node, size_t home, uint64_t first, uint64_t count) {
  for (uint64_t n = first; n < first + count; ++n) {
    cluster.request(node, Operation::kWrite, request_id(9, n), name_at_home(home, "new", n),
                    value());
    if (n % 1024 == 1023) cluster.tick(5);
  }
  for (int i = 0; i < 40; ++i) cluster.tick(5);
}

// The one exception, for there is more to remember: whole chunks and doublings, so about one
// allocation for every 300 names here, and ever fewer for each as their number grows.
TEST(Allocation, NewNamesCostWholeChunksOnly) {
  constexpr uint64_t kNew = 100'000;
  Cluster cluster;
  write_new_names(cluster, 0, 0, 0, kNew);
  cluster.allocations = 0;
  write_new_names(cluster, 0, 0, kNew, kNew);
  EXPECT_EQ(cluster.total().fast_path_writes, 2 * kNew);
  EXPECT_LE(cluster.allocations, kNodes * growth_bound(kNew, 0));
}

// Names that are taken over from a dead home: a classic round each, with both phases.
TEST(Allocation, TakenOverNamesCostWholeChunksOnly) {
  constexpr uint64_t kNew = 30'000;
  Cluster cluster;
  cluster.lost = [](const Parcel& parcel) { return touches(parcel, 0); };
  cluster.link_down(0);
  write_new_names(cluster, 1, 0, 0, kNew);
  cluster.allocations = 0;
  write_new_names(cluster, 1, 0, kNew, kNew);
  const ReplicaCounters total = cluster.total();
  EXPECT_EQ(total.takeovers, 2 * kNew);
  EXPECT_EQ(cluster.replies, 2 * kNew);
  EXPECT_EQ(total.unavailable + total.unknown + total.overloaded, 0u);
  EXPECT_LE(cluster.allocations, 2 * growth_bound(kNew, 2));
}

// Nothing is missing: digests go to and fro, a block for each, and that is all.
TEST(Allocation, WhoIsInSyncCostsABlockForEachDigest) {
  Cluster cluster(20'000);
  write_new_names(cluster, 1, 0, 0, 1'000);
  for (int i = 0; i < 6'000; ++i) cluster.tick(5);
  cluster.allocations = 0;
  constexpr int kSeconds = 20;
  for (int i = 0; i < kSeconds * 200; ++i) cluster.tick(5);
  EXPECT_EQ(cluster.total().catch_up.in_sync, kNodes);
  EXPECT_LE(cluster.allocations, kNodes * 2u * (kSeconds / 10 + 1) * (64 / 16));
}

// After a restart every core of every home tells every core how far it is: with 64 cores each would
// have memory for 16,384 accepts of each of them, and needs it for those few whose names it has.
TEST(Lanes, HaveNoRingBeforeTheirFirstAccept) {
  auto replica = Replica::make({.self = endpoint(0),
                                .members = {NodeId{1}, NodeId{2}, NodeId{3}},
                                .hash_seed = kSeed,
                                .shard_count = 64});
  Output out;
  replica->start(Incarnation{1}, 0, out);
  const auto from = [](uint16_t core) { return Endpoint{NodeId{2}, CoreId{core}}; };
  const auto step = [&](const Event& event) {
    out.clear();
    replica->step(&event, 1, 0, out);
  };
  for (uint16_t core = 0; core < kMaxCores; ++core) step({from(core), LinkUp{kMaxCores}});
  uint64_t allocations = 0;
  {
    const once::test::AllocationCount count(allocations);
    for (uint16_t core = 0; core < kMaxCores; ++core) {
      step({from(core), Message{HomeProgress{Incarnation{1}, Sequence{5}}}});
      step({from(core), Message{ChosenRange{Incarnation{1}, Sequence{1}, Sequence{5}}}});
    }
  }
  EXPECT_GE(allocations, kMaxCores) << "a lane each";
  EXPECT_LT(allocations, kMaxCores + kMaxCores / 2) << "and nothing more";
}

}  // namespace
}  // namespace once::paxos::test
