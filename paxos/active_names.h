// The names of one core with which something is going on, and what: few at any time, of however
// many there are. By the address of the entry, which never moves. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "paxos/active.h"
#include "paxos/entry.h"

namespace once::paxos {

class ActiveNames {
 public:
  // REQUIRES: it is here.
  Active at(const Entry& entry) const {
    ONCE_ASSERT(!slots_.empty());
    size_t i = home_of(&entry);
    while (slots_[i].entry != &entry) {
      ONCE_ASSERT(slots_[i].entry != nullptr);
      i = next(i);
    }
    return slots_[i].active;
  }
  // What at(), put() and remove() look at.
  void prefetch(const Entry& entry) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[home_of(&entry)], 1);
  }
  // Instead of what there was. REQUIRES: it is something.
  void put(const Entry& entry, Active active) {
    ONCE_ASSERT(!active.is_nothing());
    if ((used_ + 1) * 2 > slots_.size()) grow();
    const size_t i = place_of(entry);
    used_ += slots_[i].entry == nullptr ? 1 : 0;
    slots_[i] = {&entry, active};
    ONCE_ASSERT(used_ * 2 <= slots_.size());  // a search ends
  }
  // REQUIRES: it is here.
  void remove(const Entry& entry) {
    size_t hole = place_of(entry);
    ONCE_ASSERT(slots_[hole].entry == &entry);
    // What stands behind it moves up, unless it is at home or nearer to it there.
    for (size_t i = next(hole); slots_[i].entry != nullptr; i = next(i)) {
      if (distance(home_of(slots_[i].entry), i) < distance(hole, i)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    ONCE_ASSERT(used_ > 0);
    slots_[hole] = {};
    --used_;
  }
  size_t size() const { return used_; }
  size_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    const Entry* entry = nullptr;
    Active active;
  };
  size_t mask() const { return slots_.size() - 1; }
  size_t next(size_t i) const { return (i + 1) & mask(); }
  size_t distance(size_t from, size_t to) const { return (to - from) & mask(); }
  size_t home_of(const Entry* entry) const {
    return (reinterpret_cast<uintptr_t>(entry) / Entry::kGranule * 0x9e3779b97f4a7c15u >> 32) &
           mask();
  }
  // Where it is, or where it would be.
  size_t place_of(const Entry& entry) const {
    ONCE_ASSERT(!slots_.empty());
    size_t i = home_of(&entry);
    while (slots_[i].entry != nullptr && slots_[i].entry != &entry) i = next(i);
    return i;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.entry != nullptr) slots_[place_of(*slot.entry)] = slot;
    }
  }
  std::vector<Slot> slots_;  // a power of two
  size_t used_ = 0;
};

}  // namespace once::paxos
