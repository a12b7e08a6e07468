// Classic rounds (both phases, round >= 1): takeover, names closed to round 0, reads to be
// finished.
#include "paxos/contradiction.h"
#include "paxos/core.h"

namespace once::paxos {

// Enough for work that nobody waits for, or that somebody else could do.
bool Core::has_spare_tasks() const {
  return task_numbers_.most_free() && !rarely(Rare::kTasksShort);
}

// A round for the name, above `seen_round`; false: no task is free. REQUIRES: nothing is under way.
bool Core::begin_classic(EntryIndex index, WaitList& from, const Batch& batch, Round seen_round) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(entry.is_idle());
  const RoundId id = rounds_.begin(index);
  if (id == kNil) return false;
  ClassicRound& task = rounds_[id];
  task.seen_round = seen_round;
  task.batch = batch;
  acceptor_.set_active(index, Active(id));
  ops_.move_all(from, task.waiters);
  for (OpIndex op = task.waiters.head; op != kNil; op = ops_[op].next) {
    task.seen_round = std::max(task.seen_round, ops_[op].seen_round);
    task.attempts = std::max(task.attempts, ops_[op].attempts);
  }
  if (cluster_.home_of(acceptor_.hash_of(entry)) != cluster_.self().node) ++counters_.takeovers;
  rounds_.prepare(id);
  return true;
}

// The same for those whose changes, if any, were proposed in `batch`. Empties `from`.
void Core::start_classic(EntryIndex index, WaitList& from, Batch batch, Round seen_round) {
  const Entry& entry = acceptor_.at(index);
  if (entry.final()) return requests_.conclude(from, batch, entry);
  if (begin_classic(index, from, batch, seen_round)) return;
  ONCE_ASSERT(task_numbers_.full());
  requests_.settle_batch(from, batch, Ballot{}, nullptr);
  while (!from.empty()) requests_.put_off(from.head);
}

// Goes on under the ballot that this node keeps, which took it so many attempts without a change of
// its own. False: no task is free.
bool Core::begin_chain(EntryIndex index, const State& next, size_t changes, WaitList& from,
                       uint8_t attempts) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(own_.keeps(entry) && next.version >= entry.version());
  const RoundId id = rounds_.begin(index);
  if (id == kNil) return false;
  ClassicRound& task = rounds_[id];
  task.ballot = entry.accepted();
  task.attempts = attempts;
  task.batch = Batch{task.ballot, next.version, next.writer, changes};
  task.keep(acceptor_.arena(), task.ballot, next);
  acceptor_.set_active(index, Active(id));
  ops_.move_all(from, task.waiters);
  rounds_.send_accepts(id);
  return true;
}

void Core::own_vote(RoundId id) {
  const Votes self = cluster_.vote_of(cluster_.self().node);
  const ClassicRound& task = rounds_[id];
  const Entry& entry = acceptor_.at(task.entry);
  ONCE_ASSERT(task.phase != Phase::kBackOff && entry.record() <= step_.last_record());
  if (task.phase == Phase::kAccept) return count_accept(id, self);
  if (entry.promised() != task.ballot) return lose(id, entry.promised().node, cluster_.self().node);
  const State state = entry.accepted().is_null() ? State{} : entry.state();
  count_promise(id, self, entry.accepted(), state);
}

void Core::on_promise(const Endpoint& from, const Promise& m) {
  const RoundId id = rounds_.find(Handle{m.op});
  if (id == kNil) return;
  const ClassicRound& task = rounds_[id];
  // Of an older ballot: never counted.
  if (task.phase != Phase::kPrepare || task.ballot != m.ballot) return;
  // Nobody accepts above what he promised, nor nothing at all.
  if (m.accepted_ballot > m.ballot || !is_whole(m.accepted_ballot, m.accepted)) {
    return trust_.ignore(&ReplicaCounters::ignored_states);
  }
  if (contradicts(acceptor_.at(task.entry), m.accepted_ballot, m.accepted)) {
    return trust_.offend(Offence::kContradiction, from);
  }
  count_promise(id, cluster_.vote_of(from.node), m.accepted_ballot, m.accepted);
}

void Core::count_promise(RoundId id, Votes vote, const Ballot& accepted, const State& state) {
  ClassicRound& task = rounds_[id];
  ONCE_ASSERT(task.phase == Phase::kPrepare);
  if (task.votes.has(vote)) return;
  ONCE_ASSERT(accepted <= task.ballot && is_whole(accepted, state));
  task.votes.add(vote);
  if (!accepted.is_null() && task.is_below(accepted, state.version)) {
    task.keep(acceptor_.arena(), accepted, state);
  }
  if (cluster_.is_quorum(task.votes)) propose(id);
}

