// A second opinion: the general search for a linearization (Wing and Gong, with Lowe's memory of
// the configurations that failed), over any sequential model. For short histories: exponential at
// worst, 64 calls at most. Shares no rule with the exact checks, only the meaning of an answer.
//
// A Model has:
//   using State            ordered (<), default-constructed = before any call
//   static std::optional<State> step(const State&, const Call&)
//                          the state after the call, or nothing if this answer cannot be given here
//   static bool is_pure(const Call&)      never changes a state, whatever the state is
//   static bool is_relevant(const Call&)  false: the call took no effect and tells nothing
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "tests/check/checks.h"
#include "tests/check/history.h"

namespace once::check {

inline constexpr size_t kMaxLinearizerCalls = 64;

template <class Model>
class Linearizer {
 public:
  // REQUIRES: at most kMaxLinearizerCalls relevant calls, all of one name.
  explicit Linearizer(const NameCalls& name) {
    for (const Call* call : name.calls) {
      if (Model::is_relevant(*call)) calls_.push_back(call);
    }
    ONCE_ASSERT(calls_.size() <= kMaxLinearizerCalls);
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (!is_optional(*calls_[i])) must_ |= bit(i);
    }
  }

  bool run() { return search(0, State{}); }
  size_t visited() const { return failed_.size(); }  // configurations

 private:
  using State = typename Model::State;
  static uint64_t bit(size_t i) { return uint64_t{1} << i; }

  // It may have happened at any time after its call, or never.
  static bool is_optional(const Call& call) { return call.outcome == Outcome::kUnknown; }

  bool search(uint64_t done, const State& state) {
    if ((done & must_) == must_) return true;
    if (!failed_.insert({done, state}).second) return false;
    const int64_t horizon = earliest_return(done);
    // A pure call that fits here can only get in the way later: taking it first loses nothing.
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (may_come_next(i, done, horizon) && Model::is_pure(*calls_[i]) &&
          Model::step(state, *calls_[i])) {
        return search(done | bit(i), state);
      }
    }
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (!may_come_next(i, done, horizon)) continue;
      const std::optional<State> next = Model::step(state, *calls_[i]);
      if (!next) continue;
      // What need not have happened, and would change nothing here, is as good as left out.
      if (is_optional(*calls_[i]) && *next == state) continue;
      if (search(done | bit(i), *next)) return true;
    }
    return false;
  }

  bool may_come_next(size_t i, uint64_t done, int64_t horizon) const {
    return !(done & bit(i)) && calls_[i]->call_ns <= horizon;
  }

  int64_t earliest_return(uint64_t done) const {
    int64_t earliest = kNever;
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (!(done & bit(i)) && (must_ & bit(i))) {
        earliest = std::min(earliest, calls_[i]->return_ns);
      }
    }
    return earliest;
  }

  std::vector<const Call*> calls_;
  uint64_t must_ = 0;
  std::set<std::pair<uint64_t, State>> failed_;  // entered before: nothing was found behind it
};

// True when some order of the calls, within their times, explains every answer.
template <class Model>
bool is_linearizable(const NameCalls& name) {
  return Linearizer<Model>(name).run();
}

}  // namespace once::check
