#include "tests/check/register_rules.h"

namespace once::check {
namespace {

// What a change makes, as far as it does not depend on the version before.
bool is_as_asked(const Call& change, uint64_t version, bool sealed, const std::string* value) {
  if (version == 0) return false;
  if (value && takes_value(change.action) && *value != change.value) return false;
  switch (change.action) {
    case Action::kWrite:
      return version == 1 && sealed;
    case Action::kSet:
    case Action::kNext:
      return !sealed;
    case Action::kCas:
      return !sealed && version - 1 == change.asked;
    case Action::kSeal:
      return sealed && version - 1 == change.asked;
    default:
      return false;
  }
}

std::string impossible_change(const Call& call) {
  const std::string* value = shows_value(call) ? &call.result : nullptr;
  const bool as_asked = is_as_asked(call, call.version, call.sealed, value);
  const bool own = call.writer == call.id && call.version != 0;
  if (call.outcome == Outcome::kDone) {
    if (!own) return "it is done, yet the writer is another request";
    return as_asked ? "" : "it is done, yet the state is not what it asked for";
  }
  if (call.outcome == Outcome::kIdReused) {
    if (!own) return "its id is called used, yet the writer is another request";
    return as_asked ? "its id is called used, yet the state is what it asked for" : "";
  }
  if (own) return "it was refused in favour of itself";
  switch (call.outcome) {
    case Outcome::kAlreadySet:
      if (call.action != Action::kWrite) return "only a write is told that the name is set";
      return call.version == 0 ? "a write was refused by an empty register" : "";
    case Outcome::kSealed:
      if (call.action == Action::kWrite) return "a write is told who won, not that it is sealed";
      return call.sealed ? "" : "it is told of a seal, and the state is not sealed";
    case Outcome::kConflict:
      if (!takes_version(call.action)) return "it expects no version, yet was told of a conflict";
      if (call.sealed) return "it was told of a conflict, though the state is sealed";
      return call.version == call.asked ? "a conflict with the version that it expects" : "";
    default:
      return "only a read is answered with empty";
  }
}

std::string impossible_check(const Call& call) {
  if (call.outcome == Outcome::kDone) {
    return call.version == call.asked ? "" : "a token is called the newest, and is not what stands";
  }
  if (call.outcome != Outcome::kConflict) return "a check is never answered so";
  return call.version == call.asked ? "a token is called old, and is what stands" : "";
}

std::string impossible_wait(const Call& call) {
  if (call.outcome == Outcome::kDone) {
    return call.version > call.asked ? "" : "a wait ended with a version that is not higher";
  }
  if (call.outcome != Outcome::kSealed) return "a wait is never answered so";
  if (!call.sealed) return "it is told of a seal, and the state is not sealed";
  return call.version <= call.asked ? ""
                                    : "a wait is told that no higher version comes: it is there";
}

}  // namespace

std::string impossible_answer(const Call& call) {
  if (call.outcome == Outcome::kUnknown || call.outcome == Outcome::kNothing) return {};
  if (shows_state(call) && call.version == 0 &&
      (call.sealed || call.writer != RequestId{} || !call.result.empty())) {
    return "an empty register has no seal, writer or value";
  }
  if (changes(call.action)) return impossible_change(call);
  if (call.action == Action::kCheck) return impossible_check(call);
  if (call.action == Action::kWait) return impossible_wait(call);
  if (call.outcome == Outcome::kEmpty) return {};
  if (call.outcome != Outcome::kDone) return "a read is never refused";
  return call.version == 0 ? "a read shows an empty register as a state" : "";
}

bool can_make(const Call& maker, const Version& version) {
  const std::string* value = version.valued ? &version.valued->result : nullptr;
  return is_as_asked(maker, version.number, version.shown->sealed, value);
}

}  // namespace once::check
