// A small world for the core: a few replicas, a network that may lose, repeat and reorder, disks
// that are durable when the test says so, crashes that lose the rest. Everything from one seed.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/prng.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "tests/paper/parcel.h"

namespace once::paxos::test {

class World {
 public:
  explicit World(size_t nodes, uint64_t seed = 1, size_t linger_from = kLingerFrom,
                 uint32_t catch_up = 0)
      : prng_(seed), nodes_(nodes), linger_from_(linger_from), catch_up_(catch_up) {
    for (uint16_t i = 1; i <= nodes; ++i) members_.push_back(NodeId{i});
    for (size_t i = 0; i < nodes; ++i) start(i);
  }

  std::function<void(size_t node, const Replica& core)> after_step;  // a core took one

  // --- machines
  void start(size_t i) {
    Node& node = nodes_[i];
    node.replica = Replica::make({.self = endpoint(i),
                                  .cores = 1,
                                  .members = members_,
                                  .hash_seed = kSeed,
                                  .shard_count = 64,
                                  .random_seed = prng_.next(),
                                  .max_operations = 256,
                                  .max_tasks = 64,
                                  .round_zero_window = 256,
                                  .linger_from = linger_from_,
                                  .catch_up = {catch_up_}});
    for (const std::string& record : node.disk) ASSERT_TRUE(node.replica->recover(record));
    node.pending.clear();
    node.held.clear();
    node.made = node.durable = 0;
    node.out.clear();
    node.replica->start(node.replica->recovered_incarnation().next(), now_, node.out);
    take(i);
    node.up = true;
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j == i || !nodes_[j].up) continue;
      event(i, Event{endpoint(j), LinkUp{1}});
      event(j, Event{endpoint(i), LinkUp{1}});
    }
  }
  void crash(size_t i) {
    nodes_[i].up = false;
    nodes_[i].replica.reset();
    std::erase_if(network_, [&](const auto& p) { return p->to == endpoint(i); });
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j != i && nodes_[j].up) event(j, Event{endpoint(i), LinkDown{}});
    }
  }
  void link(size_t i, size_t j, bool up) {  // both ends hear of it
    for (const auto& [at, peer] : {std::pair(i, j), std::pair(j, i)}) {
      if (at == peer || !nodes_[at].up || !nodes_[peer].up) continue;
      event(at, up ? Event{endpoint(peer), LinkUp{1}} : Event{endpoint(peer), LinkDown{}});
    }
  }
  std::vector<std::string>& disk(size_t i) { return nodes_[i].disk; }  // read by start()
  void sync(size_t i) { sync(i, nodes_[i].pending.size()); }
  void sync(size_t i, size_t records) {
    Node& node = nodes_[i];
    if (records == 0) return;
    for (size_t n = 0; n < records; ++n) {
      node.disk.push_back(node.pending.front());
      node.pending.pop_front();
    }
    node.durable += records;
    node.out.clear();
    node.replica->on_durable(RecordNumber{node.durable}, now_, node.out);
    take(i);
    release(i);
  }
  void pass(int64_t ns) { now_ += ns; }  // time, and no tick comes
  int64_t now() const { return now_; }
  void step(size_t i) { step(i, nullptr, 0); }
  int64_t step_again_at(size_t i) const { return nodes_[i].out.step_again_ns; }  // 0: none
  bool up(size_t i) const { return nodes_[i].up; }
  void tick(int64_t ms) {
    now_ += ms * 1'000'000;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i].up) continue;
      nodes_[i].out.clear();
      nodes_[i].replica->on_tick(now_, nodes_[i].out);
      take(i);
    }
  }
  // Everything delivered and durable until nothing moves, over `ms` of time.
  void settle(int64_t ms = 400) {
    for (int64_t at = 0; at < ms; at += 2) {
      drain();
      tick(2);
    }
    drain();
  }
  void drain() {
    for (bool moved = true; moved;) {
      moved = false;
      for (; !network_.empty(); moved = true) deliver(0);
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].up || nodes_[i].pending.empty()) continue;
        sync(i), moved = true;
      }
    }
  }
  // --- network
  size_t in_flight() const { return network_.size(); }
  void deliver(size_t n, bool keep = false) {
    const std::unique_ptr<Parcel> parcel = std::make_unique<Parcel>(*network_[n]);
    if (!keep) drop(n);
    const size_t to = parcel->to.node.value - 1u;
    if (nodes_[to].up) event(to, Event{parcel->from, parcel->message});
  }
  void drop(size_t n) { network_.erase(network_.begin() + static_cast<ptrdiff_t>(n)); }
  template <class M>
  size_t count() const {
    size_t n = 0;
    for (const auto& p : network_) n += std::holds_alternative<M>(p->message);
    return n;
  }
  // The newest of its kind on the way to node i; null: none. Valid until the network changes.
  template <class M>
  const M* newest(size_t i) const {
    const M* found = nullptr;
    for (const auto& p : network_) {
      if (p->to == endpoint(i) && std::holds_alternative<M>(p->message)) {
        found = &std::get<M>(p->message);
      }
    }
    return found;
  }
  template <class M>
  void drop_all(std::optional<size_t> to = {}) {
    std::erase_if(network_, [&](const auto& p) {
      return std::holds_alternative<M>(p->message) && (!to || p->to == endpoint(*to));
    });
  }
  void inject(size_t from, size_t to, const Message& m) { event(to, Event{endpoint(from), m}); }
  // --- clients
  uint64_t write(size_t i, const std::string& name, const std::string& value, RequestId id,
                 uint32_t timeout_ms = 1000) {
    return request(i, ClientRequest{++token_, Operation::kWrite, id, timeout_ms, name, value});
  }
  uint64_t read(size_t i, const std::string& name, uint32_t timeout_ms = 1000) {
    return request(i, ClientRequest{++token_, Operation::kRead, {}, timeout_ms, name, {}});
  }
  // Any operation, its token filled in here.
  uint64_t ask(size_t i, ClientRequest r) {
    r.token = ++token_;
    return request(i, r);
  }
  bool answered(uint64_t token) const { return answers_.count(token) != 0; }
  const Answer& answer(uint64_t token) { return answers_.at(token); }

  // A name whose home is node i.
  std::string name_at_home(size_t i, int n = 0) const {
    for (int k = 0;; ++k) {
      std::string name = "name-" + std::to_string(n) + "-" + std::to_string(k);
      if (home_slot_of(name_hash(name, kSeed), static_cast<uint32_t>(nodes_.size())).value == i)
        return name;
    }
  }
  Replica& replica(size_t i) { return *nodes_[i].replica; }
  const ReplicaCounters& counters(size_t i) { return replica(i).counters(); }
  size_t unsynced(size_t i) const { return nodes_[i].pending.size(); }
  Prng& prng() { return prng_; }
  static Endpoint endpoint(size_t i) { return {NodeId{static_cast<uint16_t>(i + 1)}, CoreId{0}}; }

 private:
  static constexpr uint64_t kSeed = 42;
  struct Held {
    uint64_t record;
    std::unique_ptr<Parcel> parcel;
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    std::vector<std::string> disk;
    std::deque<std::string> pending;
    std::vector<Held> held;
    uint64_t made = 0, durable = 0;
    bool up = false;
    Output out;
  };
  uint64_t request(size_t i, const ClientRequest& request) {
    event(i, Event{{}, request});
    return request.token;
  }
  void event(size_t i, const Event& e) { step(i, &e, 1); }
  void step(size_t i, const Event* events, size_t count) {
    nodes_[i].out.clear();
    nodes_[i].replica->step(events, count, now_, nodes_[i].out);
    take(i);
  }
  void take(size_t i) {
    Node& node = nodes_[i];
    uint32_t begin = 0;
    for (uint32_t end : node.out.record_ends) {
      node.pending.emplace_back(node.out.records.data() + begin, end - begin);
      begin = end;
      ++node.made;
    }
    for (const Outgoing& m : node.out.messages) {
      ASSERT_TRUE(m.rests_on.record.value > 0 && m.rests_on.record.value <= node.made);
      node.held.push_back(
          {m.rests_on.record.value, std::make_unique<Parcel>(endpoint(i), m.to, m.message)});
    }
    for (const ClientReply& r : node.out.replies) {
      ASSERT_EQ(answers_.count(r.token), 0u) << "two answers to one request";
      answers_[r.token] = {r.status, std::string(r.state.value), r.state.writer, r.state.version,
                           r.state.sealed};
    }
    release(i);
    if (after_step) after_step(i, *node.replica);
  }
  void release(size_t i) {
    auto& held = nodes_[i].held;
    for (auto& h : held) {
      if (h.record <= nodes_[i].durable) network_.push_back(std::move(h.parcel));
    }
    std::erase_if(held, [](const Held& h) { return h.parcel == nullptr; });
  }
  Prng prng_;
  std::vector<NodeId> members_;
  std::vector<Node> nodes_;
  size_t linger_from_;
  uint32_t catch_up_;  // names a second
  std::vector<std::unique_ptr<Parcel>> network_;
  std::map<uint64_t, Answer> answers_;
  int64_t now_ = 1'000'000'000;
  uint64_t token_ = 0;
};

}  // namespace once::paxos::test
