// One core alone: the test plays its peers, its clients and its disk, word by word. For sentences
// about what one acceptor, proposer or home may say, and when.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "tests/paper/world.h"

namespace once::paxos::test {

// Of the member with this index, in the given run of it.
inline Ballot ballot(uint32_t round, size_t member, uint32_t incarnation = 1) {
  return Ballot{Round{round}, NodeId{static_cast<uint16_t>(member + 1)}, Incarnation{incarnation}};
}

inline State state(RequestId writer, std::string_view value) {
  return State{1, true, writer, value};
}

class Solo {
 public:
  static constexpr uint64_t kHashSeed = 42;
  static constexpr size_t kWindow = 8;

  // Started, with its incarnation durable and a link to every peer.
  Solo(size_t self, size_t nodes, uint64_t random_seed = 1, uint16_t cores = 1,
       uint32_t catch_up = 0)
      : self_(self), nodes_(nodes), random_seed_(random_seed), cores_(cores), catch_up_(catch_up) {
    start();
  }

  // The `n`th name whose home is that member.
  std::string name(size_t home, int n = 0) const {
    for (int k = 0;; ++k) {
      std::string name = "n";
      name.append(std::to_string(n)).append("-").append(std::to_string(k));
      const uint64_t hash = name_hash(name, kHashSeed);
      if (home_slot_of(hash, static_cast<uint32_t>(nodes_)).value == home) return name;
    }
  }

  // --- events
  void receive(size_t from, const Message& message) {
    step({Event{World::endpoint(from), message}});
  }
  void step(const std::vector<Event>& events) {
    out_.clear();
    replica_->step(events.data(), events.size(), now_, out_);
    take();
  }
  void link_down(size_t peer) { step({Event{World::endpoint(peer), LinkDown{}}}); }
  uint64_t write(const std::string& name, const std::string& value, RequestId id,
                 uint32_t timeout_ms = 1000) {
    return ask({0, Operation::kWrite, id, timeout_ms, name, value});
  }
  // Any operation, its token filled in here.
  uint64_t ask(ClientRequest request) {
    request.token = ++token_;
    step({Event{{}, request}});
    return token_;
  }
  uint64_t read(const std::string& name) {
    step({Event{{}, ClientRequest{++token_, Operation::kRead, {}, 1000, name, {}}}});
    return token_;
  }
  void wait_us(int64_t us) {
    now_ += us * 1000;
    out_.clear();
    replica_->on_tick(now_, out_);
    take();
  }
  void wait(int64_t ms) { wait_us(ms * 1000); }
  void pass_us(int64_t us) { now_ += us * 1000; }  // and no tick comes

  // --- disk
  void set_disk_full(bool full) { set_disk(full ? Disk::kFull : Disk::kEnough); }
  void set_disk(Disk disk) { replica_->set_disk(disk); }
  void set_log_waiting(size_t bytes) { replica_->set_log_waiting(bytes); }
  void set_memory(Memory level) { replica_->set_memory(level); }
  size_t memory_bytes() const { return replica_->memory_bytes(); }
  void sync() { sync(unsynced()); }
  void sync(size_t records) {
    ASSERT_LE(records, unsynced());
    durable_ += records;
    out_.clear();
    replica_->on_durable(RecordNumber{durable_}, now_, out_);
    take();
  }
  size_t unsynced() const { return records_.size() - durable_; }
  size_t news() const { return news_; }  // of all records of this run
  void restart() {
    for (uint64_t i = 0; i < durable_; ++i) disk_.push_back(records_[i]);
    start();
  }
  // The same, as core `index` of another number of them.
  void restart_as(uint16_t index, uint16_t cores) {
    core_ = index;
    cores_ = cores;
    restart();
  }
  // As an earlier run, or another stream, left it; read at the next restart().
  void put_on_disk(const Record& record) {
    std::vector<char> bytes;
    encode_record(record, bytes);
    disk_.emplace_back(bytes.begin(), bytes.end());
  }

