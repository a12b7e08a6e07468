// Going on with a name for those who wait on it, and what news says of their proposals.
// docs/decisions/2026-11-25-whole-register.md has the rules.
#include "paxos/core.h"

namespace once::paxos {

// Goes on with what is left of `from` after a state was chosen, or with who has just come. Empties
// it.
void Core::pursue(EntryIndex index, WaitList& from, uint8_t attempts) {
  if (from.empty()) return;
  ONCE_ASSERT(ops_[from.head].list == &from);
  const Entry& entry = acceptor_.at(index);
  const Active active = acceptor_.active(entry);
  if (WaitList* waiters = queue_of(active)) {
    if (active.kind() == Active::Kind::kLinger) ++lingers_[active.linger()].arrived;
    return ops_.move_all(from, *waiters);
  }
  Batch none;
  if (entry.final()) return requests_.conclude(from, none, entry);
  if (!own_.keeps(entry)) return start_classic(index, from, none, Round{});
  requests_.answer_own(from, entry.state());
  if (from.empty()) return;
  const bool round_zero = entry.accepted().is_round_zero();
  const bool full = round_zero ? sequencer_.full() : task_numbers_.full();
  if (full || rarely(Rare::kWindowFull)) {
    while (!from.empty()) requests_.put_off(from.head);
    return;
  }
  size_t changes = 0;
  const State next = requests_.compose(from, entry.state(), changes);
  if (round_zero) return ops_.move_all(from, fast_path_.propose(index, next, changes).waiters);
  ONCE_ASSERT(begin_chain(index, next, changes, from, attempts));
}

// This acceptor holds what another proposed above this node's own ballot, which is lost. If that is
// decided it tells what became of the batch, without a round; if it is newer, a round will hardly
// tell it any more.
void Core::settle_by_news(const Entry& entry) {
  const Active active = acceptor_.active(entry);
  if (active.kind() != Active::Kind::kRound) return;
  ClassicRound& task = rounds_[active.round()];
  ONCE_ASSERT(!entry.accepted().is_null() || task.batch.size == 0);
  const bool waits = task.phase == Phase::kBackOff;
  if (task.batch.size == 0 || (!waits && entry.accepted() <= task.ballot)) return;
  const State state = entry.state();
  if (entry.decided()) {
    requests_.settle_batch(task.waiters, task.batch, entry.accepted(), &state);
    requests_.count_changes(task.batch);
    task.batch.size = 0;
    requests_.answer_chosen(task.waiters, state, 0);  // to who has not made it it may be old
  } else if (waits && state.version > task.batch.version) {
    requests_.settle_batch(task.waiters, task.batch, Ballot{}, nullptr);
  }
}

}  // namespace once::paxos
