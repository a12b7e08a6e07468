// Lingering: whoever was just answered may ask again at once. If a proposal made many changes, the
// next one for the name waits a moment for those who asked for them, so that they meet in it with
// those who came meanwhile, instead of taking turns. Nothing is proposed or promised by it: what
// ends it starts from what the entry says then.
#include "paxos/core.h"

namespace once::paxos {

constexpr int64_t kLongestNs = kMs / 2;  // and half of what the last proposal took

// Goes on with what is left of `from` after a proposal that took `took_ns` and made so many
// changes. Empties it. REQUIRES: nothing is under way with the name.
void Core::go_on(EntryIndex index, WaitList& from, size_t made, int64_t took_ns) {
  const bool possible =
      made >= linger_from_ && lingering_.size() < kMostLingering && has_spare_tasks();
  if (!possible || acceptor_.at(index).final() || !linger_luck_.is_tried()) {
    return pursue(index, from);
  }
  ONCE_ASSERT(acceptor_.at(index).active.is_nothing());
  const LingerId id = lingers_.take();
  Linger& task = lingers_[id];
  task.entry = index;
  task.started = step_.now();
  task.awaited = static_cast<uint32_t>(made - made / 8);
  task.next_at = step_.now() + std::clamp<int64_t>(took_ns / 2, 1, kLongestNs);
  acceptor_.set_active(index, Active(id));
  ops_.move_all(from, task.waiters);
  ONCE_ASSERT(task.next_at > step_.now() && task.awaited > 0);
  lingering_.push_back(id);
  ++counters_.lingered;
}

// At the end of a step, so that all who came in it are in.
void Core::end_lingers() {
  for (size_t i = 0; i < lingering_.size();) {
    const LingerId id = lingering_[i];
    const Linger& task = lingers_[id];
    if (task.arrived < task.awaited && task.next_at > step_.now()) {
      ++i;
      continue;
    }
    lingering_[i] = lingering_.back();
    lingering_.pop_back();
    end_linger(id);
  }
}

void Core::end_linger(LingerId id) {
  Linger& task = lingers_[id];
  linger_luck_.learn(task.arrived < task.awaited / 2);
  const EntryIndex index = task.entry;
  WaitList rest;
  ops_.move_all(task.waiters, rest);
  ONCE_ASSERT(acceptor_.at(index).active == Active(id));
  acceptor_.set_active(index, Active{});
  lingers_.free(id);
  if (!rest.empty()) pursue(index, rest);
}

// When the first of them ends, whatever comes; 0: there is none.
int64_t Core::first_linger_end() const {
  ONCE_ASSERT(lingering_.size() <= kMostLingering);
  int64_t first = 0;
  for (const LingerId id : lingering_) {
    if (first == 0 || lingers_[id].next_at < first) first = lingers_[id].next_at;
  }
  return first;
}

}  // namespace once::paxos
