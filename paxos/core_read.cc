// Quorum reads (DESIGN 3.4). A majority that holds nothing: empty. A majority that holds the same
// (ballot, version): that state. Equal values at different ballots are not a decision: finish it.
// Changes that would be refused as far as this node knows, and waits, begin with one too.
#include "paxos/core.h"
#include "paxos/next_hop.h"

namespace once::paxos {

void Core::free_read(ReadId id) {
  reads_[id].give_back(acceptor_.arena());
  reads_.free(id);
}

bool Core::begin_read(OpIndex op) {
  ONCE_ASSERT(ops_[op].list == nullptr && ops_[op].block != nullptr);
  if (!room_.asks_others()) return false;
  const ReadId id = reads_.take();
  if (id == kNil) return false;
  ++counters_.quorum_reads;
  QuorumRead& task = reads_[id];
  task.op = op;
  task.started = step_.now();
  if (ops_[op].operation == Operation::kWait) watchers_.of(ops_[op].hash).asking = id;
  ops_.push(task.waiters, op);
  ask(id);
  return true;
}

// Each asking is a new handle: answers to an earlier one are never counted.
void Core::ask(ReadId id) {
  QuorumRead& task = reads_[id];
  if (task.waiters.empty()) return free_read(id);
  const bool hasty = task.attempts >= 2 || rarely(Rare::kReadFinishesOthers);
  if (hasty && !task.best.is_null()) return finish_read(id);
  ++task.attempts;
  reads_.ask_anew(id);
  ONCE_ASSERT(task.waiters.head == task.op && task.waiters.tail == task.op);
  task.votes = task.none = task.same = Votes{};
  task.newest = 0;
  task.step = step_.number();
  task.best = Ballot{};
  task.next_at = step_.now() + kResendNs;
  const Op& op = ops_[task.op];
  outbox_.broadcast(op.hash, RestsOn{}, ReadState{reads_.handle_of(id).value, op.name()});
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  if (found == Table::kNone || acceptor_.at(found).accepted().is_null()) {
    const Votes self = cluster_.vote_of(cluster_.self().node);
    return count_read(id, self, false, Ballot{}, State{});
  }
  own_reply(id);
}

// REQUIRES: this acceptor holds something of the name.
void Core::own_reply(ReadId id) {
  const QuorumRead& task = reads_[id];
  if (task.waiters.empty()) return free_read(id);
  ONCE_ASSERT(task.waiters.head == task.op);
  const EntryIndex found = acceptor_.find(ops_[task.op].hash.key, ops_[task.op].name());
  ONCE_ASSERT(found != Table::kNone);
  const Entry& entry = acceptor_.at(found);
  if (entry.record() > step_.durable()) {
    return own_votes_.push({entry.record(), reads_.handle_of(id), {}, {}});
  }
  const Votes self = cluster_.vote_of(cluster_.self().node);
  count_read(id, self, entry.decided(), entry.accepted(), entry.state());
}

// A round of one's own makes durable entries on every node: only for what some acceptor holds.
// Where nobody has reported anything it is another's turn to ask, or the question goes on.
bool Core::may_finish(ReadId id) {
  const QuorumRead& task = reads_[id];
  ONCE_ASSERT(!task.waiters.empty() && !cluster_.is_quorum(task.votes));
  const Op& op = ops_[task.op];
  if (!task.best.is_null() || op.operation == Operation::kWait) return true;
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  return next_hop(cluster_, op, found == Table::kNone ? nullptr : &acceptor_.at(found)) !=
         cluster_.self();
}

// Of those who have not answered the same once more, and their answer to either counts: each held
// what it tells since the request came. Only where they disagree it is another question.
void Core::ask_again(ReadId id) {
  QuorumRead& task = reads_[id];
  if (task.waiters.empty() || cluster_.is_quorum(task.votes)) return ask(id);
  const Op& op = ops_[task.op];
  const int64_t patience = std::min(kReadPatienceNs, (op.deadline - op.arrival) / 2);
  if (step_.now() - task.started > patience && may_finish(id)) return finish_read(id);
  task.next_at = step_.now() + kResendNs;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    if (task.votes.has(i) || cluster_.is_self(i)) continue;
    outbox_.send(cluster_.peer_core(i, op.hash), RestsOn{},
                 ReadState{reads_.handle_of(id).value, op.name()});
  }
}

