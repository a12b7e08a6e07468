// A shard among fakes, its replica one of them: a core of a node, for tests of the glue.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/server/shard_fakes.h"

namespace once::server::test {

// Does what the test has scripted for each call, in turn; nothing when the script is at its end.
class FakeReplica final : public paxos::Replica {
 public:
  using Act = std::function<void(paxos::Output&)>;

  bool recover(const paxos::Record&, const paxos::NameHash&, RecordNumber,
               std::vector<paxos::Needless>&) override {
    return true;
  }
  Incarnation recovered_incarnation() const override { return {}; }
  void start(Incarnation, int64_t, paxos::Output& out) override {
    record(out, "incarnation");
    calls.push_back("start");
  }
  void step(const paxos::Event* events, size_t count, int64_t, paxos::Output& out) override {
    for (size_t i = 0; i < count; ++i) {
      if (const auto* request = std::get_if<paxos::ClientRequest>(&events[i].body)) {
        requests.push_back({*request, std::string(request->name), std::string(request->value)});
      }
    }
    act("step " + std::to_string(count), out);
  }
  void on_durable(RecordNumber record, int64_t, paxos::Output& out) override {
    act("durable " + std::to_string(record.value), out);
  }
  void on_tick(int64_t, paxos::Output& out) override { act("tick", out); }
  void forget_waits(const std::vector<uint64_t>& tokens) override { forgotten = tokens; }
  void set_disk(paxos::Disk level) override { disk = level; }
  void set_log_waiting(size_t bytes) override { log_waiting = bytes; }
  void set_memory(paxos::Memory level) override { memory = level; }
  size_t memory_bytes() const override { return bytes; }
  CoreId core_of_name(std::string_view name) const override {
    return CoreId{static_cast<uint16_t>(name.front() - '0')};  // "1..." belongs to core 1
  }
  paxos::ListPage list(const paxos::ListQuery& query) override {
    listed.assign(query.prefix);
    return {{{listed, query.from, query.most, true, true}}, 0};
  }
  paxos::Explanation explain(std::string_view name) override {
    explained.emplace_back(name);
    paxos::Explanation told;
    told.version = explained.size();
    return told;
  }
  const paxos::ReplicaCounters& counters() const override { return figures; }

  // What an act may put out.
  static void record(paxos::Output& out, std::string_view bytes) {
    out.records.insert(out.records.end(), bytes.begin(), bytes.end());
    out.record_ends.push_back(static_cast<uint32_t>(out.records.size()));
  }
  static void message(paxos::Output& out, uint64_t op, uint64_t rests_on, uint16_t node = 2) {
    out.messages.push_back(
        {{NodeId{node}, CoreId{0}}, {RecordNumber{rests_on}}, paxos::Accepted{op, {}, 1}});
  }
  static void reply(paxos::Output& out, uint64_t token, std::string_view value = "",
                    paxos::Status status = paxos::Status::kDone) {
    out.replies.push_back({token, status, {1, true, {}, value}});
  }

  struct Request {
    paxos::ClientRequest request;
    std::string name, value;  // its views are dead
    uint64_t token() const { return request.token; }
  };
  std::deque<Act> script;
  std::vector<Request> requests;
  std::vector<std::string> calls;
  std::vector<uint64_t> forgotten;
  std::string listed;  // the prefix that was asked for last
  std::vector<std::string> explained;
  paxos::Disk disk = paxos::Disk::kEnough;
  size_t log_waiting = 0;
  paxos::Memory memory = paxos::Memory::kEnough;
  size_t bytes = 0;
  paxos::ReplicaCounters figures;

 private:
  void act(const std::string& call, paxos::Output& out) {
    calls.push_back(call);
    EXPECT_FALSE(working_) << "the replica was entered twice: " << call;
    working_ = true;
    if (!script.empty()) {
      const Act next = std::move(script.front());
      script.pop_front();
      next(out);
    }
    working_ = false;
  }
  bool working_ = false;
};

constexpr uint64_t kGrowing = 100'000'000;  // what a core may take for names and the like

// One core with its shard.
struct Core {
  explicit Core(uint16_t core, PostOffice* office = nullptr, size_t max_operations = 64,
                paxos::Replica* real = nullptr)
      : shard({.self = {NodeId{1}, CoreId{core}},
               .peers = {NodeId{2}, NodeId{3}},
               .max_operations = max_operations,
               .memory = MemoryAccount(kFixedMemoryPerCore + kGrowing, 1)},
              io, real == nullptr ? replica : *real, host, office) {
    log.listener = &shard;
    if (office != nullptr) office->set_io(CoreId{core}, &io);
    shard.attach(&log, &links, &listener);
    shard.start(Incarnation{1});
  }
  // A request of a client that has just arrived.
  void request(uint64_t correlation, std::string_view name, std::string_view value = "") {
    paxos::ClientRequest request;
    request.operation = FakeListener::kAsked;
    request.id = request_id(1, correlation);
    request.timeout_ms = 1000;
    request.name = name;
    request.value = value;
    shard.client_handler()->on_request({7}, correlation, request);
  }
  void round() { shard.on_batch_end(); }
  void tick() {
    io.now += 5'000'000;
    shard.on_timer(io.timer);
    round();
  }
  size_t at(const std::string& entry) const {  // its place in the journal
    const auto found = std::find(journal.begin(), journal.end(), entry);
    EXPECT_NE(found, journal.end()) << entry;
    return static_cast<size_t>(found - journal.begin());
  }

  Journal journal;
  ClockIo io;
  FakeReplica replica;
  FakeHost host;
  FakeLog log{journal};
  FakeLinks links{journal};
  FakeListener listener{journal};
  Shard shard;
};

// A core whose incarnation, record 1, is durable.
struct Started : Core {
  explicit Started(size_t max_operations = 64) : Core(0, nullptr, max_operations) {
    log.report(1);
    journal.clear();
  }
  void script(FakeReplica::Act act) { replica.script.push_back(std::move(act)); }
};

}  // namespace once::server::test
