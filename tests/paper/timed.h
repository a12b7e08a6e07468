// Replicas in simulated time: every message takes its time, a log writes one batch at a time, ticks
// come every 5 ms. For what a client waits for: fairness, slow disks, wide networks.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/prng.h"
#include "paxos/replica.h"
#include "tests/paper/parcel.h"

namespace once::paxos::test {

struct Pace {  // each from a half to one and a half of it
  int64_t message_ns = 50'000;
  int64_t write_ns = 300'000;
};

class Timed {
 public:
  static constexpr int64_t kMilli = 1'000'000;

  // The first `up` of the members run, all linked to each other.
  Timed(size_t members, size_t up, uint64_t seed, Pace pace = {})
      : prng_(seed), nodes_(up), pace_(pace) {
    for (uint16_t i = 1; i <= members; ++i) members_.push_back(NodeId{i});
    for (size_t i = 0; i < up; ++i) start(i);
    for (size_t i = 0; i < up; ++i) {
      for (size_t j = i + 1; j < up; ++j) link(i, j, true);
    }
    run_for(100 * kMilli + 4 * pace.message_ns + 4 * pace.write_ns);
  }

  // Both ends hear of it.
  void link(size_t i, size_t j, bool up) {
    for (const auto& [at, peer] : {std::pair(i, j), std::pair(j, i)}) {
      up ? void(cut_.erase({at, peer})) : void(cut_.insert({at, peer}));
      event(at, up ? Event{endpoint(peer), LinkUp{1}} : Event{endpoint(peer), LinkDown{}});
    }
  }
  // It hears and does nothing more, and its links stand.
  void freeze(size_t i) { nodes_[i].frozen = true; }
  void ask(size_t i, ClientRequest request, std::function<void(Status)> done) {
    request.token = ++token_;
    waiting_[request.token] = std::move(done);
    event(i, Event{{}, request});
  }
  void later(int64_t ns, std::function<void()> action) { at(now_ + ns, std::move(action)); }
  void run_for(int64_t ns) {
    const int64_t until = now_ + ns;
    while (!events_.empty() && events_.top().at <= until) {
      const Timer next = events_.top();
      events_.pop();
      now_ = next.at;
      next.action();
    }
    now_ = until;
  }
  int64_t now() const { return now_; }
  const ReplicaCounters& counters(size_t i) const { return nodes_[i].replica->counters(); }
  size_t size() const { return nodes_.size(); }
  std::string name_at_home(size_t home, int n = 0) const {
    for (int k = 0;; ++k) {
      std::string name = "name-" + std::to_string(n) + "-" + std::to_string(k);
      const auto members = static_cast<uint32_t>(members_.size());
      if (home_slot_of(name_hash(name, kSeed), members).value == home) return name;
    }
  }

 private:
  static constexpr uint64_t kSeed = 42;
  struct Timer {
    int64_t at;
    uint64_t order;
    std::function<void()> action;
    bool operator<(const Timer& o) const { return std::pair(at, order) > std::pair(o.at, o.order); }
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    Output out;
    uint64_t made = 0, durable = 0;
    bool writing = false, frozen = false;
    std::vector<std::pair<uint64_t, std::shared_ptr<Parcel>>> held;
  };
  static Endpoint endpoint(size_t i) { return {NodeId{static_cast<uint16_t>(i + 1)}, CoreId{0}}; }
  void at(int64_t when, std::function<void()> action) {
    events_.push({when, ++order_, std::move(action)});
  }
  int64_t about(int64_t ns) {
    return ns / 2 + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(ns)));
  }

  void start(size_t i) {
    nodes_[i].replica = Replica::make({.self = endpoint(i),
                                       .members = members_,
                                       .hash_seed = kSeed,
                                       .shard_count = 64,
                                       .random_seed = prng_.next()});
    nodes_[i].replica->start(Incarnation{1}, now_, nodes_[i].out);
    took(i);
    at(now_ + static_cast<int64_t>(prng_.below(5 * kMilli)), [this, i] { tick(i); });
  }
  void tick(size_t i) {
    if (nodes_[i].frozen) return;
    nodes_[i].out.clear();
    nodes_[i].replica->on_tick(now_, nodes_[i].out);
    took(i);
    at(now_ + 5 * kMilli + static_cast<int64_t>(prng_.below(200'000)), [this, i] { tick(i); });
  }
  void event(size_t i, const Event& e) {
    if (nodes_[i].frozen) return;
    nodes_[i].out.clear();
    nodes_[i].replica->step(&e, 1, now_, nodes_[i].out);
    took(i);
  }
  void send(std::shared_ptr<Parcel> parcel) {
    const size_t from = parcel->from.node.value - 1u, to = parcel->to.node.value - 1u;
    at(now_ + about(pace_.message_ns), [this, parcel = std::move(parcel), from, to] {
      if (!cut_.contains({from, to})) event(to, Event{parcel->from, parcel->message});
    });
  }
  void took(size_t i) {
    Node& node = nodes_[i];
    node.made += node.out.record_ends.size();
    for (const Outgoing& m : node.out.messages) {
      auto parcel = std::make_shared<Parcel>(endpoint(i), m.to, m.message);
      if (m.rests_on.record.value <= node.durable) {
        send(std::move(parcel));
      } else {
        node.held.emplace_back(m.rests_on.record.value, std::move(parcel));
      }
    }
    for (const ClientReply& reply : node.out.replies) {
      const auto found = waiting_.find(reply.token);
      ASSERT_NE(found, waiting_.end()) << "two answers to one request";
      at(now_, [done = std::move(found->second), status = reply.status] { done(status); });
      waiting_.erase(found);
    }
    if (node.out.step_again_ns != 0) {
      at(std::max(now_, node.out.step_again_ns), [this, i] {
        if (nodes_[i].frozen) return;
        nodes_[i].out.clear();
        nodes_[i].replica->step(nullptr, 0, now_, nodes_[i].out);
        took(i);
      });
    }
    write(i);
  }
  void write(size_t i) {
    Node& node = nodes_[i];
    if (node.writing || node.made == node.durable) return;
    node.writing = true;
    at(now_ + about(pace_.write_ns), [this, i, upto = node.made] {
      Node& written = nodes_[i];
      if (written.frozen) return;
      written.writing = false;
      written.durable = upto;
      written.out.clear();
      written.replica->on_durable(RecordNumber{upto}, now_, written.out);
      took(i);
      for (auto& [record, parcel] : std::exchange(written.held, {})) {
        if (record <= written.durable) {
          send(std::move(parcel));
        } else {
          written.held.emplace_back(record, std::move(parcel));
        }
      }
    });
  }

  Prng prng_;
  std::vector<NodeId> members_;
  std::vector<Node> nodes_;
  Pace pace_;
  std::set<std::pair<size_t, size_t>> cut_;  // directions
  std::priority_queue<Timer> events_;
  std::map<uint64_t, std::function<void(Status)>> waiting_;
  uint64_t order_ = 0, token_ = 0;
  int64_t now_ = 1'000'000'000;
};

}  // namespace once::paxos::test