void Core::on_read_reply(const Endpoint& from, const ReadReply& m) {
  const ReadId id = reads_.find(Handle{m.op});
  if (id == kNil) return;
  if (!is_whole(m.accepted_ballot, m.accepted) || (m.decided && m.accepted_ballot.is_null())) {
    return trust_.ignore(&ReplicaCounters::ignored_states);
  }
  count_read(id, cluster_.vote_of(from.node), m.decided, m.accepted_ballot, m.accepted);
}

void Core::count_read(ReadId id, Votes vote, bool decided, const Ballot& ballot,
                      const State& state) {
  QuorumRead& task = reads_[id];
  if (task.waiters.empty()) return free_read(id);  // its request has expired
  if (task.votes.has(vote)) return;
  ONCE_ASSERT(is_whole(ballot, state) && !(decided && ballot.is_null()));
  task.votes.add(vote);
  task.newest = std::max(task.newest, state.version);
  const auto best = std::pair(task.best, task.state.version);
  if (ballot.is_null()) {
    task.none.add(vote);
  } else if (task.best.is_null() || best < std::pair(ballot, state.version)) {
    task.keep(acceptor_.arena(), ballot, state);
    task.same = vote;
  } else if (best == std::pair(ballot, state.version)) {
    task.same.add(vote);
  }
  // One word is enough of what never changes again; anything else may have been overtaken.
  if (decided && state.sealed) return end_read(id, ballot, state);
  if (cluster_.is_quorum(task.same)) return end_read(id, task.best, task.state);
  if (cluster_.is_quorum(task.none)) return end_read(id, Ballot{}, State{});
  // A write is under way. Leave it a moment, ask again, then finish it ourselves.
  if (cluster_.is_quorum(task.votes) && !tell_asker(id)) {
    task.next_at =
        std::min(task.next_at, step_.now() + kMs + static_cast<int64_t>(prng_.below(kMs)));
  }
}

// `state` is decided, or nothing is; it was the newest since the request came.
// By value: the task that held them is free, and may be taken again, before they are told.
void Core::end_read(ReadId id, Ballot ballot, State state) {
  ONCE_ASSERT(ballot.is_null() == (state.version == 0));
  ONCE_ASSERT(reads_[id].step >= ops_[reads_[id].op].step);  // R1
  const OpIndex op = reads_[id].op;
  const uint64_t asked = reads_[id].step;
  const NameHash hash = ops_[op].hash;
  const EntryIndex found = acceptor_.find(hash.key, ops_[op].name());
  ops_.unlink(op);
  free_read(id);
  if (ops_[op].operation == Operation::kWait) {
    tell_waiters(hash, ops_[op].name(), asked, state.version, ballot.is_null() ? nullptr : &state);
  }
  const bool held = found != Table::kNone && !ballot.is_null() &&
                    acceptor_.at(found).accepted() == ballot &&
                    acceptor_.at(found).version() == state.version;
  // Chosen under `ballot`, or below it (L1): whoever proposes needs to know which (Q1).
  if (held && acceptor_.at(found).is_idle()) learn_decided(found, InLog::kNo);
  if (const auto status = judge(state, ops_[op].change()))
    return requests_.give(op, *status, state);
  wait_on(acceptor_.find_or_insert(hash, ops_[op].name()), op);
}

// Something is under way that a majority does not agree on yet: through the home, or by a round of
// one's own.
void Core::finish_read(ReadId id) {
  const OpIndex op_index = reads_[id].op;
  Op& op = ops_[op_index];
  const bool majority_told = cluster_.is_quorum(reads_[id].votes);
  const uint64_t asked = reads_[id].step;
  const uint64_t newest = reads_[id].newest;
  const bool nothing = reads_[id].best.is_null();
  ops_.unlink(op_index);
  free_read(id);
  if (op.operation == Operation::kWait && majority_told) {
    tell_waiters(op.hash, op.name(), asked, newest, nullptr);
  }
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  const Endpoint to =
      next_hop(cluster_, op, found == Table::kNone ? nullptr : &acceptor_.at(found));
  const bool works = to != cluster_.self();  // whoever is to finish it
  const bool early = op.polls <= kPatientPolls && op.deadline - step_.now() > kHastyNs;
  const bool patient = (works && early) || nothing || !cluster_.majority_up(op.hash);
  if (op.operation == Operation::kWait && patient) return requests_.watch(op_index);
  const bool change = changes(op.operation);
  if (works && !change && op.operation != Operation::kWait) return forwarding_.send(op_index, to);
  wait_on(acceptor_.find_or_insert(op.hash, op.name()), op_index);
}

}  // namespace once::paxos