// What was accepted is proposed on as it is; what this name's waiters want is built on it once it
// is chosen. Only where nothing was accepted do they begin.
void Core::propose(RoundId id) {
  ClassicRound& task = rounds_[id];
  ONCE_ASSERT(task.phase == Phase::kPrepare && cluster_.is_quorum(task.votes));
  const Ballot promised = acceptor_.at(task.entry).promised();
  if (promised != task.ballot) return lose(id, promised.node, cluster_.self().node);
  if (!task.best.is_null()) {
    // What was reported before the news that another state is decided.
    const bool denied = contradicts(acceptor_.at(task.entry), task.best, task.state);
    return denied ? rounds_.back_off(id) : rounds_.send_accepts(id);
  }
  ONCE_ASSERT(task.batch.size == 0);  // this acceptor would hold it
  size_t changes = 0;
  const State first = requests_.compose(task.waiters, State{}, changes);
  if (changes == 0) return answer_empty(id);
  task.keep(acceptor_.arena(), task.ballot, first);
  task.batch = Batch{task.ballot, first.version, first.writer, changes};
  rounds_.send_accepts(id);
}

// A majority holds nothing, and nobody wants to change that. Promises may be older than a question
// that joined since: what was empty then may be set now. Such a one is asked of a majority by
// itself. Another round would take two log writes to say no more, and whoever gives his question
// less time than that would join the next one, and the next, and never be told.
void Core::answer_empty(RoundId id) {
  ONCE_ASSERT(rounds_[id].phase == Phase::kPrepare && rounds_[id].best.is_null());
  ONCE_ASSERT(cluster_.is_quorum(rounds_[id].votes));
  requests_.answer_chosen(rounds_[id].waiters, State{}, rounds_[id].step);
  WaitList later;
  ops_.move_all(rounds_[id].waiters, later);
  rounds_.end(id);
  while (!later.empty()) {
    const OpIndex op = later.head;
    ops_.unlink(op);
    if (ops_[op].operation == Operation::kWait) {
      poll(op);
    } else if (!begin_read(op)) {
      requests_.put_off(op);
    }
  }
}

void Core::on_accepted(const Endpoint& from, const Accepted& m) {
  const RoundId id = rounds_.find(Handle{m.op});
  if (id == kNil) return;
  const ClassicRound& task = rounds_[id];
  if (task.phase != Phase::kAccept || task.ballot != m.ballot) return;
  if (task.state.version != m.version) return;
  count_accept(id, cluster_.vote_of(from.node));
}

void Core::count_accept(RoundId id, Votes vote) {
  ClassicRound& task = rounds_[id];
  ONCE_ASSERT(task.phase == Phase::kAccept);
  task.votes.add(vote);
  if (!cluster_.is_quorum(task.votes)) return;
  // P5: what the next version is built on was chosen under this ballot.
  ONCE_ASSERT(!task.ballot.is_null() && task.best <= task.ballot);
  const EntryIndex entry_index = task.entry;
  const Entry& entry = acceptor_.at(entry_index);
  if (task.confirms) {
    ++counters_.confirmations;
  } else {
    outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{},
                      Decided{task.ballot, task.state.version, entry.name()});
  }
  // Our own acceptor may have gone on to a higher ballot.
  if (entry.accepted() == task.ballot && entry.version() == task.state.version) {
    learn_decided(entry_index, task.confirms ? InLog::kNo : InLog::kYes);
  } else {
    ask_for_waiters(acceptor_.hash_of(entry), entry.name(), task.state.version);
  }
  requests_.settle_batch(task.waiters, task.batch, task.best, &task.state);
  requests_.count_changes(task.batch);
  requests_.answer_chosen(task.waiters, task.state, task.step);
  // Another has a higher ballot already. To be alone with the next one the same patience is needed
  // as after a rejection, or two who build on each other's states duel for ever.
  const bool overtaken = entry.promised() != task.ballot && !entry.final();
  if (overtaken && !task.waiters.empty()) {
    task.batch = Batch{};
    task.started = step_.now();
    return lose(id, entry.promised().node, cluster_.self().node);
  }
  const size_t made = task.batch.size;
  const int64_t took_ns = step_.now() - task.started;
  const uint8_t attempts = task.attempts;
  WaitList rest;
  ops_.move_all(task.waiters, rest);
  rounds_.end(id);
  made == 0 ? pursue(entry_index, rest, attempts) : go_on(entry_index, rest, made, took_ns);
}

void Core::on_rejected(const Endpoint& from, const Rejected& m) {
  if (m.promised.round > kMaxRound || m.ballot.round > kMaxRound) {
    return trust_.ignore(&ReplicaCounters::ignored_ballots);
  }
  if (m.ballot.is_round_zero()) {
    if (m.ballot != own_.round_zero()) return;
    if (!sequencer_.is_given_out(Sequence{m.op})) return;
    if (RoundZero* slot = sequencer_.find(Sequence{m.op})) {
      const Entry& entry = acceptor_.at(slot->entry);
      round_zero_lost(*slot, trust_.believed(from, acceptor_.hash_of(entry), entry.promised().round,
                                             m.promised.round));
    }
    sequencer_.advance();
    return;
  }
  const RoundId id = rounds_.find(Handle{m.op});
  if (id == kNil) return;
  ClassicRound& task = rounds_[id];
  if (task.ballot != m.ballot || task.phase == Phase::kBackOff ||
      task.votes.has(cluster_.vote_of(from.node))) {
    return;
  }
  const Entry& entry = acceptor_.at(task.entry);
  const Round known = std::max(entry.promised().round, task.seen_round);
  task.seen_round = std::max(
      task.seen_round, trust_.believed(from, acceptor_.hash_of(entry), known, m.promised.round));
  lose(id, m.promised.node, from.node);
}

