// One core of node 2 of three, as it ships from its doors down to its log's interface, between
// pipes in memory: clients and node 1 come to it, it dials node 3. The log is durable when it is
// told so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/shard.h"
#include "server/traffic.h"
#include "tests/unit/net/fake_net_io.h"
#include "wal/segment_reader.h"

namespace once::fuzz {

class ToldLog final : public wal::Log {
 public:
  RecordNumber append(std::string_view) override { return appended_ = appended_.next(); }
  RecordNumber append_lazily(std::string_view record) override { return append(record); }
  RecordNumber appended() const override { return appended_; }
  RecordNumber durable() const override { return durable_; }
  void flush() override {}
  void hurry() override {}
  void on_tick(int64_t) override {}
  bool full() const override { return is_full; }
  std::string_view full_because() const override { return {}; }
  const wal::LogCounters& counters() const override { return counters_; }
  // Its segments are never looked at: the cleaner finds none that is sealed.
  const wal::SegmentUse& use() const override { return use_; }
  void no_longer_needed(RecordNumber, uint64_t) override {}
  std::unique_ptr<wal::SegmentReader> read_segment(wal::Generation) override { return nullptr; }
  void release(wal::Generation) override {}
  void switch_segment() override {}
  uint64_t files() const override { return 1; }

  bool is_full = false;
  void sync(wal::LogListener& listener) {
    durable_ = appended_;
    listener.on_durable(durable_);
  }

 private:
  wal::LogCounters counters_;
  wal::SegmentUse use_;
  RecordNumber appended_;
  RecordNumber durable_;
};

class StreamsNode final : public server::ShardHost {
 public:
  static constexpr NodeId kSelf{2}, kDialler{1}, kDialled{3};
  static constexpr ClusterId kCluster{{5, 6}};

  StreamsNode() {
    paxos::ReplicaOptions options;
    options.self = Endpoint{kSelf, CoreId{0}};
    options.members = {kDialler, kSelf, kDialled};
    options.shard_count = kShardCount;
    options.max_operations = 64;
    options.max_tasks = 16;
    options.round_zero_window = 32;
    replica_ = paxos::Replica::make(options);
    server::ShardOptions shard;
    shard.self = options.self;
    shard.peers = {kDialler, kDialled};
    shard.max_operations = 48;
    shard_ = std::make_unique<server::Shard>(shard, io, *replica_, *this, nullptr);
    net::PeerLinksOptions links;
    links.self = hello(kSelf, {});
    links.shard_count = kShardCount;
    links.peers = {{kDialler, "peer:1"}, {kDialled, "peer:3"}};
    links_ = net::make_peer_links(io, links, shard_.get());
    listener_ = net::make_client_listener(io, CoreId{0}, 1, shard_->client_handler());
    shard_->attach(&log, links_.get(), listener_.get());
    io.on_batch_end = [this] { shard_->on_batch_end(); };
    shard_->start(Incarnation{2});
    log.sync(*shard_);
  }

  static net::PeerHello hello(NodeId from, NodeId to) {
    net::PeerHello hello;
    hello.cluster = kCluster;
    hello.disk = DiskId{{1, from.value}};
    hello.node = from;
    hello.target_node = to;
    hello.votes = hello.link = true;
    hello.shard_count = kShardCount;
    for (const NodeId member : {kDialler, kSelf, kDialled}) hello.members.add(member);
    hello.incarnation = Incarnation{1};
    hello.client_address = "client";
    return hello;
  }
  void tick(int64_t ns) {
    network.now_ns += ns;
    shard_->on_timer(1);
    io.round();
  }
  void sync() { log.sync(*shard_); }
  size_t outstanding() const { return shard_->outstanding(); }
  void stop() { stopping_ = true; }
  std::shared_ptr<test::Pipe> connect(bool client) {
    auto pipe = std::make_shared<test::Pipe>();
    io.accept_stream(pipe, 1, client ? listener_->listen_handler() : links_->listen_handler());
    return pipe;
  }

  test::FakeNetwork network;
  test::FakeIo io{network};
  ToldLog log;

 private:
  net::ServerHello server_hello(CoreId core) override {
    net::ServerHello hello;
    hello.cluster = kCluster;
    hello.shard_count = kShardCount;
    hello.node = kSelf;
    hello.core = core;
    hello.members = {{kDialler, 1, "client:1"}, {kSelf, 1, "client:2"}, {kDialled, 1, ""}};
    return hello;
  }
  bool may_vote() override { return true; }
  net::DiskTable known_disks() override { return {}; }
  void on_contact(const net::PeerHello&) override {}
  net::Meeting meet(const net::PeerHello& hello) override {
    net::Meeting meeting;
    if (hello.disk.high != 1) meeting.stranger = "another disk than before";
    return meeting;
  }
  void on_peer(const net::PeerHello&) override {}
  net::StatusReport status() override { return {kSelf, 7, {{"names", 1}}}; }
  void publish(CoreId, const server::CoreSnapshot&) override {}
  server::Traffic& traffic(CoreId) override { return traffic_; }
  void on_started(CoreId) override {}
  void on_tick(CoreId, int64_t) override {}
  bool stop_requested() override { return stopping_; }
  void set_idle(CoreId, bool) override {}
  bool all_idle() override { return false; }
  void log_failed(std::string_view) override { ONCE_ASSERT(false); }
  void log_line(std::string_view line) override { ONCE_ASSERT(line.size() < 64 * 1024); }

  std::unique_ptr<paxos::Replica> replica_;
  std::unique_ptr<server::Shard> shard_;
  std::unique_ptr<net::PeerLinks> links_;
  std::unique_ptr<net::ClientListener> listener_;
  server::Traffic traffic_;
  bool stopping_ = false;
};

}  // namespace once::fuzz