  // --- what it said
  // The messages of one kind that have left since they were last taken; valid to the end.
  template <class M>
  std::vector<M> take() {
    std::vector<M> found;
    for (auto& parcel : sent_) {
      if (!parcel || !std::holds_alternative<M>(parcel->message)) continue;
      found.push_back(std::get<M>(parcel->message));
      taken_.push_back(std::move(parcel));
    }
    return found;
  }
  // The member that the newest message of a kind went to, of those that were taken.
  template <class M>
  size_t last_to() const {
    for (auto parcel = taken_.rbegin(); parcel != taken_.rend(); ++parcel) {
      if (std::holds_alternative<M>((*parcel)->message)) return (*parcel)->to.node.value - 1u;
    }
    return nodes_;
  }
  bool answered(uint64_t token) const { return answers_.count(token) != 0; }
  const Answer& answer(uint64_t token) { return answers_.at(token); }
  const ReplicaCounters& counters() const { return replica_->counters(); }
  Explanation explain(const std::string& name) { return replica_->explain(name); }
  // What this acceptor would tell a reader; with everything durable.
  ReadReply state_of(const std::string& name) {
    sync();
    take<ReadReply>();
    receive(self_ == 0 ? 1 : 0, ReadState{99, name});
    const auto replies = take<ReadReply>();
    EXPECT_EQ(replies.size(), 1u);
    return replies.empty() ? ReadReply{} : replies[0];
  }
  // The names that it reports to a claim of `home`, page by page.
  std::vector<std::string> claim(size_t home, uint32_t incarnation) {
    std::vector<std::string> names;
    ClaimHome ask{Incarnation{incarnation}, 0, 0};
    for (int pages = 0; pages < 1'000; ++pages) {
      take<ClaimReply>();
      receive(home, ask);
      sync();
      const auto replies = take<ClaimReply>();
      EXPECT_EQ(replies.size(), 1u);
      if (replies.size() != 1) return names;
      for (std::string& name : unpack(replies[0].names)) names.push_back(std::move(name));
      if (replies[0].last) return names;
      ask = ClaimHome{Incarnation{incarnation}, replies[0].list, replies[0].next};
    }
    ADD_FAILURE() << "the list has no end";
    return names;
  }
  static std::vector<std::string> unpack(std::string_view packed) {
    std::vector<std::string> names;
    for (ByteReader in(packed); in.remaining() > 0;) {
      names.emplace_back(in.get_bytes(in.get<uint16_t>()));
    }
    return names;
  }

 private:
  struct Held {
    uint64_t record;
    std::unique_ptr<Parcel> parcel;
  };

  void start() {
    std::vector<NodeId> members;
    for (size_t i = 0; i < nodes_; ++i) members.push_back(World::endpoint(i).node);
    replica_ = Replica::make({.self = {World::endpoint(self_).node, CoreId{core_}},
                              .cores = cores_,
                              .members = members,
                              .hash_seed = kHashSeed,
                              .shard_count = 64,
                              .random_seed = random_seed_,
                              .max_operations = 256,
                              .max_tasks = 64,
                              .round_zero_window = kWindow,
                              .catch_up = {catch_up_}});
    for (const std::string& record : disk_) ASSERT_TRUE(replica_->recover(record));
    records_.clear();
    held_.clear();
    sent_.clear();
    durable_ = 0;
    out_.clear();
    replica_->start(replica_->recovered_incarnation().next(), now_, out_);
    take();
    sync();
    for (size_t i = 0; i < nodes_; ++i) {
      if (i != self_) step({Event{World::endpoint(i), LinkUp{1}}});
    }
  }
  void take() {
    news_ += out_.news;
    uint32_t begin = 0;
    for (uint32_t end : out_.record_ends) {
      records_.emplace_back(out_.records.data() + begin, end - begin);
      begin = end;
    }
    for (const Outgoing& m : out_.messages) {
      ASSERT_GT(m.rests_on.record.value, 0u);
      ASSERT_LE(m.rests_on.record.value, records_.size());
      held_.push_back({m.rests_on.record.value,
                       std::make_unique<Parcel>(World::endpoint(self_), m.to, m.message)});
    }
    for (const ClientReply& r : out_.replies) {
      ASSERT_EQ(answers_.count(r.token), 0u) << "two answers to one request";
      answers_[r.token] = {r.status, std::string(r.state.value), r.state.writer, r.state.version,
                           r.state.sealed};
    }
    for (Held& held : held_) {
      if (held.record <= durable_) sent_.push_back(std::move(held.parcel));
    }
    std::erase_if(held_, [](const Held& held) { return held.parcel == nullptr; });
  }

  size_t self_;
  size_t nodes_;
  uint64_t random_seed_;
  uint16_t core_ = 0;
  uint16_t cores_;
  uint32_t catch_up_;  // names a second
  std::unique_ptr<Replica> replica_;
  std::vector<std::string> disk_;     // of earlier runs
  std::vector<std::string> records_;  // of this run
  uint64_t durable_ = 0, news_ = 0;   // of them
  std::vector<Held> held_;
  std::vector<std::unique_ptr<Parcel>> sent_;
  std::vector<std::unique_ptr<Parcel>> taken_;
  std::map<uint64_t, Answer> answers_;
  Output out_;
  int64_t now_ = 1'000'000'000;
  uint64_t token_ = 0;
};

}  // namespace once::paxos::test
