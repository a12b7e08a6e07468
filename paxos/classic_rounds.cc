#include "paxos/classic_rounds.h"

#include <algorithm>

#include "base/rarely.h"
#include "paxos/back_off.h"

namespace once::paxos {

// None: no task is free.
RoundId ClassicRounds::begin(EntryIndex entry) {
  const RoundId id = pool_.take();
  if (id == kNil) return id;
  ONCE_ASSERT(acceptor_.at(entry).is_idle());
  pool_[id].entry = entry;
  pool_[id].started = pool_[id].asked_at = step_.now();
  return id;
}

// A new ballot each time: one that was sent is spent.
void ClassicRounds::prepare(RoundId id) {
  ClassicRound& task = pool_[id];
  const Entry& entry = acceptor_.at(task.entry);
  ONCE_ASSERT(acceptor_.active(entry) == Active(id));
  const uint32_t step = rarely(Rare::kRoundsSkipped) ? 5 : 1;
  const Round round{std::max(entry.promised().round, task.seen_round).value + step};
  ONCE_ASSERT(task.phase == Phase::kBackOff && round > entry.promised().round);
  if (round > kMaxRound) return back_off(id);  // there is no higher ballot to be had
  task.ballot = own_.of_round(round);
  task.phase = Phase::kPrepare;
  task.step = step_.number();
  task.votes = Votes{};
  task.best = Ballot{};
  // What this acceptor holds is among what is reported from the start, though it has no vote yet: a
  // batch of our own is never forgotten because others answered first.
  if (!entry.accepted().is_null()) task.keep(acceptor_.arena(), entry.accepted(), entry.state());
  task.asked_at = step_.now();
  task.next_at = step_.now() + kResendNs;
  ++counters_.classic_rounds;
  acceptor_.promise(task.entry, task.ballot);
  ONCE_ASSERT(task.best < task.ballot && entry.promised() == task.ballot);
  vote_when_durable(id, entry.record());
  outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{},
                    Prepare{pool_.handle_of(id).value, task.ballot, entry.name()});
}

// Proposes the task's state under its ballot.
void ClassicRounds::send_accepts(RoundId id) {
  ClassicRound& task = pool_[id];
  ONCE_ASSERT(!task.best.is_null() && task.best <= task.ballot && task.state.version != 0);
  const Entry& entry = acceptor_.at(task.entry);
  if (!is_ours(task.batch, task.best, cluster_.self().node, step_.incarnation()))
    task.batch.adopted = true;
  task.phase = Phase::kAccept;
  task.step = step_.number();
  task.votes = Votes{};
  task.asked_at = step_.now();
  task.next_at = step_.now() + kResendNs;
  task.confirms = entry.accepted() == task.ballot && entry.version() == task.state.version;
  ONCE_ASSERT(entry.promised() == task.ballot);
  if (!task.confirms) {
    acceptor_.accept(task.entry, task.ballot, task.state, Numbered{cluster_.self().core, {}});
    acceptor_.list_unsettled(task.entry);
  }
  ONCE_ASSERT(entry.accepted() == task.ballot && entry.version() == task.state.version);
  vote_when_durable(id, entry.record());
  outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{},
                    Accept{pool_.handle_of(id).value, task.ballot, task.state, entry.name()});
}

void ClassicRounds::resend(RoundId id) {
  ClassicRound& task = pool_[id];
  ONCE_ASSERT(task.phase != Phase::kBackOff);
  ONCE_ASSERT(own_.has(task.ballot));  // P1
  const Entry& entry = acceptor_.at(task.entry);
  task.next_at = step_.now() + kResendNs;
  if (task.phase == Phase::kPrepare) {
    outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{},
                      Prepare{pool_.handle_of(id).value, task.ballot, entry.name()});
  } else {
    outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{},
                      Accept{pool_.handle_of(id).value, task.ballot, task.state, entry.name()});
  }
}

void ClassicRounds::back_off(RoundId id) {
  ClassicRound& task = pool_[id];
  const bool overtaken = task.phase == Phase::kAccept;
  task.phase = Phase::kBackOff;
  task.votes = Votes{};
  // What was asked before may be lost.
  const int64_t asked_at = std::max(task.asked_at, cluster_.links_changed_at());
  const BackOff pause = back_off_after(task.attempts, overtaken, step_.now() - asked_at);
  if (task.attempts < 255) ++task.attempts;
  task.next_at = step_.now() + pause.draw_ns(prng_);
}

void ClassicRounds::end(RoundId id) {
  ClassicRound& task = pool_[id];
  ONCE_ASSERT(acceptor_.active(acceptor_.at(task.entry)) == Active(id));
  acceptor_.set_active(task.entry, Active{});
  task.give_back(acceptor_.arena());
  pool_.free(id);
}

// This node's own vote in the question just asked.
void ClassicRounds::vote_when_durable(RoundId id, RecordNumber record) {
  ONCE_ASSERT(pool_[id].phase != Phase::kBackOff && own_.has(pool_[id].ballot));
  own_votes_.push({record, pool_.handle_of(id), pool_[id].phase, pool_[id].ballot});
}

}  // namespace once::paxos
