// The register of DESIGN 2 as a sequential model: what a call makes of a state, and is told. Shared
// by the search for a linearization and by the maker of legal histories, not by the exact checks.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/check/history.h"
#include "tests/check/linearizer.h"

namespace once::check {

struct RegisterState {
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;
  std::string value;
  friend auto operator<=>(const RegisterState&, const RegisterState&) = default;
};

struct RegisterModel {
  using State = RegisterState;

  // What the call is told by `state`; nothing: the change happens.
  static std::optional<Outcome> told(const State& state, const Call& call) {
    switch (call.action) {
      case Action::kRead:
        return state.version == 0 ? Outcome::kEmpty : Outcome::kDone;
      case Action::kCheck:
        return state.version == call.asked ? Outcome::kDone : Outcome::kConflict;
      case Action::kWait:
        if (state.version > call.asked) return Outcome::kDone;
        return state.sealed ? Outcome::kSealed : Outcome::kNothing;
      default:
        return told_change(state, call);
    }
  }

  static State made(const State& state, const Call& call) {
    State next = state;
    ++next.version;
    next.sealed = call.action == Action::kWrite || call.action == Action::kSeal;
    next.writer = call.id;
    if (takes_value(call.action)) next.value = call.value;
    return next;
  }

  static std::optional<State> step(const State& state, const Call& call) {
    const std::optional<Outcome> answer = told(state, call);
    const State next = answer ? state : made(state, call);
    if (call.outcome == Outcome::kUnknown) return next;
    if (call.outcome != answer.value_or(Outcome::kDone)) return std::nullopt;
    if (call.outcome == Outcome::kEmpty) return next;
    const bool shown = call.version == next.version && call.sealed == next.sealed &&
                       call.writer == next.writer &&
                       (!shows_value(call) || call.result == next.value);
    return shown ? std::optional(next) : std::nullopt;
  }

  static bool is_pure(const Call& call) {
    return !changes(call.action) || is_refusal(call.outcome);
  }
  static bool is_relevant(const Call& call) {
    return call.outcome != Outcome::kNothing &&
           (changes(call.action) || call.outcome != Outcome::kUnknown);
  }

 private:
  static std::optional<Outcome> told_change(const State& state, const Call& call) {
    if (state.version != 0 && state.writer == call.id) {
      return as_asked(state, call) ? Outcome::kDone : Outcome::kIdReused;
    }
    if (call.action == Action::kWrite) {
      return state.version == 0 ? std::nullopt : std::optional(Outcome::kAlreadySet);
    }
    if (state.sealed) return Outcome::kSealed;
    if (takes_version(call.action) && state.version != call.asked) return Outcome::kConflict;
    return std::nullopt;
  }

  static bool as_asked(const State& state, const Call& call) {
    const bool seals = call.action == Action::kWrite || call.action == Action::kSeal;
    if (seals != state.sealed) return false;
    if (takes_value(call.action) && state.value != call.value) return false;
    if (call.action == Action::kWrite) return state.version == 1;
    return !takes_version(call.action) || state.version == call.asked + 1;
  }
};

// Some order of the calls, within their times, explains every answer. REQUIRES: few calls.
inline bool is_linearizable_register(const NameCalls& name) {
  std::vector<Call> calls;
  for (const Call* call : name.calls) calls.push_back(*call);
  // Who made a version is told so whenever he asks again: as if at the time of the first call
  // that may have made it.
  for (Call& call : calls) {
    if (!changes(call.action) || !shows_state(call) || call.writer != call.id) continue;
    for (const Call& other : calls) {
      const bool possible = other.outcome == Outcome::kDone || other.outcome == Outcome::kUnknown;
      if (changes(other.action) && other.id == call.id && possible) {
        call.call_ns = std::min(call.call_ns, other.call_ns);
      }
    }
  }
  NameCalls moved{name.name, {}};
  for (const Call& call : calls) moved.calls.push_back(&call);
  return is_linearizable<RegisterModel>(moved);
}

}  // namespace once::check
