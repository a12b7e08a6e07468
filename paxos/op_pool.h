// The requests of one core that wait for their answers: a fixed number of places, each in at most
// one list of its own kind (who waits for what), and in one by age.
#pragma once

#include <vector>

#include "base/assert.h"
#include "paxos/core_state.h"

namespace once::paxos {

class OpPool {
 public:
  explicit OpPool(size_t places);

  Op& operator[](OpIndex index) {
    ONCE_ASSERT(index != kNil);
    return ops_[index.value];
  }
  const Op& operator[](OpIndex index) const {
    ONCE_ASSERT(index != kNil);
    return ops_[index.value];
  }
  size_t size() const { return ops_.size(); }
  bool full() const { return free_.empty(); }
  size_t used() const {
    ONCE_ASSERT(free_.size() <= ops_.size());
    return ops_.size() - free_.size();
  }
  size_t waits() const { return waits_; }  // how many of them are Operation::kWait

  // A fresh one, the newest of its age list. REQUIRES: not full.
  OpIndex take(Operation operation);
  // REQUIRES: it is in no list of waiters. Its block is the caller's to free, before.
  void free(OpIndex index);

  void push(WaitList& list, OpIndex index);  // REQUIRES: in no list
  void unlink(OpIndex index);                // of its list, if it is in one
  // From `from` to the end of `to`.
  void move_all(WaitList& from, WaitList& to);

  // The next in a list that is walked while news may answer some of it: the rest waits for the next
  // tick then.
  Later later(OpIndex op) const { return {op, op == kNil ? 0 : (*this)[op].generation}; }
  bool is_gone(const Later& next) const {
    return next.op != kNil && (*this)[next.op].generation != next.generation;
  }

  // Waits may stand for long; they have a list of their own, that only the slow tick walks.
  AgeList& by_age(Operation o) { return o == Operation::kWait ? waits_by_age_ : by_age_; }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  std::vector<Op> ops_;
  std::vector<OpIndex> free_;
  AgeList by_age_;
  AgeList waits_by_age_;
  size_t waits_ = 0;
};

}  // namespace once::paxos
