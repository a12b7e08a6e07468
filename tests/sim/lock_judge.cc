#include "tests/sim/lock_judge.h"

#include <fmt/format.h>

namespace once::sim {

const char* lock_event_name(LockEvent event) {
  static constexpr const char* kNames[kLockEvents] = {"taken", "taken over", "renewed", "released",
                                                      "lost"};
  return kNames[static_cast<size_t>(event)];
}

void LockJudge::check_alone(const std::string& name, size_t who) const {
  for (const auto& [other, holder] : locks_.at(name).holders) {
    if (other == who || holder.until_ns <= world_.now()) continue;
    world_.violation(
        fmt::format("locks: {} holds {}, and {} believes the same with token {} for {} us from now",
                    who, name, other, holder.token, (holder.until_ns - world_.now()) / kUs));
  }
}

void LockJudge::on_taken(const std::string& name, size_t who, uint64_t token, int64_t until_ns) {
  Lock& lock = locks_[name];
  check_alone(name, who);
  if (token <= lock.highest_token) {
    world_.violation(fmt::format("locks: {} takes {} with token {}, and {} was given before", who,
                                 name, token, lock.highest_token));
  }
  lock.highest_token = token;
  lock.holders[who] = {token, until_ns};
  count(LockEvent::kTaken);
  if (lock.left) count(LockEvent::kTakenOver);
  lock.left = true;
}

void LockJudge::on_renewed(const std::string& name, size_t who, int64_t until_ns) {
  Lock& lock = locks_[name];
  check_alone(name, who);
  Holder& holder = lock.holders[who];
  if (holder.token != lock.highest_token) {
    world_.violation(fmt::format("locks: {} renews {} under token {}, and {} was given since", who,
                                 name, holder.token, lock.highest_token));
  }
  if (holder.until_ns <= world_.now()) {
    world_.violation(fmt::format("locks: {} renews {}, which it had lost", who, name));
  }
  holder.until_ns = until_ns;
  count(LockEvent::kRenewed);
}

void LockJudge::on_released(const std::string& name, size_t who) {
  Lock& lock = locks_[name];
  if (lock.holders[who].token == lock.highest_token) lock.left = false;
  lock.holders.erase(who);
  count(LockEvent::kReleased);
}

void LockJudge::on_lost(const std::string& name, size_t who) {
  on_gone(name, who);
  count(LockEvent::kLost);
}

void LockJudge::on_gone(const std::string& name, size_t who) { locks_[name].holders.erase(who); }

}  // namespace once::sim
