// Lingering: whoever was just answered may ask again at once. If a proposal made many changes, the
// next one for the name waits a moment for those who asked for them, so that they meet in it with
// those who came meanwhile, instead of taking turns. Nothing is proposed or promised by it: what
// ends it starts from what the entry says then.
#include "paxos/core.h"

namespace once::paxos {

// Goes on with what is left of `from` after a proposal that took `took_ns` and made so many
// changes. Empties it. REQUIRES: nothing is under way with the name.
void Core::go_on(EntryIndex index, WaitList& from, size_t made, int64_t took_ns) {
  const bool possible = made >= linger_from_ && lingers_.has_room() && has_spare_tasks();
  if (!possible || acceptor_.at(index).final() || !lingers_.is_tried()) {
    return pursue(index, from);
  }
  ONCE_ASSERT(acceptor_.at(index).is_idle());
  const LingerId id = lingers_.begin(index, made, took_ns, step_.now());
  acceptor_.set_active(index, Active(id));
  ops_.move_all(from, lingers_[id].waiters);
  ++counters_.lingered;
}

// At the end of a step, so that all who came in it are in.
void Core::end_lingers() {
  size_t at = 0;
  for (LingerId id; (id = lingers_.take_due(at, step_.now())) != kNil;) {
    Linger& task = lingers_[id];
    const EntryIndex index = task.entry;
    WaitList rest;
    ops_.move_all(task.waiters, rest);
    ONCE_ASSERT(acceptor_.active(acceptor_.at(index)) == Active(id));
    acceptor_.set_active(index, Active{});
    lingers_.free(id);
    if (!rest.empty()) pursue(index, rest);
  }
}

}  // namespace once::paxos
