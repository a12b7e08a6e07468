// What of a log stream is needed once it was read, where names of other cores are in it.
#include "server/stream_replay.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "paxos/record.h"
#include "wal/block_format.h"

namespace once::server {
namespace stream_replay_test {

constexpr uint16_t kCores = 2;
constexpr uint16_t kShards = 64;

class StreamReplayTest : public testing::Test {
 protected:
  StreamReplayTest() {
    paxos::ReplicaOptions options;
    options.cores = kCores;
    options.index_key = SipKey{1, 2};
    options.shard_count = kShards;
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.max_operations = options.max_tasks = options.round_zero_window = 16;
    for (uint16_t core = 0; core < kCores; ++core) {
      options.self = {NodeId{1}, CoreId{core}};
      replicas_[core] = paxos::Replica::make(options);
      cores_.push_back({replicas_[core].get(), &uses_[core]});
      uses_[core].open(wal::Generation{1}, wal::BlockSequence{1});
    }
  }
  static std::vector<char> accept_of(const std::string& name) {
    const paxos::Ballot ballot{Round{1}, NodeId{2}, Incarnation{1}};
    const paxos::State state{1, true, request_id(1, 1), "v"};
    std::vector<char> bytes;
    encode_record(paxos::AcceptRecord{ballot, CoreId{0}, paxos::Sequence{0}, state, name}, bytes);
    return bytes;
  }

  std::array<std::unique_ptr<paxos::Replica>, kCores> replicas_;
  std::array<wal::SegmentUse, kCores> uses_;
  std::vector<StreamReplay::Core> cores_;
};

// They are written anew, each by its own core; until then the stream is not cleaned.
TEST_F(StreamReplayTest, WhatOfAStreamIsAnotherCoresIsNotNeededThere) {
  ReplayMemory memory(kCores, UINT64_MAX);
  StreamReplay replay(0, Takes::kAll, kShards, cores_, memory);
  uint64_t own = 0, others = 0;
  for (uint64_t n = 1; n <= 50; ++n) {
    const std::string name = fmt::format("n{}", n);
    const std::vector<char> bytes = accept_of(name);
    const uint64_t taken = wal::kRecordPrefixBytes + bytes.size();
    (replicas_[0]->core_of_name(name) == CoreId{0} ? own : others) += taken;
    uses_[0].written(RecordNumber{n}, taken);
    const wal::RecoveredRecord record{{bytes.data(), bytes.size()}, RecordNumber{n}};
    replay.take({&record, 1}, uses_[0]);
  }
  EXPECT_TRUE(replay.ours());
  EXPECT_TRUE(replay.mixed());
  ASSERT_GT(own, 0u);
  ASSERT_GT(others, 0u);
  EXPECT_EQ(uses_[0].needed_bytes(), own);
  EXPECT_EQ(uses_[1].needed_bytes(), 0u);
}

}  // namespace stream_replay_test
}  // namespace once::server
