// Waits (DESIGN 2): a waiter holds no thread and no quorum. It asks a majority once, and is
// answered by any decision of a newer version that this node learns of later. In case that news is
// lost, it asks again now and then, ever more rarely.
#include "paxos/core.h"

namespace once::paxos {

constexpr int64_t kFirstPollNs = 250 * kMs;
constexpr uint8_t kPollDoublings = 5;  // to 8 s

WaitList& Core::watchers_of(uint64_t hash) { return watchers_[hash & (watchers_.size() - 1)]; }

// REQUIRES: the request is kept and in no list.
void Core::watch(uint32_t index) {
  Op& op = ops_[index];
  ops_.unlink(index);
  // What was decided while it asked has woken nobody.
  const uint32_t found = table_.find(op.hash, op.name());
  if (found != Table::kNone && table_.at(found).decided()) {
    const Status status = *judge(table_.at(found).state(), op.change());
    if (status != Status::kNotYet) return answer(index, status, table_.at(found).state());
  }
  const int64_t pause = kFirstPollNs << std::min(op.polls, kPollDoublings);
  op.poll_at =
      now_ + pause / 2 + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(pause / 2)));
  ops_.push(watchers_of(op.hash), index);
  ++watching_;
}

// The next in a list that is walked while news may answer some of it: the rest waits for the next
// tick then.
Later Core::later(uint32_t op) const { return {op, op == kNil ? 0 : ops_[op].generation}; }

bool Core::is_gone(const Later& next) const {
  return next.op != kNil && ops_[next.op].generation != next.generation;
}

void Core::poll(uint32_t index) {
  Op& op = ops_[index];
  if (op.list != nullptr) stop_watching(index);
  if (op.polls < 255) ++op.polls;
  if (!begin_read(index)) watch(index);
}

void Core::stop_watching(uint32_t index) {
  ops_.unlink(index);
  --watching_;
}

// Its state is decided: those who wait for it, or for what will never come, are told.
void Core::wake(const Entry& entry) {
  const uint64_t hash = entry.hash();
  for (uint32_t index = watchers_of(hash).head; index != kNil;) {
    const Op& op = ops_[index];
    const uint32_t next = op.next;
    if (op.hash == hash && op.name() == entry.name()) {
      const Status status = *judge(entry.state(), op.change());
      if (status != Status::kNotYet) {
        stop_watching(index);
        answer(index, status, entry.state());
      }
    }
    index = next;
  }
}

// Something was decided that this acceptor does not hold, or holds no more: of a busy name the news
// may always be late.
void Core::ask_for_waiters(uint64_t hash, std::string_view name) {
  if (watching_ == 0 || watchers_.empty()) return;
  for (uint32_t index = watchers_of(hash).head; index != kNil;) {
    const Op& op = ops_[index];
    const Later next = later(op.next);
    if (op.hash == hash && op.name() == name && has_spare_tasks()) poll(index);
    if (is_gone(next)) return;
    index = next.op;
  }
}

// Waits are never forwarded: each is of a client of this node.
void Core::forget_waits(const std::vector<uint64_t>& tokens) {
  for (uint32_t op = ops_.by_age(Operation::kWait).oldest; op != kNil; op = ops_[op].newer) {
    if (std::binary_search(tokens.begin(), tokens.end(), ops_[op].token)) ops_[op].deadline = 0;
  }
}

void Core::tick_waits() {
  for (uint32_t index = ops_.by_age(Operation::kWait).oldest; index != kNil;) {
    const Op& op = ops_[index];
    const Later newer = later(op.newer);
    const bool watching = op.list == &watchers_of(op.hash);
    if (op.deadline <= now_) {
      if (watching) stop_watching(index);
      answer(index, Status::kNotYet, State{});
    } else if (watching && op.poll_at <= now_ && has_spare_tasks()) {
      poll(index);
    }
    if (is_gone(newer)) return;
    index = newer.op;
  }
}

}  // namespace once::paxos
