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

constexpr int64_t kFirstPollNs = 250 * kMs;
constexpr uint8_t kPollDoublings = 5;  // to 8 s

namespace {

// What `state`, which is decided, says to a waiter; kNotYet: nothing, or nothing that is known to
// be as new as its call.
Status news_for(const Op& op, const State& state) {
  ONCE_ASSERT(op.operation == Operation::kWait);
  const bool new_enough = state.sealed || state.version >= op.floor;
  return new_enough ? *judge(state, op.change()) : Status::kNotYet;
}

}  // namespace

// REQUIRES: the request is kept and in no list.
void Core::watch(OpIndex index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.operation == Operation::kWait && op.block != nullptr);
  ops_.unlink(index);
  // What was decided while it asked has woken nobody.
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  if (found != Table::kNone && acceptor_.at(found).decided()) {
    const State state = acceptor_.at(found).state();
    const Status status = news_for(op, state);
    if (status != Status::kNotYet) return answer(index, status, state);
  }
  set_next_poll(op);
  watchers_.add(index);
}

void Core::set_next_poll(Op& op) {
  ONCE_ASSERT(op.operation == Operation::kWait);
  const int64_t pause = kFirstPollNs << std::min(op.polls, kPollDoublings);
  op.poll_at =
      step_.now() + pause / 2 + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(pause / 2)));
}

// The next in a list that is walked while news may answer some of it: the rest waits for the next
// tick then.
Later Core::later(OpIndex op) const { return {op, op == kNil ? 0 : ops_[op].generation}; }

bool Core::is_gone(const Later& next) const {
  return next.op != kNil && ops_[next.op].generation != next.generation;
}

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
  if (is_asked_for(op.hash, op.name())) return watch(index);
  if (op.polls < 255) ++op.polls;
  if (!begin_read(index)) watch(index);
}

// A majority was asked in step `asked` for the waiters of this name: it holds nothing above version
// `floor`. `chosen`, if there is one, is decided and was the newest since.
void Core::tell_waiters(NameHash hash, std::string_view name, uint64_t asked, uint64_t floor,
                        const State* chosen) {
  ONCE_ASSERT(asked <= step_.number());
  OpIndex late;  // the first who came after the question
  for (OpIndex index = watchers_.of(hash).waiting.head; index != kNil;) {
    Op& op = ops_[index];
    const OpIndex next = op.next;
    if (op.hash == hash && op.name() == name) {
      if (op.step <= asked) {
        op.floor = std::min(op.floor, floor);
        const Status status = chosen ? news_for(op, *chosen) : Status::kNotYet;
        if (status != Status::kNotYet) {
          watchers_.remove(index);
          answer(index, status, *chosen);
        } else {
          if (op.polls < 255) ++op.polls;
          set_next_poll(op);
        }
      } else if (op.floor == kNoFloor && late == kNil) {
        late = index;
      }
    }
    index = next;
  }
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
  const Status status = news_for(op, state);
  if (status == Status::kNotYet) return false;
  const uint64_t asked = task.step;
  const uint64_t newest = task.newest;
  ops_.unlink(op_index);
  free_read(id);
  tell_waiters(op.hash, op.name(), asked, newest, &state);
  answer(op_index, status, state);
  return true;
}

// Its state is decided: those who wait for it, or for what will never come, are told. Who does not
// know yet whether it is as new as his call has it asked now.
void Core::wake(const Entry& entry) {
  ONCE_ASSERT(entry.decided());
  const NameHash hash = acceptor_.hash_of(entry);
  const State state = entry.state();
  if (is_asked_for(hash, entry.name())) {  // whoever asks can be told too
    const ReadId asking = watchers_.of(hash).asking;
    const OpIndex op = reads_[asking].op;
    const Status status = news_for(ops_[op], state);
    if (status != Status::kNotYet) {
      ops_.unlink(op);
      free_read(asking);
      answer(op, status, state);
    }
  }
  Watchers& watchers = watchers_.of(hash);
  if (!state.sealed && state.version <= watchers.least) return;  // says nothing to any of them
  watchers.least = UINT64_MAX;
  OpIndex unsure;
  for (OpIndex index = watchers.waiting.head; index != kNil;) {
    const Op& op = ops_[index];
    const OpIndex next = op.next;
    if (op.hash == hash && op.name() == entry.name()) {
      const Status status = news_for(op, state);
      if (status != Status::kNotYet) {
        watchers_.remove(index);
        answer(index, status, state);
        index = next;
        continue;
      }
      if (op.floor == kNoFloor && unsure == kNil) unsure = index;
    }
    watchers.least = std::min(watchers.least, op.version);
    index = next;
  }
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

// Waits are never forwarded: each is of a client of this node.
void Core::forget_waits(const std::vector<uint64_t>& tokens) {
  ONCE_ASSERT(std::is_sorted(tokens.begin(), tokens.end()));
  for (OpIndex op = ops_.by_age(Operation::kWait).oldest; op != kNil; op = ops_[op].newer) {
    if (std::binary_search(tokens.begin(), tokens.end(), ops_[op].token)) ops_[op].deadline = 0;
  }
}

void Core::tick_waits() {
  for (OpIndex index = ops_.by_age(Operation::kWait).oldest; index != kNil;) {
    const Op& op = ops_[index];
    const Later newer = later(op.newer);
    const bool watching = watchers_.has(op);
    ONCE_ASSERT(op.operation == Operation::kWait);
    if (op.deadline <= step_.now()) {
      if (watching) watchers_.remove(index);
      answer(index, Status::kNotYet, State{});
    } else if (watching && op.poll_at <= step_.now() && has_spare_tasks() &&
               !is_asked_for(op.hash, op.name())) {
      poll(index);
    }
    if (is_gone(newer)) return;
    index = newer.op;
  }
}

}  // namespace once::paxos
