// Waits (DESIGN 2, 3.4): a waiter holds no thread and no quorum. A majority is asked once, by one
// question for all waiters of a name; what this node then learns to be decided is news that they
// may be told. In case that news is lost, the question is asked again now and then, ever more
// rarely.
//
// What this node holds may be older than the call: it may have been paused or cut off. The highest
// version that a majority reports after the call came is its *floor*. Whatever was chosen before
// the call is held by one of that majority, or something built on it, so nothing below the floor is
// told, and what is decided at or above the floor was the newest at a moment since the call.
#include "paxos/core.h"

namespace once::paxos {

// Whether a question for waiters of this name is under way.
bool Core::is_asked_for(NameHash hash, std::string_view name) {
  const ReadId asking = watchers_.of(hash).asking;
  if (!reads_.holds(asking)) return false;
  const QuorumRead& task = reads_[asking];
  if (task.waiters.empty()) return false;
  const Op& op = ops_[task.op];
  ONCE_ASSERT(op.list == &task.waiters);
  return op.operation == Operation::kWait && op.hash == hash && op.name() == name;
}

// Asks for this waiter, and so for all of its name that came before. If somebody is asking already,
// it is asked for when that question ends.
void Core::poll(OpIndex index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.operation == Operation::kWait);
  if (op.list != nullptr) watchers_.remove(index);
  if (is_asked_for(op.hash, op.name())) return requests_.watch(index);
  if (op.polls < 255) ++op.polls;
  if (!begin_read(index)) requests_.watch(index);
}

// What a majority holds of the name, asked in step `asked`: Requests::tell_waiters().
void Core::tell_waiters(NameHash hash, std::string_view name, uint64_t asked, uint64_t floor,
                        const State* chosen) {
  const OpIndex late = requests_.tell_waiters(hash, name, asked, floor, chosen);
  if (late != kNil && has_spare_tasks()) poll(late);
}

// A majority does not agree, but it holds nothing newer than what is decided here: enough for a
// waiter. REQUIRES: a majority has answered.
bool Core::tell_asker(ReadId id) {
  const QuorumRead& task = reads_[id];
  ONCE_ASSERT(cluster_.is_quorum(task.votes));
  const OpIndex op_index = task.op;
  Op& op = ops_[op_index];
  if (op.operation != Operation::kWait) return false;
  op.floor = std::min(op.floor, task.newest);
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  if (found == Table::kNone || !acceptor_.at(found).decided()) return false;
  const State state = acceptor_.at(found).state();
  const Status status = Requests::news_for(op, state);
  if (status == Status::kNotYet) return false;
  const uint64_t asked = task.step;
  const uint64_t newest = task.newest;
  ops_.unlink(op_index);
  free_read(id);
  tell_waiters(op.hash, op.name(), asked, newest, &state);
  requests_.answer(op_index, status, state);
  return true;
}

// Its state is decided: those who wait are told. Who does not know yet whether it is as new as his
// call has it asked now.
void Core::wake(const Entry& entry) {
  ONCE_ASSERT(entry.decided());
  const NameHash hash = acceptor_.hash_of(entry);
  const State state = entry.state();
  if (is_asked_for(hash, entry.name())) {  // whoever asks can be told too
    const ReadId asking = watchers_.of(hash).asking;
    const OpIndex op = reads_[asking].op;
    const Status status = Requests::news_for(ops_[op], state);
    if (status != Status::kNotYet) {
      ops_.unlink(op);
      free_read(asking);
      requests_.answer(op, status, state);
    }
  }
  const OpIndex unsure = requests_.tell_news(hash, entry.name(), state);
  if (unsure != kNil && has_spare_tasks()) poll(unsure);
}

// `version` was decided, and this acceptor does not hold it, or no more: news of a busy name may
// always be late. Whether it is sealed is not known: who waits for a later version hears of that
// with his next question.
void Core::ask_for_waiters(NameHash hash, std::string_view name, uint64_t version) {
  ONCE_ASSERT(version != 0);
  if (watchers_.empty() || version <= watchers_.of(hash).least) return;
  if (is_asked_for(hash, name) || !has_spare_tasks()) return;
  for (OpIndex index = watchers_.of(hash).waiting.head; index != kNil; index = ops_[index].next) {
    if (ops_[index].hash == hash && ops_[index].name() == name) return poll(index);
  }
}

void Core::tick_waits() {
  for (OpIndex index = ops_.by_age(Operation::kWait).oldest; index != kNil;) {
    const Op& op = ops_[index];
    const Later newer = ops_.later(op.newer);
    const bool watching = watchers_.has(op);
    ONCE_ASSERT(op.operation == Operation::kWait);
    if (op.deadline <= step_.now()) {
      if (watching) watchers_.remove(index);
      requests_.answer(index, Status::kNotYet, State{});
    } else if (watching && op.poll_at <= step_.now() && has_spare_tasks() &&
               !is_asked_for(op.hash, op.name())) {
      poll(index);
    }
    if (ops_.is_gone(newer)) return;
    index = newer.op;
  }
}

}  // namespace once::paxos
