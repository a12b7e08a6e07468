// Waits that nobody is asking for: when they are asked for next, and what news says to them
// (core_wait.cc: the floor).
#include <algorithm>

#include "base/assert.h"
#include "paxos/requests.h"

namespace once::paxos {

constexpr int64_t kFirstPollNs = 250 * kMs;
constexpr uint8_t kPollDoublings = 5;  // to 8 s

// What `state`, which is decided, says to a waiter; kNotYet: nothing, or nothing that is known to
// be as new as its call.
Status Requests::news_for(const Op& op, const State& state) {
  ONCE_ASSERT(op.operation == Operation::kWait);
  const bool new_enough = state.sealed || state.version >= op.floor;
  return new_enough ? *judge(state, op.change()) : Status::kNotYet;
}

// REQUIRES: the request is kept and in no list.
void Requests::watch(OpIndex index) {
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

void Requests::set_next_poll(Op& op) {
  ONCE_ASSERT(op.operation == Operation::kWait);
  const int64_t pause = kFirstPollNs << std::min(op.polls, kPollDoublings);
  op.poll_at =
      step_.now() + pause / 2 + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(pause / 2)));
}

// A majority was asked in step `asked` for the waiters of this name: it holds nothing above version
// `floor`. `chosen`, if there is one, is decided and was the newest since. Returns the first who
// came after the question: the next one is for him.
OpIndex Requests::tell_waiters(NameHash hash, std::string_view name, uint64_t asked, uint64_t floor,
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
  return late;
}

// What this node holds is `decided`: those who wait for it, or for what will never come, are told.
// Returns the first who does not know yet whether it is as new as his call.
OpIndex Requests::tell_news(NameHash hash, std::string_view name, const State& decided) {
  Watchers& watchers = watchers_.of(hash);
  OpIndex unsure;
  if (!decided.sealed && decided.version <= watchers.least) return unsure;  // no news to any
  watchers.least = UINT64_MAX;
  for (OpIndex index = watchers.waiting.head; index != kNil;) {
    const Op& op = ops_[index];
    const OpIndex next = op.next;
    if (op.hash == hash && op.name() == name) {
      const Status status = news_for(op, decided);
      if (status != Status::kNotYet) {
        watchers_.remove(index);
        answer(index, status, decided);
        index = next;
        continue;
      }
      if (op.floor == kNoFloor && unsure == kNil) unsure = index;
    }
    watchers.least = std::min(watchers.least, op.version);
    index = next;
  }
  return unsure;
}

// Waits are never forwarded: each is of a client of this node.
void Requests::forget_waits(const std::vector<uint64_t>& tokens) {
  ONCE_ASSERT(std::is_sorted(tokens.begin(), tokens.end()));
  for (OpIndex op = ops_.by_age(Operation::kWait).oldest; op != kNil; op = ops_[op].newer) {
    if (std::binary_search(tokens.begin(), tokens.end(), ops_[op].token)) ops_[op].deadline = 0;
  }
}

}  // namespace once::paxos
