// Classic rounds (both phases, round >= 1): takeover, names closed to round 0, reads to be
// finished.
#include "paxos/core.h"

namespace once::paxos {

uint32_t Core::take_task(TaskKind kind) {
  if (free_tasks_.empty()) return kNil;
  const uint32_t index = free_tasks_.back();
  free_tasks_.pop_back();
  const uint32_t generation = tasks_[index].generation + 1;
  tasks_[index] = Task{};
  tasks_[index].kind = kind;
  tasks_[index].generation = generation;
  tasks_[index].started = now_;
  return index;
}

void Core::free_task(uint32_t index) {
  Task& task = tasks_[index];
  ONCE_ASSERT(task.waiters.empty());
  arena_.free(task.block, task.block_size);
  task.block = nullptr;
  task.kind = TaskKind::kFree;
  ++task.generation;
  free_tasks_.push_back(index);
}

Task* Core::task_of(uint64_t handle) {
  const uint32_t index = index_in(handle);
  if (index >= tasks_.size() || tasks_[index].kind == TaskKind::kFree) return nullptr;
  return handle == handle_of(index) ? &tasks_[index] : nullptr;
}

// Returns kNil when no task is free. `op` may be kNil: then the name is only finished. The ballot
// is above `seen_round`.
uint32_t Core::begin_classic(uint32_t index, uint32_t op, uint32_t seen_round) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.active == 0);
  const uint32_t task = take_task(TaskKind::kClassic);
  if (task == kNil) return kNil;
  tasks_[task].entry = index;
  tasks_[task].seen_round = seen_round;
  entry.active = active_task(task);
  if (op != kNil) push(tasks_[task].waiters, op);
  if (home_of(entry.hash()) != options_.self.node) ++counters_.takeovers;
  prepare(task);
  return task;
}

// A new ballot each time: one that was sent is spent.
void Core::prepare(uint32_t index) {
  Task& task = tasks_[index];
  Entry& entry = table_.at(task.entry);
  const uint32_t step = rarely(Rare::kRoundsSkipped) ? 5 : 1;
  const uint32_t round = std::max(entry.promised.round, task.seen_round) + step;
  if (round > kMaxRound) return back_off(index);  // there is no higher ballot to be had
  task.ballot = Ballot{round, options_.self.node, incarnation_};
  task.phase = Phase::kPrepare;
  task.step = step_;
  task.votes = 0;
  task.best = Ballot{};
  task.next_at = now_ + kResendNs;
  ++counters_.classic_rounds;
  entry.promised = task.ballot;
  entry.record = append(PromiseRecord{task.ballot, entry.name()});
  list_unsettled(task.entry);
  vote_when_durable(index, entry.record);
  broadcast(entry.hash(), RestsOn{}, Prepare{handle_of(index), task.ballot, entry.name()});
}

void Core::vote_when_durable(uint32_t index, uint64_t record) {
  ONCE_ASSERT(own_votes_.empty() || own_votes_.back().record <= record);
  own_votes_.push(OwnVote{record, handle_of(index), tasks_[index].phase, tasks_[index].ballot});
}

void Core::own_vote(uint32_t index) {
  const uint16_t self = bit_of(options_.self.node);
  const Task& task = tasks_[index];
  if (task.kind == TaskKind::kRead) {
    if (task.waiters.empty()) return free_task(index);
    const uint32_t found = table_.find(ops_[task.op].hash, ops_[task.op].name());
    ONCE_ASSERT(found != Table::kNone);
    const Entry& entry = table_.at(found);
    if (entry.record > durable_) return vote_when_durable(index, record_);
    return count_read(index, self, entry.decided(), entry.accepted, entry.state());
  }
  const Entry& entry = table_.at(task.entry);
  if (task.phase == Phase::kAccept) return count_accept(index, self);
  if (entry.promised != task.ballot) return back_off(index);
  const State state = entry.accepted.is_null() ? State{} : entry.state();
  count_promise(index, self, entry.accepted, state);
}

void Core::keep_state(Task& task, const Ballot& ballot, const State& state) {
  char* block = arena_.allocate(state.value.size());
  std::copy(state.value.begin(), state.value.end(), block);
  arena_.free(task.block, task.block_size);
  task.block = block;
  task.block_size = state.value.size();
  task.best = ballot;
  task.state = state;
  task.state.value = {block, state.value.size()};
}

void Core::on(const Endpoint& from, const Promise& m) {
  Task* task = task_of(m.op);
  if (!task || task->kind != TaskKind::kClassic || task->phase != Phase::kPrepare ||
      task->ballot != m.ballot) {
    return;  // of an older ballot: never counted
  }
  // Nobody accepts above what he promised, nor nothing at all.
  if (m.accepted_ballot > m.ballot || !is_whole(m.accepted_ballot, m.accepted)) {
    ++counters_.ignored_messages;
    return;
  }
  count_promise(index_in(m.op), bit_of(from.node), m.accepted_ballot, m.accepted);
}

void Core::count_promise(uint32_t index, uint16_t bit, const Ballot& accepted, const State& state) {
  Task& task = tasks_[index];
  if (task.votes & bit) return;
  task.votes |= bit;
  if (!accepted.is_null() && (task.best.is_null() || std::pair(task.best, task.state.version) <
                                                         std::pair(accepted, state.version))) {
    keep_state(task, accepted, state);
  }
  if (is_quorum(task.votes)) propose(index);
}

