// Work under way: rounds, quorum reads and lingering names, each kind in a pool of its own with
// indexes and handles of its own. They share their numbers, and so one bound.
//
// Contract (P3): a number is used by one task of one kind at a time, and each use, and each
// question asked in it, has its generation. Of a handle only that very use is found.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "paxos/handle.h"
#include "paxos/index.h"

namespace once::paxos {

enum class TaskKind : uint8_t { kFree, kRound, kRead, kLinger };

class TaskNumbers {
 public:
  explicit TaskNumbers(size_t most) : uses_(most) {
    ONCE_ASSERT(most <= UINT16_MAX + size_t{1});  // handles hold 16 bits
    for (auto i = static_cast<uint32_t>(most); i-- > 0;) free_.push_back(i);
  }

  // Which run's handles are given out. REQUIRES: nothing is under way.
  void begin_run(Incarnation incarnation) {
    ONCE_ASSERT(all_free() && incarnation > incarnation_);
    incarnation_ = incarnation;
  }

  uint32_t size() const { return static_cast<uint32_t>(uses_.size()); }
  bool full() const { return free_.empty(); }
  bool all_free() const { return free_.size() == uses_.size(); }
  bool most_free() const { return free_.size() > uses_.size() / 2; }
  TaskKind kind_of(uint32_t number) const {
    return number < uses_.size() ? uses_[number].kind : TaskKind::kFree;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  template <class T>
  friend class TaskPool;
  struct Use {
    uint32_t generation = 0;
    TaskKind kind = TaskKind::kFree;
  };
  uint32_t take(TaskKind kind) {
    ONCE_ASSERT(!full() && kind != TaskKind::kFree);
    const uint32_t number = free_.back();
    free_.pop_back();
    ONCE_ASSERT(uses_[number].kind == TaskKind::kFree);
    uses_[number].kind = kind;
    ++uses_[number].generation;
    return number;
  }
  void free(uint32_t number) {
    uses_[number].kind = TaskKind::kFree;
    ++uses_[number].generation;
    free_.push_back(number);
    ONCE_ASSERT(free_.size() <= uses_.size());
  }
  std::vector<Use> uses_;
  std::vector<uint32_t> free_;
  Incarnation incarnation_;
};

// T::kKind says which it is.
template <class T>
class TaskPool {
 public:
  using Id = Index<T>;

  explicit TaskPool(TaskNumbers& numbers) : numbers_(numbers), tasks_(numbers.size()) {}

  bool holds(Id id) const { return numbers_.kind_of(id.value) == T::kKind; }
  T& operator[](Id id) {
    ONCE_ASSERT(holds(id));
    return tasks_[id.value];
  }
  const T& operator[](Id id) const {
    ONCE_ASSERT(holds(id));
    return tasks_[id.value];
  }

  // A fresh one; none: no number is free.
  Id take() {
    if (numbers_.full()) return {};
    const Id id{numbers_.take(T::kKind)};
    tasks_[id.value] = T{};
    return id;
  }
  // REQUIRES: nobody waits for it, and what it kept is given back.
  void free(Id id) {
    ONCE_ASSERT(holds(id) && (*this)[id].waiters.empty());
    numbers_.free(id.value);
  }

  Handle handle_of(Id id) const {
    ONCE_ASSERT(holds(id));
    return Handle::of(numbers_.incarnation_, numbers_.uses_[id.value].generation, id.value);
  }
  // Whose answer this is; none: of nothing that is under way in this pool.
  Id find(Handle handle) const {
    const Id id{handle.place()};
    return holds(id) && handle == handle_of(id) ? id : Id{};
  }
  // Answers to what was asked before are not found any more.
  void ask_anew(Id id) {
    ONCE_ASSERT(holds(id));
    ++numbers_.uses_[id.value].generation;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  TaskNumbers& numbers_;
  std::vector<T> tasks_;
};

}  // namespace once::paxos
