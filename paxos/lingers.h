// The names that linger (core_linger.cc): which of them, until when, and whether it pays.
//
// Contract: a bounded number of names at a time. Nothing is proposed or promised by it.
#pragma once

#include <vector>

#include "base/assert.h"
#include "paxos/core_state.h"
#include "paxos/linger_luck.h"
#include "paxos/task_pool.h"

namespace once::paxos {

inline constexpr int64_t kLongestLingerNs = kMs / 2;  // and half of what the last proposal took

class Lingers {
 public:
  explicit Lingers(TaskNumbers& numbers) : pool_(numbers) { names_.reserve(kMostLingering); }

  bool has_room() const { return names_.size() < kMostLingering; }
  bool is_tried() { return luck_.is_tried(); }
  Linger& operator[](LingerId id) { return pool_[id]; }

  // After a proposal that took `took_ns` and made so many changes. REQUIRES: there is room, and a
  // number is free.
  LingerId begin(EntryIndex entry, size_t made, int64_t took_ns, int64_t now_ns) {
    ONCE_ASSERT(has_room() && made > 0);
    const LingerId id = pool_.take();
    Linger& linger = pool_[id];
    linger.entry = entry;
    linger.started = now_ns;
    linger.awaited = static_cast<uint32_t>(made - made / 8);
    linger.next_at = now_ns + std::clamp<int64_t>(took_ns / 2, 1, kLongestLingerNs);
    ONCE_ASSERT(linger.awaited > 0 && linger.arrived == 0);
    names_.push_back(id);
    return id;
  }
  // The next that ends now, from place `at` on, which is moved on; none: no more do. It is out of
  // the list, and to be freed.
  LingerId take_due(size_t& at, int64_t now_ns) {
    ONCE_ASSERT(at <= names_.size());
    for (; at < names_.size(); ++at) {
      const LingerId id = names_[at];
      const Linger& linger = pool_[id];
      if (linger.arrived < linger.awaited && linger.next_at > now_ns) continue;
      names_[at] = names_.back();
      names_.pop_back();
      luck_.learn(linger.arrived < linger.awaited / 2);
      return id;
    }
    return {};
  }
  void free(LingerId id) { pool_.free(id); }
  // When the first of them ends, whatever comes; 0: there is none.
  int64_t first_end() const {
    ONCE_ASSERT(names_.size() <= kMostLingering);
    int64_t first = 0;
    for (const LingerId id : names_) {
      if (first == 0 || pool_[id].next_at < first) first = pool_[id].next_at;
    }
    return first;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  TaskPool<Linger> pool_;
  std::vector<LingerId> names_;
  LingerLuck luck_;
};

}  // namespace once::paxos