// The first time it tries again: the ballot that it lost to may be an old one. A second time
// somebody is at work there: a loser does not duel, but sends him those whom it may.
// If the winner is out of reach, all meet at the one who refused: he has met the winner, and us.
void Core::lose(RoundId id, NodeId winner, NodeId refuser) {
  ONCE_ASSERT(rounds_[id].phase != Phase::kBackOff);
  const bool first = rounds_[id].attempts == 0;
  rounds_.back_off(id);
  settle_by_news(acceptor_.at(rounds_[id].entry));
  if (!first && !send_on(id, winner)) send_on(id, refuser);
}

// What was forwarded here goes back to whoever sent it, who counts how often: nothing goes round in
// circles. Those of whom it is not known what became of them stay; waits are never forwarded.
bool Core::send_on(RoundId id, NodeId winner) {
  ClassicRound& task = rounds_[id];
  const size_t member = cluster_.index_of(winner);
  ONCE_ASSERT(task.phase == Phase::kBackOff);
  if (winner == cluster_.self().node) return true;
  if (member == cluster_.size()) return false;
  const Endpoint to = cluster_.peer_core(member, acceptor_.hash_of(acceptor_.at(task.entry)));
  if (!cluster_.link_up(to)) return false;
  bool sent = false;
  for (OpIndex op_index = task.waiters.head; op_index != kNil;) {
    Op& op = ops_[op_index];
    const OpIndex next = op.next;
    const bool from_here = op.origin.node.value == 0;
    const bool free = op.made == 0 && op.operation != Operation::kWait;
    if (free && !from_here && !op.elsewhere) {
      requests_.answer(op_index, Status::kUnavailable, State{});
      sent = true;
    } else if (free && from_here && op.hops < kMostHops) {
      op.seen_round = task.seen_round;
      op.attempts = task.attempts;
      ops_.unlink(op_index);
      forwarding_.send(op_index, to);
      sent = true;
    }
    op_index = next;
  }
  // Nobody is left: who comes back soon must not be here before the back-off has ended.
  if (sent && task.is_idle() && !has_spare_tasks()) rounds_.end(id);
  return true;
}

bool Core::is_worked_on(const Entry& entry) const {
  const Active active = acceptor_.active(entry);
  if (active.kind() == Active::Kind::kRound) return !rounds_[active.round()].is_idle();
  return !active.is_nothing();
}

// Those who wait on it; null: nothing is going on.
WaitList* Core::queue_of(Active active) {
  switch (active.kind()) {
    case Active::Kind::kNothing:
      return nullptr;
    case Active::Kind::kRoundZero:
      return &sequencer_.at_place(active.round_zero()).waiters;
    case Active::Kind::kRound:
      return &rounds_[active.round()].waiters;
    case Active::Kind::kLinger:
      return &lingers_[active.linger()].waiters;
  }
  return nullptr;
}

// What lingers ends with a step.
void Core::tick_tasks() {
  if (task_numbers_.all_free()) return;
  for (uint32_t number = 0; number < task_numbers_.size(); ++number) {
    switch (task_numbers_.kind_of(number)) {
      case TaskKind::kRound:
        if (rounds_[RoundId{number}].next_at <= step_.now()) drive(RoundId{number});
        break;
      case TaskKind::kRead:
        if (reads_[ReadId{number}].next_at <= step_.now()) ask_again(ReadId{number});
        break;
      default:
        break;
    }
  }
}

// Its time has come.
void Core::drive(RoundId id) {
  ClassicRound& task = rounds_[id];
  const Entry& entry = acceptor_.at(task.entry);
  ONCE_ASSERT(acceptor_.active(entry) == Active(id) && task.next_at <= step_.now());
  // Somebody else finished it. But where nobody waits, an acceptor is left with something newer
  // that it asks about: what it gets by a whole round, however long one takes. To begin it anew
  // each time would pre-empt whoever tries the same.
  const bool wanted = !task.waiters.empty() || task.batch.size != 0;
  if (entry.final() && wanted) {
    requests_.conclude(task.waiters, task.batch, entry);
    return rounds_.end(id);
  }
  const bool unwanted = task.waiters.empty() && step_.now() - task.started > 1000 * kMs;
  if (task.is_idle() || unwanted) return rounds_.end(id);
  if (task.phase == Phase::kBackOff) return rounds_.prepare(id);
  rounds_.resend(id);
}

}  // namespace once::paxos
