// One acceptor and its log, whose segments are cleaned while the test plays its peers and its disk:
// for sentences about what may go (DESIGN 5, C1). Segments are closed by number of records.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "tests/paper/concluded.h"

namespace once::paxos::test {

class Cleaned {
 public:
  static constexpr uint64_t kHashSeed = 42;
  static constexpr size_t kSelf = 1;  // member index: homes 0 and 2 are others

  struct Logged {
    std::string bytes;
    uint64_t number = 0;
    size_t segment = 0;
    bool needed = true;
  };

  explicit Cleaned(size_t records_in_segment = 6, uint16_t cores = 1, uint16_t core = 0)
      : segment_records_(records_in_segment), cores_(cores), core_(core) {
    start();
  }

  static Endpoint endpoint(size_t member) {
    return {NodeId{static_cast<uint16_t>(member + 1)}, CoreId{0}};
  }
  // The `n`th name whose home is that member.
  static std::string name(size_t home, int n = 0) {
    for (int k = 0;; ++k) {
      std::string name = "n";
      name.append(std::to_string(n)).append("-").append(std::to_string(k));
      if (home_slot_of(name_hash(name, kHashSeed), 3).value == home) return name;
    }
  }

  void receive(size_t from, const Message& message) {
    const Event event{endpoint(from), message};
    turn([&] { replica_->step(&event, 1, now_, out_); });
  }
  void write(const std::string& name, const RequestId& id) {
    const Event event{{}, ClientRequest{1, Operation::kWrite, id, 1000, name, "v"}};
    turn([&] { replica_->step(&event, 1, now_, out_); });
  }
  void tick() {
    now_ += 5'000'000;
    turn([&] { replica_->on_tick(now_, out_); });
  }
  void sync() {
    if (durable_ == last_) return;
    for (const Logged& record : log_) {
      if (record.number > durable_) all_.push_back(record.bytes);
    }
    durable_ = last_;
    turn([&] { replica_->on_durable(RecordNumber{durable_}, now_, out_); });
  }
  // What is not durable is lost; what is released stays so.
  void restart() {
    std::erase_if(log_, [&](const Logged& record) { return record.number > durable_; });
    pass_.reset();
    ++segment_;
    start();
  }
  // --- cleaning
  std::vector<size_t> sealed() const {
    std::set<size_t> found;
    for (const Logged& record : log_) {
      if (record.segment < segment_) found.insert(record.segment);
    }
    return {found.begin(), found.end()};
  }
  bool cleaning() const { return pass_ != nullptr; }
  void begin_cleaning(size_t segment) {
    pass_ = std::make_unique<Pass>();
    pass_->segment = segment;
    for (const Logged& record : log_) {
      if (record.segment == segment) pass_->left.push_back(record);
    }
  }
  // True: all of it was looked at, and the facts are written.
  bool keep_some(size_t records) {
    ONCE_ASSERT(pass_ != nullptr && !pass_->read);
    const size_t count = std::min(records, pass_->left.size());
    std::vector<LoggedRecord> some;
    for (size_t i = 0; i < count; ++i)
      some.push_back({pass_->left[i].bytes, RecordNumber{pass_->left[i].number}});
    turn([&] { replica_->keep(some.data(), some.size(), now_, out_); });
    pass_->left.erase(pass_->left.begin(), pass_->left.begin() + static_cast<long>(count));
    if (!pass_->left.empty()) return false;
    turn([&] { replica_->keep_facts(now_, out_); });
    pass_->rests_on = last_;
    pass_->read = true;
    return true;
  }
  // False: what it rests on is not durable yet.
  bool release() {
    if (pass_ == nullptr || !pass_->read || durable_ < pass_->rests_on) return false;
    std::erase_if(log_, [&](const Logged& r) { return r.segment == pass_->segment; });
    pass_.reset();
    return true;
  }
  void clean(size_t segment) {
    begin_cleaning(segment);
    while (!keep_some(3)) {
    }
    sync();
    ASSERT_TRUE(release());
  }
  // All that was sealed before the call.
  void clean_all() {
    close_segment();
    for (const size_t segment : sealed()) clean(segment);
  }
  void close_segment() { ++segment_; }
  bool adopt() {
    bool more = false;
    turn([&] { more = replica_->adopt(now_, out_); });
    return more;
  }

