// Histories of a simulated register, and ways to spoil them: what proves the checkers. Everything
// from one seed.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/check/history.h"

namespace once::check {

// A legal history of one name: each call takes effect at one point between its call and its return
// (an unknown one at any later point, or never), and is answered by what the register is then.
class SimulatedRegister {
 public:
  explicit SimulatedRegister(uint64_t seed) : prng_(seed) {}

  History run(size_t calls) {
    for (size_t i = 0; i < calls; ++i) plan(i);
    std::sort(effects_.begin(), effects_.end());
    for (const auto& [point, index] : effects_) answer(history_[index]);
    return history_;
  }

 private:
  static constexpr int64_t kSpan = 1000;  // few enough that equal times occur

  bool chance(uint64_t percent) { return prng_.below(100) < percent; }

  void plan(size_t i) {
    Call call;
    call.client = static_cast<uint32_t>(i);
    call.name = "n";
    call.call_ns = static_cast<int64_t>(prng_.below(kSpan));
    call.return_ns = call.call_ns + static_cast<int64_t>(prng_.below(kSpan / 4));
    int64_t point = call.call_ns +
                    static_cast<int64_t>(prng_.below(uint64_t(call.return_ns - call.call_ns + 1)));
    if (chance(45)) propose(call, i);
    call.outcome = Outcome::kDone;
    if (chance(20)) {
      call.outcome = Outcome::kUnknown;
      if (chance(30)) call.return_ns = kNever;
      if (chance(50)) point += static_cast<int64_t>(prng_.below(kSpan));
      if (chance(30)) point = kNever;
    } else if (chance(10)) {
      call.outcome = Outcome::kNothing;
      point = kNever;
    }
    history_.push_back(call);
    if (point != kNever) effects_.push_back({point, i});
  }

  // Now and then an earlier request again, under its id.
  void propose(Call& call, size_t i) {
    call.action = Action::kWrite;
    call.id = request_id(7, i + 1);
    call.value = fmt::format("v{}", prng_.below(4));
    if (i == 0 || !chance(25)) return;
    const Call& other = history_[prng_.below(i)];
    if (other.action != Action::kWrite) return;
    call.id = other.id;
    call.value = other.value;
  }

  void answer(Call& call) {
    if (call.action == Action::kWrite && !winner_) winner_ = {call.id, call.value};
    if (call.outcome == Outcome::kUnknown) return;
    if (!winner_) {
      call.outcome = Outcome::kEmpty;
      return;
    }
    if (call.action == Action::kWrite && winner_->first != call.id) {
      call.outcome = Outcome::kRefused;
    }
    call.version = 1;
    call.sealed = true;
    call.writer = winner_->first;
    call.result = winner_->second;
  }

  Prng prng_;
  History history_;
  std::vector<std::pair<int64_t, size_t>> effects_;
  std::optional<std::pair<RequestId, std::string>> winner_;
};

}  // namespace once::check
