// What a shard takes by interface, as fakes: log, links, door for clients, host, clock. All write
// into one journal, so that a test can say what came before what.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/peer_codec.h"
#include "server/shard.h"
#include "tests/unit/reactor/streamless_io.h"

namespace once::server::test {

using Journal = std::vector<std::string>;

class FakeLog final : public wal::Log {
 public:
  explicit FakeLog(Journal& journal) : journal_(journal) {}
  RecordNumber append(std::string_view record) override {
    if (report_in_append != 0) report(std::exchange(report_in_append, 0));
    journal_.push_back("append " + std::string(record));
    return appended_ = appended_.next();
  }
  RecordNumber append_lazily(std::string_view record) override {
    return append("lazily " + std::string(record));
  }
  RecordNumber appended() const override { return appended_; }
  RecordNumber durable() const override { return durable_; }
  void hurry() override { hurried = appended_; }
  void flush() override {
    ++flushes;
    if (report_in_flush && durable_ < appended_) report(appended_.value);
  }
  void on_tick(int64_t) override {}
  bool full() const override { return is_full; }
  std::string_view full_because() const override { return {}; }
  bool crowded() const override { return is_crowded; }
  bool behind() const override { return is_behind; }
  bool spent() const override { return is_spent; }
  size_t waiting_bytes() const override { return waiting; }
  int64_t writing_since_ns() const override { return writing_since; }
  const wal::LogCounters& counters() const override { return figures; }
  const wal::SegmentUse& use() const override { return segment_use; }
  void no_longer_needed(RecordNumber record, uint64_t bytes) override {
    journal_.push_back("needless " + std::to_string(record.value) + ": " + std::to_string(bytes));
  }
  std::unique_ptr<wal::SegmentReader> read_segment(wal::Generation) override { return nullptr; }
  void release(wal::Generation) override {}
  void switch_segment() override {}
  uint64_t files() const override { return 1; }

  void report(uint64_t record) {
    durable_ = RecordNumber{record};
    listener->on_durable(durable_);
  }
  wal::LogListener* listener = nullptr;
  uint64_t report_in_append = 0;  // a record that is reported from within the next append
  bool report_in_flush = false;
  bool is_full = false, is_crowded = false, is_behind = false, is_spent = false;
  size_t waiting = 0;
  int64_t writing_since = 0;
  int flushes = 0;
  RecordNumber hurried;  // all up to it is waited for
  wal::LogCounters figures;
  wal::SegmentUse segment_use;

 private:
  Journal& journal_;
  RecordNumber appended_, durable_;
};

class FakeLinks final : public net::PeerLinks {
 public:
  explicit FakeLinks(Journal& journal) : journal_(journal) {}
  void start() override { started = true; }
  void accept(std::unique_ptr<reactor::Handoff>) override { ++accepted; }
  reactor::ListenHandler* listen_handler() override { return nullptr; }
  bool is_up(Endpoint) const override { return up; }
  void send(Endpoint peer, const paxos::Message& message) override {
    std::vector<char> bytes;
    net::encode_message(message, bytes);
    send_encoded(peer, {bytes.data(), bytes.size()});
  }
  void send_encoded(Endpoint peer, std::string_view messages) override {
    while (!messages.empty()) {
      const auto message = net::take_message(messages);
      ASSERT_TRUE(message.has_value());
      sent.push_back(std::get<paxos::Accepted>(*message).op);
      journal_.push_back("send " + std::to_string(sent.back()) + " to " +
                         std::to_string(peer.node.value));
    }
  }
  void tell_modest(int64_t until_ns) override { modest_until_ns = until_ns; }
  void flush() override {
    journal_.push_back("links flush");
    flushed_modest_until_ns = modest_until_ns;
  }
  void on_tick(int64_t) override {}
  int64_t round_trip_ns(NodeId) const override { return 0; }
  void report(NodeId offender, paxos::Offence) override { offenders.push_back(offender); }
  const net::PeerRefusals& refusals() const override { return refused; }

  bool started = false, up = true;
  int accepted = 0;
  std::vector<NodeId> offenders;
  net::PeerRefusals refused{};
  int64_t modest_until_ns = 0, flushed_modest_until_ns = 0;
  std::vector<uint64_t> sent;  // the `op` of each message: the tests send Accepted only

