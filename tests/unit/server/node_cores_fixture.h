// A data directory, and the cores that begin from it, of one node of three.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "paxos/record.h"
#include "server/node_cores.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/server/formatted_directory.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::server {

class NodeCoresTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(format_directory(path_, "1=a:1,2=b:2,3=c:3"));
    auto opened = DataDirectory::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    data_ = std::move(*opened);
  }
  void make_anew() {
    data_.reset();
    std::filesystem::remove_all(path_);
    SetUp();
  }
  // `names`: how many each core knows afterwards.
  tl::expected<void, StartRefusal> recover(uint16_t cores, std::vector<uint64_t>* names = nullptr) {
    NodeOptions options;
    options.cores = cores;
    options.direct = false;
    options.index_key = SipKey{1, 2};
    options.memory_bytes = memory_bytes_;
    options.ready_bytes = ready_bytes_;
    options.threads = threads_;
    NodeHost host(*data_, cores, "a:1");
    NodeCores node(options, *data_, storage_, host, std::vector<reactor::Io*>(cores, &io_));
    auto recovered = node.recover();
    adopts_ = node.adopts();
    replica_bytes_.clear();
    for (uint16_t core = 0; recovered && core < cores; ++core) {
      replica_bytes_.push_back(node.replica(core).memory_bytes());
    }
    incarnation_ = node.incarnation();
    if (recovered) {
      net::PeerHello hello;
      hello.node = NodeId{2};
      hello.incarnation = Incarnation{90'001};
      hello.cores = 1;
      hello.client_address = "b:1";
      host.on_tick(CoreId{0}, 1);
      may_sit_ = !host.take_seat(hello);
    }
    for (uint16_t core = 0; recovered && names != nullptr && core < cores; ++core) {
      names->push_back(node.replica(core).counters().names);
    }
    promised_.clear();
    for (uint16_t core = 0; recovered && core < cores; ++core) {
      for (const NodeId home : {NodeId{2}, NodeId{3}}) {
        promised_.push_back(node.replica(core).recovered_incarnation_of(home).value);
      }
    }
    return recovered;
  }
  static paxos::AcceptRecord accept_of(std::string_view name, std::string_view value) {
    const paxos::Ballot ballot{Round{1}, NodeId{2}, Incarnation{1}};
    const paxos::State state{1, true, request_id(1, 1), value};
    return {ballot, CoreId{0}, paxos::Sequence{0}, state, name};
  }
  // The n-th name of that core, of so many.
  std::string name_of(uint32_t core, uint16_t cores, int n) const {
    const Configuration& c = data_->configuration();
    for (int i = 0;; ++i) {
      std::string name = fmt::format("n{}", i);
      const ShardId shard = shard_of(name_hash(name, c.hash_seed), c.shard_count);
      if (core_of(shard, cores).value == core && n-- == 0) return name;
    }
  }
  // Leaves one accept of a name in a stream, as an earlier run with more cores did.
  void write_to(uint32_t stream, const std::string& name) {
    write_bytes_to(stream, accept_of(name, "v"));
  }
  void write_bytes_to(uint32_t stream, const paxos::Record& record) {
    std::vector<char> bytes;
    encode_record(record, bytes);
    write_bytes_to(stream, std::string_view(bytes.data(), bytes.size()));
  }
  void write_bytes_to(uint32_t stream, std::string_view record) {
    write_to_log(stream, [&](wal::Log& log) { log.append(record); });
  }
  void write_to_log(uint32_t stream, const std::function<void(wal::Log&)>& append) {
    struct Silent : wal::LogListener {
      void on_durable(RecordNumber) override {}
      void on_log_failed(std::string_view what) override { ADD_FAILURE() << what; }
    } listener;
    const Configuration& c = data_->configuration();
    const wal::Identity identity{c.cluster, c.node, c.disk};
    wal::LogOptions options;
    options.directory = path_;
    options.stream = stream;
    options.segment_bytes = c.segment_bytes;
    options.direct = false;
    const auto tail = wal::recover(storage_, identity, options, [](auto, auto, auto&) {});
    ASSERT_TRUE(tail) << tail.error().message;
    const auto log = wal::open_log(io_, identity, options, *tail, &listener);
    append(*log);
    log->flush();
    io_.complete_all();
  }
  std::string segment(uint32_t stream, uint64_t generation = 1) const {
    return wal::segment_path(path_, stream, wal::Generation{generation});
  }
  // As its first segment is called once it is to be removed.
  std::string removed(uint32_t stream) const {
    return path_ + "/removed-log-" + std::to_string(stream) + "-1.seg";
  }
  // Of stream 1, and no further.
  void begin_removal() { std::filesystem::rename(segment(1), removed(1)); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/node1";
  FakeFileIo io_;
  wal::PosixStorage storage_{false};
  std::unique_ptr<DataDirectory> data_;
  uint64_t memory_bytes_ = kUnboundedMemory;
  uint64_t ready_bytes_ = 0;
  bool threads_ = false;
  // The node that was recovered last.
  std::vector<uint64_t> replica_bytes_;  // of each core
  bool adopts_ = false;
  bool may_sit_ = false;  // run 90,001 of node 2
  Incarnation incarnation_;
  std::vector<uint32_t> promised_;  // by each core, to nodes 2 and 3
};

}  // namespace once::server
