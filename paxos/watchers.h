// The waits of one core that are not being asked for: by their name's bucket, each with what is
// known to be too old for all of them.
//
// Contract: a request is here at most once, and in no other list of waiters. Nothing at or below
// Watchers::least is news to any of the bucket.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "paxos/op_pool.h"

namespace once::paxos {

// The waits of one hash bucket. `asking`: a read that may be asking a majority for them;
// Core::is_asked_for() knows whether it still does. `least`: none of them waits for a version at or
// below it, so that a crowd that waits for a far one costs those nothing who change the name.
struct Watchers {
  WaitList waiting;
  ReadId asking;
  uint64_t least = UINT64_MAX;
};

class WatchList {
 public:
  WatchList(OpPool& ops, size_t places)
      : ops_(ops), buckets_(std::bit_ceil(std::max<size_t>(places, 1))) {}

  Watchers& of(NameHash hash) { return buckets_[hash.key & (buckets_.size() - 1)]; }
  bool empty() const { return count_ == 0; }
  bool has(const Op& op) { return op.list == &of(op.hash).waiting; }

  // REQUIRES: a wait that is in no list.
  void add(OpIndex index) {
    const Op& op = ops_[index];
    ONCE_ASSERT(op.operation == Operation::kWait && op.list == nullptr);
    Watchers& watchers = of(op.hash);
    if (watchers.waiting.empty()) watchers.least = UINT64_MAX;
    watchers.least = std::min(watchers.least, op.version);
    ONCE_ASSERT(count_ < ops_.size());
    ops_.push(watchers.waiting, index);
    ++count_;
  }
  void remove(OpIndex index) {
    ONCE_ASSERT(count_ > 0 && has(ops_[index]));
    ops_.unlink(index);
    --count_;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  OpPool& ops_;
  std::vector<Watchers> buckets_;
  size_t count_ = 0;
};

}  // namespace once::paxos
