// Those whose changes are proposed together: composed in their order into one state, each answered
// with a version of its own, or by a state that was the newest at a moment since it came.
// docs/decisions/2026-11-25-whole-register.md has the rules.
#include <algorithm>

#include "base/assert.h"
#include "paxos/requests.h"

namespace once::paxos {

// The state after all changes that can be made, each on what the one before it left. Marks them.
State Requests::compose(const WaitList& waiters, const State& base, size_t& changes) {
  State next = base;
  for (OpIndex index = waiters.head; index != kNil; index = ops_[index].next) {
    Op& op = ops_[index];
    if (!paxos::changes(op.operation) || judge(next, op.change())) continue;
    next = apply(next, op.change());
    op.made = next.version;
    ++changes;
  }
  ONCE_ASSERT(next.version == base.version + changes);
  return next;
}

// `chosen` was asked for in step `asked`, and is chosen. The refused are told first: whoever has
// won and asks again queues behind them.
void Requests::answer_chosen(WaitList& waiters, const State& chosen, uint64_t asked) {
  ONCE_ASSERT(asked <= step_.number() && chosen.version <= kMaxVersion);
  for (const bool made : {false, true}) {
    for (OpIndex index = waiters.head; index != kNil;) {
      const OpIndex next = ops_[index].next;
      if ((ops_[index].made != 0) == made) tell_chosen(index, chosen, asked);
      index = next;
    }
  }
}

// Who came later gets no answer from it unless it is the last state that there will ever be: others
// may have gone on before he came.
void Requests::tell_chosen(OpIndex index, const State& chosen, uint64_t asked) {
  const Op& op = ops_[index];
  ONCE_ASSERT(op.made <= chosen.version || !chosen.sealed);
  if (op.made != 0) {
    // Its id may have made that version with another payload, elsewhere. A request that is not
    // kept has made the state of the entry itself.
    const bool last = op.made == chosen.version && op.block != nullptr;
    if (last && judge(chosen, op.change()) == Status::kIdReused) {
      return answer(index, Status::kIdReused, chosen);
    }
    return answer_made(index, chosen.sealed && op.made == chosen.version);
  }
  if (const auto status = judge(chosen, op.change())) {
    const bool own = paxos::changes(op.operation) && chosen.writer == op.id;
    if (own || chosen.sealed || op.step <= asked) give(index, *status, chosen);
  }
}

// Who made `decided` is told so now: what is built on it may hide it.
void Requests::answer_own(WaitList& waiters, const State& decided) {
  ONCE_ASSERT(decided.version != 0);
  for (OpIndex index = waiters.head; index != kNil;) {
    const Op& op = ops_[index];
    const OpIndex next = op.next;
    if (paxos::changes(op.operation) && op.id == decided.writer) {
      ONCE_ASSERT(op.made == 0);
      give(index, *judge(decided, op.change()), decided);
    }
    index = next;
  }
}

void Requests::answer_made(OpIndex index, bool sealed) {
  const Op& op = ops_[index];
  ONCE_ASSERT(op.made != 0 && changes(op.operation));
  answer(index, Status::kDone, State{op.made, sealed, op.id, {}});
}

// Of a proposal whose state is no longer at hand, those who changed something.
void Requests::answer_made(WaitList& waiters) {
  for (OpIndex index = waiters.head; index != kNil;) {
    const OpIndex next = ops_[index].next;
    if (ops_[index].made != 0) answer_made(index, false);
    index = next;
  }
}

// `state` was the newest at a moment since the request came. What another node may have made of it
// since can make a refusal untrue.
void Requests::give(OpIndex index, Status status, const State& state) {
  Op& op = ops_[index];
  if (status == Status::kNotYet) {
    ONCE_ASSERT(op.operation == Operation::kWait);
    op.floor = std::min(op.floor, state.version);
    return watch(index);
  }
  const bool refused = changes(op.operation) && status != Status::kDone;
  if (refused && op.elsewhere && !is_certain(status, state, op.change())) {
    return answer(index, Status::kUnknown, State{});
  }
  answer(index, status, state);
}

// The entry will never change again: everybody can be told.
void Requests::conclude(WaitList& waiters, Batch& batch, const Entry& entry) {
  ONCE_ASSERT(entry.final());
  const State state = entry.state();
  settle_batch(waiters, batch, entry.accepted(), &state);
  count_changes(batch);
  answer_chosen(waiters, state, step_.number());
  ONCE_ASSERT(waiters.empty());
}

// What became of the changes that were proposed in `batch`, as `state` tells, which is chosen: see
// fate_of(). Those that are lost or doubtful are marked so; what is left of the batch happened.
void Requests::settle_batch(WaitList& waiters, Batch& batch, const Ballot& best,
                            const State* state) {
  if (batch.size == 0) return;
  const Fate fate =
      fate_of(batch, is_ours(batch, best, cluster_.self().node, step_.incarnation()), state);
  if (fate == Fate::kHappened) return;
  const bool last_happened = fate == Fate::kLastOnly;
  for (OpIndex index = waiters.head; index != kNil;) {
    Op& op = ops_[index];
    const OpIndex next = op.next;
    if (op.made != 0 && !(last_happened && op.made == batch.version)) {
      op.made = 0;
      if (fate != Fate::kNever) doubt(index);
    }
    index = next;
  }
  ONCE_ASSERT(fate != Fate::kLastOnly || batch.size > 1);
  batch.size = last_happened ? 1 : 0;
}

void Requests::count_changes(const Batch& batch) {
  ONCE_ASSERT(batch.size <= ops_.size());
  counters_.changes += batch.size;
  if (batch.size > 1) ++counters_.composed;
}

}  // namespace once::paxos
