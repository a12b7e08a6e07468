// What clients saw: one Call for each operation, with the times of its call and return on one
// clock. Every harness (simulator, torture) records one, every checker reads one. Owns its bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/types.h"

namespace once::check {

enum class Action : uint8_t { kWrite, kRead, kSet, kCas, kSeal, kNext, kCheck, kWait };
inline constexpr size_t kActions = 8;

enum class Outcome : uint8_t {
  kDone,        // a change: this request made the version that is shown; else the state follows
  kAlreadySet,  // write refused; as in all refusals, the state follows
  kConflict,    // cas, seal: another version stands there; check: the token is not the newest
  kSealed,      // set, cas, seal, next: refused for ever; wait: no higher version will come
  kIdReused,    // the request's id has made the state that is shown, with another payload
  kEmpty,       // read: nothing was ever written
  kUnknown,     // it may have happened, or may still happen, at any time after the call
  kNothing,     // it certainly did not happen and never will; says nothing of the register
};
inline constexpr size_t kOutcomes = 8;

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Which may make a new version.
constexpr bool changes(Action action) {
  return action != Action::kRead && action != Action::kCheck && action != Action::kWait;
}
// Which propose a value.
constexpr bool takes_value(Action action) {
  return action == Action::kWrite || action == Action::kSet || action == Action::kCas;
}
// Which come with a version.
constexpr bool takes_version(Action action) {
  return action == Action::kCas || action == Action::kSeal || action == Action::kCheck ||
         action == Action::kWait;
}
// Which would happen twice if they were asked again after they may have happened.
constexpr bool happens_each_time(Action action) {
  return action == Action::kSet || action == Action::kNext;
}
constexpr bool is_refusal(Outcome outcome) {
  return outcome >= Outcome::kAlreadySet && outcome <= Outcome::kIdReused;
}
constexpr bool shows_state(Outcome outcome) {
  return outcome == Outcome::kDone || is_refusal(outcome);
}
// A next or a seal that is done does not know the value that it kept.
constexpr bool shows_value(Action action, Outcome outcome) {
  const bool kept = action == Action::kNext || action == Action::kSeal;
  return is_refusal(outcome) || (outcome == Outcome::kDone && !kept);
}

struct Call {
  uint32_t client = 0;  // who called, for the reader of a violation
  std::string name;
  Action action = Action::kRead;
  RequestId id;         // of a change; the same over its retries
  uint64_t asked = 0;   // cas, seal: the version expected; check: the token; wait: the last known
  std::string value;    // write, set, cas: what it proposes
  int64_t call_ns = 0;  // when it was first submitted
  int64_t return_ns = kNever;
  Outcome outcome = Outcome::kUnknown;
  // As the answer said, if it shows a state. Version 0 is the empty register.
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;
  std::string result;  // if it shows a value
};

inline bool shows_state(const Call& call) { return shows_state(call.outcome); }
inline bool shows_value(const Call& call) { return shows_value(call.action, call.outcome); }

using History = std::vector<Call>;

}  // namespace once::check
