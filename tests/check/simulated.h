// Histories of a simulated register, and ways to spoil them: what proves the checkers. Everything
// from one seed.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/check/history.h"
#include "tests/check/register_model.h"

namespace once::check {

// A legal history of one name: each call takes effect at one point between its call and its return
// (an unknown one at any later point, or never), and is answered by what the register is then.
enum class Kind : uint8_t { kAny, kWriteOnce, kOpen };

class SimulatedRegister {
 public:
  explicit SimulatedRegister(uint64_t seed, Kind kind = Kind::kAny) : prng_(seed) {
    write_once_ = prng_.below(2) == 0;
    if (kind != Kind::kAny) write_once_ = kind == Kind::kWriteOnce;
  }

  History run(size_t calls) {
    for (size_t i = 0; i < calls; ++i) plan(i);
    std::sort(effects_.begin(), effects_.end());
    for (const Effect& effect : effects_) take(history_[effect.index]);
    return history_;
  }

 private:
  static constexpr int64_t kSpan = 1000;  // few enough that equal times occur
  struct Effect {
    int64_t point;
    size_t index;
    auto operator<=>(const Effect&) const = default;
  };

  bool chance(uint64_t percent) { return prng_.below(100) < percent; }
  int64_t time_below(int64_t bound) {
    return static_cast<int64_t>(prng_.below(static_cast<uint64_t>(bound)));
  }

  void plan(size_t i) {
    Call call;
    call.client = static_cast<uint32_t>(i);
    call.name = "n";
    call.call_ns = time_below(kSpan);
    call.return_ns = call.call_ns + time_below(kSpan / 4);
    int64_t point = call.call_ns + time_below(call.return_ns - call.call_ns + 1);
    ask(call, i);
    call.outcome = Outcome::kDone;
    if (chance(20)) {
      call.outcome = Outcome::kUnknown;
      if (chance(30)) call.return_ns = kNever;
      if (chance(50)) point += time_below(kSpan);
      if (chance(30)) point = kNever;
    } else if (chance(10)) {
      call.outcome = Outcome::kNothing;
      point = kNever;
    }
    history_.push_back(call);
    if (point != kNever) effects_.push_back({point, i});
  }

  void ask(Call& call, size_t i) {
    static constexpr Action kOften[] = {Action::kRead,  Action::kRead, Action::kSet,
                                        Action::kCas,   Action::kCas,  Action::kNext,
                                        Action::kCheck, Action::kWait};
    call.action = kOften[prng_.below(std::size(kOften))];
    if (write_once_) call.action = chance(45) ? Action::kWrite : Action::kRead;
    if (!write_once_ && chance(8)) call.action = chance(50) ? Action::kSeal : Action::kWrite;
    if (takes_version(call.action)) call.asked = prng_.below(6);
    if (!changes(call.action)) return;
    call.id = request_id(7, i + 1);
    if (takes_value(call.action)) call.value = fmt::format("v{}", prng_.below(4));
    if (i == 0 || !chance(25)) return;
    // Now and then an earlier request again, under its id; what would happen twice never.
    const Call& other = history_[prng_.below(i)];
    if (!changes(other.action) || happens_each_time(other.action)) return;
    call.action = other.action;
    call.id = other.id;
    call.asked = other.asked;
    call.value = other.value;
  }

  void take(Call& call) {
    const std::optional<Outcome> told = RegisterModel::told(states_.back(), call);
    if (!told) states_.push_back(RegisterModel::made(states_.back(), call));
    if (call.outcome == Outcome::kUnknown) return;
    call.outcome = told.value_or(Outcome::kDone);
    if (call.outcome == Outcome::kEmpty || call.outcome == Outcome::kNothing) return;
    const RegisterState& shown = states_.back();
    call.version = shown.version;
    call.sealed = shown.sealed;
    call.writer = shown.writer;
    if (shows_value(call)) call.result = shown.value;
  }

  Prng prng_;
  bool write_once_ = false;
  History history_;
  std::vector<Effect> effects_;
  std::vector<RegisterState> states_{1};  // by version
};

}  // namespace once::check