void Core::propose(uint32_t index) {
  Task& task = tasks_[index];
  Entry& entry = table_.at(task.entry);
  if (entry.promised != task.ballot) return back_off(index);
  if (task.best.is_null()) {
    uint32_t writer = task.waiters.head;
    while (writer != kNil && ops_[writer].operation != Operation::kWrite)
      writer = ops_[writer].next;
    if (writer == kNil) return answer_empty(index);
    ops_[writer].may_have_happened = true;
    keep_state(task, Ballot{}, State{1, true, ops_[writer].id, ops_[writer].value()});
  }
  task.phase = Phase::kAccept;
  task.votes = 0;
  task.next_at = now_ + kResendNs;
  entry.accepted = task.ballot;
  table_.set_state(entry, task.state);
  entry.record = append(AcceptRecord{task.ballot, options_.self.core, 0, task.state, entry.name()});
  list_unsettled(task.entry);
  vote_when_durable(index, entry.record);
  broadcast(entry.hash(), RestsOn{},
            Accept{handle_of(index), task.ballot, task.state, entry.name()});
}

// A majority holds nothing, and nobody wants to write. Promises may be older than a read that
// joined since: what was empty then may be set now. Such a read needs a round of its own.
void Core::answer_empty(uint32_t index) {
  const uint64_t prepared = tasks_[index].step;
  for (uint32_t op = tasks_[index].waiters.head; op != kNil;) {
    const uint32_t next = ops_[op].next;
    if (ops_[op].step <= prepared) answer(op, Status::kEmpty, State{});
    op = next;
  }
  if (tasks_[index].waiters.empty()) return end_classic(index);
  prepare(index);
}

void Core::on(const Endpoint& from, const Accepted& m) {
  Task* task = task_of(m.op);
  if (!task || task->kind != TaskKind::kClassic || task->phase != Phase::kAccept ||
      task->ballot != m.ballot || task->state.version != m.version) {
    return;
  }
  count_accept(index_in(m.op), bit_of(from.node));
}

void Core::count_accept(uint32_t index, uint16_t bit) {
  Task& task = tasks_[index];
  task.votes |= bit;
  if (!is_quorum(task.votes)) return;
  Entry& entry = table_.at(task.entry);
  // Our own acceptor may have gone on to a higher ballot; it carries the same state then.
  if (entry.accepted == task.ballot) {
    mark_decided(entry);
    append(DecidedRecord{task.ballot, task.state.version, entry.name()});
  }
  broadcast(entry.hash(), RestsOn{}, Decided{task.ballot, task.state.version, entry.name()});
  answer_all(task.waiters, entry);
  end_classic(index);
}

void Core::on(const Endpoint& from, const Rejected& m) {
  if (m.promised.round > kMaxRound || m.promised.round > m.ballot.round + kMaxRoundJump) {
    ++counters_.ignored_messages;
    return;
  }
  if (m.ballot.round == 0) {
    if (m.ballot != Ballot{0, options_.self.node, incarnation_} || m.op >= next_sequence_) return;
    RoundZero& slot = slot_of(m.op);
    if (slot.open && slot.sequence == m.op) round_zero_lost(slot);
    advance_window();
    return;
  }
  Task* task = task_of(m.op);
  if (!task || task->kind != TaskKind::kClassic || task->ballot != m.ballot ||
      task->phase == Phase::kBackOff || (task->votes & bit_of(from.node))) {
    return;
  }
  task->seen_round = std::max(task->seen_round, m.promised.round);
  back_off(index_in(m.op));
}

// Randomised, so that duelling proposers part; and longer each time, up to many times what a round
// takes on a slow disk: in a shorter space nobody would be alone long enough.
void Core::back_off(uint32_t index) {
  Task& task = tasks_[index];
  task.phase = Phase::kBackOff;
  task.votes = 0;
  const uint64_t longest = uint64_t{2} << std::min<uint8_t>(task.attempts, kBackOffDoublings);
  if (task.attempts < 255) ++task.attempts;
  task.next_at = now_ + static_cast<int64_t>(prng_.below(longest * kMs));
}

void Core::end_classic(uint32_t index) {
  Entry& entry = table_.at(tasks_[index].entry);
  if (entry.active == active_task(index)) entry.active = 0;
  free_task(index);
}

void Core::tick_tasks() {
  if (free_tasks_.size() == tasks_.size()) return;
  for (uint32_t index = 0; index < tasks_.size(); ++index) {
    Task& task = tasks_[index];
    if (task.kind == TaskKind::kFree || task.next_at > now_) continue;
    if (task.kind == TaskKind::kRead) {
      ask(index);
      continue;
    }
    Entry& entry = table_.at(task.entry);
    if (entry.decided()) {  // somebody else finished it
      answer_all(task.waiters, entry);
      end_classic(index);
    } else if (task.waiters.empty() && now_ - task.started > 1000 * kMs) {
      end_classic(index);
    } else if (task.phase == Phase::kBackOff) {
      prepare(index);
    } else {
      task.next_at = now_ + kResendNs;
      if (task.phase == Phase::kPrepare) {
        broadcast(entry.hash(), RestsOn{}, Prepare{handle_of(index), task.ballot, entry.name()});
      } else {
        broadcast(entry.hash(), RestsOn{},
                  Accept{handle_of(index), task.ballot, task.state, entry.name()});
      }
    }
  }
}

}  // namespace once::paxos