 private:
  Journal& journal_;
};

struct SentReply {
  uint64_t connection;
  uint64_t correlation;
  paxos::Status status;
  std::string value;
};

struct SentExplanation {
  uint64_t connection;
  uint64_t correlation;
  net::ExplainReply reply;
};

struct SentList {
  uint64_t connection;
  uint64_t correlation;
  paxos::Status status;
  uint32_t run;
  std::string first;  // name
};

class FakeListener final : public net::ClientListener {
 public:
  explicit FakeListener(Journal& journal) : journal_(journal) {}
  reactor::ListenHandler* listen_handler() override { return nullptr; }
  void accept(std::unique_ptr<reactor::Handoff>) override { ++accepted; }
  void reply(net::ClientConnectionId connection, uint64_t correlation, paxos::Operation operation,
             const paxos::ClientReply& reply) override {
    EXPECT_EQ(operation, asked);
    replies.push_back(
        {connection.value, correlation, reply.status, std::string(reply.state.value)});
    journal_.push_back("reply " + std::to_string(correlation));
  }
  void reply_status(net::ClientConnectionId, uint64_t, const net::StatusReport&) override {
    journal_.push_back("status");
  }
  void reply_list(net::ClientConnectionId connection, uint64_t correlation,
                  const net::ListReply& reply) override {
    lists.push_back({connection.value, correlation, reply.status, reply.run,
                     reply.page.names.empty() ? "" : std::string(reply.page.names[0].name)});
  }
  void reply_explain(net::ClientConnectionId connection, uint64_t correlation,
                     const net::ExplainReply& reply) override {
    explanations.push_back({connection.value, correlation, reply});
  }
  void on_tick(int64_t) override {}
  void end_round() override {}
  void drain() override { draining = true; }
  size_t connections() const override { return 0; }
  net::ClientDoorCounters counters() const override { return figures; }
  void bound_unread(size_t bytes) override { unread_bound = bytes; }
  bool relieve() override { return ++relieved, true; }
  uint64_t closed_unread() const override { return 3; }
  size_t input_bytes() const override { return input; }
  int64_t modest_until_ns() const override { return modest_until; }
  void note_modest_elsewhere() override { ++modest_elsewhere; }

  int64_t modest_until = 0;
  int modest_elsewhere = 0;

  net::ClientDoorCounters figures;
  size_t unread_bound = 0;
  int relieved = 0;
  size_t input = 0;
  std::vector<SentReply> replies;
  static constexpr auto kAsked = paxos::Operation::kWrite;  // by all requests of the fixture
  paxos::Operation asked = kAsked;
  std::vector<SentList> lists;
  std::vector<SentExplanation> explanations;
  bool draining = false;
  int accepted = 0;

 private:
  Journal& journal_;
};

class FakeHost final : public ShardHost {
 public:
  net::ServerHello server_hello(CoreId) override { return {}; }
  bool may_vote() override { return votes; }
  net::DiskTable known_disks() override { return {}; }
  void on_contact(const net::PeerHello&) override {}
  net::Meeting meet(const net::PeerHello&) override { return {}; }
  void on_peer(const net::PeerHello&) override {}
  net::StatusReport status() override {
    ++statuses;
    return {};
  }
  void publish(CoreId, const CoreSnapshot& snapshot) override { published = snapshot; }
  Traffic& traffic(CoreId) override { return counted; }
  void on_started(CoreId) override { started = true; }
  void on_tick(CoreId, int64_t) override { ++ticks; }
  bool stop_requested() override { return stop; }
  void set_idle(CoreId, bool now_idle) override { idle = now_idle; }
  bool all_idle() override { return idle; }
  void set_full(CoreId, bool now_full) override { full = now_full; }
  bool any_full() override { return full || others_full; }
  void log_failed(std::string_view what) override { failure = what; }
  void log_corrupt(std::string_view what) override { damage = what; }
  void log_line(std::string_view line) override { lines.emplace_back(line); }

  CoreSnapshot published;
  Traffic counted;
  bool votes = true;
  int ticks = 0, statuses = 0;  // that were made
  bool started = false, stop = false, idle = false, full = false, others_full = false;
  std::string failure, damage;
  std::vector<std::string> lines;
};

// The clock, and what else a shard asks of its Io: no streams, no files.
class ClockIo final : public StreamlessIo {
 public:
  int64_t now_ns() const override { return now; }
  Result<reactor::FileId> open_file(const std::string&, bool, reactor::FileHandler*) override {
    return error("no files here");
  }
  void close_file(reactor::FileId) override {}
  void write_file(reactor::FileId, uint64_t, std::span<const char>, reactor::SyncMode,
                  uint64_t) override {}
  void prepare_file(const std::string&, uint64_t, reactor::FilePreparedHandler*) override {}
  void set_timer(int64_t at_ns, uint64_t token) override { timer_at = at_ns, timer = token; }
  void wake() override { ++wakes; }
  void run(reactor::BatchHandler*) override {}
  void stop() override { stopped = true; }

  int64_t now = 1'000'000'000;
  int64_t timer_at = 0;
  uint64_t timer = 0;
  int wakes = 0;
  bool stopped = false;
};

}  // namespace once::server::test
