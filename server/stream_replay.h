// One log stream back into the replicas of a node's cores, before any of them runs: each record to
// the core that has its name, what is of no name to all that it may matter to.
//
// Thread rule: one thread at a time. Several may be under way at once, each on a thread of its own
// and of another stream, if each takes records for its own core alone (Takes::kOwn); they share the
// ReplayMemory.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "paxos/replica.h"
#include "wal/log.h"

namespace once::server {

// Whether what the log holds fits into the memory of the node, as far as it was read.
class ReplayMemory {
 public:
  ReplayMemory(size_t cores, uint64_t budget) : budget_(budget), used_(cores) {}

  bool fits() const { return fits_; }
  // What the replica of a core takes by now.
  void set(size_t core, uint64_t bytes) {
    used_[core] = bytes;
    if (used() > budget_) fits_ = false;
  }
  void add_too_many(uint64_t bytes) { too_many_ += bytes; }  // of a record that was not taken
  uint64_t too_many() const { return too_many_; }

 private:
  uint64_t used() const {
    uint64_t bytes = 0;
    for (const auto& one : used_) bytes += one;
    return bytes;
  }
  const uint64_t budget_;
  std::vector<std::atomic<uint64_t>> used_;
  std::atomic<uint64_t> too_many_ = 0;
  std::atomic<bool> fits_ = true;
};

enum class Takes : uint8_t {
  kOwn,  // for the core of the stream's number alone
  kAll,
};

class StreamReplay {
 public:
  struct Core {
    paxos::Replica* replica;
    wal::SegmentUse* use;  // of its own stream, once that was read; of no matter for kOwn
  };
  StreamReplay(uint32_t stream, Takes takes, uint16_t shards, std::span<const Core> cores,
               ReplayMemory& memory)
      : stream_(stream), takes_(takes), shards_(shards), cores_(cores), memory_(memory) {}

  // As wal::recover() visits them.
  void take(std::span<const wal::RecoveredRecord> records, wal::SegmentUse& use);

  uint64_t records() const { return records_; }
  bool ours() const { return ours_; }    // no record was of another log
  bool mixed() const { return mixed_; }  // names of other cores are in it
  // kOwn: what has to be told to the other cores, for it may be known from here alone.
  const std::vector<paxos::Record>& facts() const { return facts_; }

 private:
  struct Decoded {
    wal::RecoveredRecord read;
    paxos::Record record;
    paxos::NameHash hash;
    std::optional<uint32_t> owner;  // the core of its name; none: it has no name
  };
  void take_one(const Decoded& decoded, wal::SegmentUse& use);
  void take_nameless(const Decoded& decoded, wal::SegmentUse& use);
  void give(uint32_t core, const Decoded& decoded, wal::SegmentUse& use);
  void look_at_memory();

  const uint32_t stream_;
  const Takes takes_;
  const uint16_t shards_;
  const std::span<const Core> cores_;
  ReplayMemory& memory_;
  uint64_t records_ = 0;
  bool ours_ = true;
  bool mixed_ = false;
  uint64_t looked_at_ = 0;  // bytes of records since the memory was looked at
  std::vector<Decoded> decoded_;
  std::vector<paxos::Needless> needless_;
  std::vector<paxos::Record> facts_;
};

}  // namespace once::server