  // --- what would be known
  Concluded from_what_is_left() const {
    std::vector<std::string> durable;
    for (const Logged& record : log_) {
      if (record.number <= durable_) durable.push_back(record.bytes);
    }
    return conclude(durable, elsewhere_, options(cores_, core_));
  }
  // That was ever durable.
  Concluded from_all() const { return conclude(all_, elsewhere_, options(cores_, core_)); }

  const std::vector<Logged>& log() const { return log_; }
  std::vector<Record> records() const {  // their views live as long as the log does not change
    std::vector<Record> found;
    for (const Logged& record : log_) found.push_back(*decode_record(record.bytes));
    return found;
  }
  template <class R>
  size_t count() const {
    size_t n = 0;
    for (const Record& record : records()) n += std::holds_alternative<R>(record);
    return n;
  }
  Explanation explain(const std::string& name) { return replica_->explain(name); }
  // A record that another core's log has; read before the log of this one at the next restart.
  void put_elsewhere(const Record& record) {
    std::vector<char> bytes;
    encode_record(record, bytes);
    elsewhere_.emplace_back(bytes.begin(), bytes.end());
  }
  std::vector<std::string>& elsewhere() { return elsewhere_; }

 private:
  struct Pass {
    size_t segment = 0;
    std::vector<Logged> left;
    bool read = false;
    uint64_t rests_on = 0;
  };

  static ReplicaOptions options(uint16_t cores, uint16_t core) {
    return {.self = {endpoint(kSelf).node, CoreId{core}},
            .cores = cores,
            .members = {endpoint(0).node, endpoint(1).node, endpoint(2).node},
            .hash_seed = kHashSeed,
            .shard_count = 64,
            .random_seed = 1,
            .max_operations = 64,
            .max_tasks = 16,
            .round_zero_window = 8};
  }

  void start() {
    replica_ = Replica::make(options(cores_, core_));
    last_ = 0;
    std::vector<Needless> needless;
    for (const std::string& bytes : elsewhere_) {
      ASSERT_TRUE(replica_->recover(bytes, RecordNumber{}, needless));
    }
    for (Logged& record : log_) {
      record.number = ++last_;
      record.needed = true;
      ASSERT_TRUE(replica_->recover(record.bytes, RecordNumber{last_}, needless));
      for (const Needless& one : std::exchange(needless, {})) drop(one);
    }
    durable_ = last_;
    replica_->go_on_after(RecordNumber{last_});
    const Incarnation run = std::max(incarnation_, replica_->recovered_incarnation()).next();
    ASSERT_EQ(run, incarnation_.next()) << "an incarnation that was durable is forgotten";
    incarnation_ = run;
    turn([&] { replica_->start(run, now_, out_); });
    sync();
    for (size_t peer : {0, 2}) {
      const Event up{endpoint(peer), LinkUp{1}};
      turn([&] { replica_->step(&up, 1, now_, out_); });
    }
  }
  template <class Enter>
  void turn(Enter enter) {
    out_.clear();
    enter();
    uint32_t begin = 0;
    for (uint32_t end : out_.record_ends) {
      const auto in_open = std::count_if(log_.begin(), log_.end(), [&](const Logged& record) {
        return record.segment == segment_;
      });
      if (static_cast<size_t>(in_open) >= segment_records_) ++segment_;
      log_.push_back({{out_.records.data() + begin, end - begin}, ++last_, segment_, true});
      begin = end;
    }
    for (const Needless& one : out_.needless) drop(one);
    for (const Outgoing& m : out_.messages) ASSERT_LE(m.rests_on.record.value, last_);
  }
  void drop(const Needless& needless) {
    for (Logged& record : log_) {
      if (record.number != needless.record.value) continue;
      EXPECT_TRUE(record.needed) << "dropped twice: " << record.number;
      EXPECT_EQ(record.bytes.size(), needless.bytes) << "of another size";
      record.needed = false;
    }
  }

  const size_t segment_records_;
  const uint16_t cores_, core_;
  std::unique_ptr<Replica> replica_;
  std::vector<Logged> log_;             // not released, durable or not
  std::vector<std::string> all_;        // was durable
  std::vector<std::string> elsewhere_;  // in the log of another core
  size_t segment_ = 0;                  // the open one
  uint64_t last_ = 0, durable_ = 0;     // numbers
  Incarnation incarnation_;
  std::unique_ptr<Pass> pass_;
  Output out_;
  int64_t now_ = 1'000'000'000;
};

}  // namespace once::paxos::test
