// A few cores with disks and a network in between, for schedules that an input chooses: messages
// travel as bytes and may be lost, repeated and reordered; records are durable when the schedule
// says so; a crash loses the rest. Checks after every event what must hold whoever is at the other
// end (one answer a request, nothing said too early, promises that only rise), and, while every
// member is honest, agreement: one winner a name, held by the disks of a majority.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/assert.h"
#include "net/peer_codec.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "tests/fuzz/input.h"
#include "tests/invariants/watch.h"

namespace once::fuzz {

struct Parcel {
  Endpoint from, to;
  std::string bytes;
};

struct Request {
  size_t node = 0;
  paxos::Operation operation = paxos::Operation::kRead;
  RequestId id;
  std::string name;
  std::string value;     // of a write: its answer, done, comes without
  bool was_set = false;  // some request on the name had been told of a winner before this began
  bool answered = false;
};

class Cluster {
 public:
  static constexpr int64_t kMs = 1'000'000;
  static constexpr size_t kMaxParcels = 128;

  explicit Cluster(size_t nodes) : nodes_(nodes) {
    for (uint16_t i = 1; i <= nodes; ++i) members_.push_back(NodeId{i});
    for (size_t i = 0; i < nodes; ++i) start(i);
  }

  // --- machines
  size_t size() const { return nodes_.size(); }
  bool up(size_t i) const { return nodes_[i].replica != nullptr; }
  void start(size_t i) {
    Node& node = nodes_[i];
    node.replica = paxos::Replica::make(options(i));
    for (const std::string& record : node.disk) ONCE_ASSERT(node.replica->recover(record));
    node.made = node.durable = 0;
    node.watch = invariants::Watch();
    node.out.clear();
    node.replica->start(node.replica->recovered_incarnation().next(), now_ns_, node.out);
    take(i);
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j == i || !up(j)) continue;
      step(i, {endpoint(j), paxos::LinkUp{1}});
      step(j, {endpoint(i), paxos::LinkUp{1}});
    }
  }
  void crash(size_t i) {
    Node& node = nodes_[i];
    node.replica.reset();
    node.pending.clear();
    node.held.clear();
    node.promised.clear();
    for (const std::string& record : node.disk) note_promise(node, record);
    std::erase_if(network_, [&](const Parcel& p) { return p.to == endpoint(i); });
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j != i && up(j)) step(j, {endpoint(i), paxos::LinkDown{}});
    }
    for (auto& [token, request] : requests_) request.answered |= request.node == i;
  }
  // The oldest so many records become durable.
  void sync(size_t i, size_t records) {
    Node& node = nodes_[i];
    records = std::min(records, node.pending.size());
    if (records == 0 || !up(i)) return;
    for (size_t n = 0; n < records; ++n) {
      note_accept(node, node.pending.front());
      node.disk.push_back(std::move(node.pending.front()));
      node.pending.pop_front();
    }
    node.durable += records;
    node.out.clear();
    node.replica->on_durable(RecordNumber{node.durable}, now_ns_, node.out);
    take(i);
  }
  void tick(int64_t ns) {
    now_ns_ += ns;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!up(i)) continue;
      nodes_[i].out.clear();
      nodes_[i].replica->on_tick(now_ns_, nodes_[i].out);
      take(i);
    }
  }
  void drain() {
    for (size_t steps = 0; steps < 4 * kMaxParcels && !network_.empty(); ++steps) {
      deliver(0, false);
      for (size_t i = 0; i < nodes_.size(); ++i) sync(i, SIZE_MAX);
    }
    for (size_t i = 0; i < nodes_.size(); ++i) sync(i, SIZE_MAX);
  }
  void set_disk_full(size_t i, bool full) {
    if (up(i)) nodes_[i].replica->set_disk(full ? paxos::Disk::kFull : paxos::Disk::kEnough);
  }
  void link_event(size_t i, const paxos::Event& event) { step(i, event); }

  // --- network
  const std::vector<Parcel>& network() const { return network_; }
  void deliver(size_t n, bool keep) {
    const Parcel parcel = network_[n];
    if (!keep) drop(n);
    receive(parcel);
  }
  void drop(size_t n) { network_.erase(network_.begin() + static_cast<ptrdiff_t>(n)); }
  void receive(const Parcel& parcel) {
    const size_t to = parcel.to.node.value - 1u;
    const Exact exact(parcel.bytes);
    std::string_view left = exact.view();
    const auto message = net::take_message(left);
    if (message && up(to)) step(to, {parcel.from, *message});
  }

  // --- clients
  void request(size_t i, paxos::ClientRequest request) {
    if (!up(i)) return;
    request.token = ++token_;
    const std::string name(request.name);
    requests_[token_] = {i,    request.operation,          request.id,
                         name, std::string(request.value), winners_.contains(name),
                         false};
    if (request.operation == paxos::Operation::kWrite) ++attempts_[request.id];
    step(i, {{}, request});
  }
  bool was_denied(const RequestId& id) const { return denied_.contains(id); }
  size_t unanswered() const {
    size_t n = 0;
    for (const auto& [token, request] : requests_) n += !request.answered;
    return n;
  }

  // From now on a member may lie, and agreement is not promised.
  void trust_nobody() { honest_ = false; }
  bool honest() const { return honest_; }
  static Endpoint endpoint(size_t i) { return {NodeId{static_cast<uint16_t>(i + 1)}, CoreId{0}}; }

 private:
  struct Held {
    uint64_t record;
    Parcel parcel;
  };
  struct Node {
    std::unique_ptr<paxos::Replica> replica;  // null: down
    std::deque<std::string> disk;
    std::deque<std::string> pending;
    std::vector<Held> held;
    std::map<std::string, paxos::Ballot> promised;       // by its records
    std::map<std::string, std::set<RequestId>> on_disk;  // who wrote what it accepted durably
    uint64_t made = 0, durable = 0;
    invariants::Watch watch;
    paxos::Output out;
  };

  paxos::ReplicaOptions options(size_t i) {
    paxos::ReplicaOptions options;
    options.self = endpoint(i);
    options.members = members_;
    options.hash_seed = 42;
    options.shard_count = 64;
    options.random_seed = ++starts_;
    options.max_operations = 32;
    options.max_tasks = 8;
    options.round_zero_window = 16;
    return options;
  }
  void step(size_t i, const paxos::Event& event) {
    if (!up(i)) return;
    nodes_[i].out.clear();
    nodes_[i].replica->step(&event, 1, now_ns_, nodes_[i].out);
    take(i);
  }
  void take(size_t i);
  void release(Node& node);
  static void note_promise(Node& node, std::string_view bytes);
  static void note_accept(Node& node, std::string_view bytes);
  void check_answer(Request& request, const paxos::ClientReply& reply);
  void check_winner(const std::string& name, const RequestId& writer, std::string_view value);

  std::vector<NodeId> members_;
  std::vector<Node> nodes_;
  std::vector<Parcel> network_;
  std::map<uint64_t, Request> requests_;  // by token
  std::map<std::string, std::pair<RequestId, std::string>> winners_;
  std::map<RequestId, size_t> attempts_;
  std::set<RequestId> denied_;  // told that it certainly did not happen
  bool honest_ = true;
  int64_t now_ns_ = 1'000 * kMs;
  uint64_t token_ = 0;
  uint64_t starts_ = 0;
};

}  // namespace once::fuzz
