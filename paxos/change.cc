#include "paxos/change.h"

#include "base/assert.h"

namespace once::paxos {
namespace {

// Whether `state`, which the change's own id has made, is what the change asks for.
bool is_as_asked(const State& state, const Change& change) {
  const bool known = state.made_by != Operation::kRead;
  if (known && state.made_by != change.operation) return false;
  switch (change.operation) {
    case Operation::kWrite:
      return state.version == 1 && state.sealed && state.value == change.value;
    case Operation::kSet:
      return !state.sealed && state.value == change.value;
    case Operation::kCas:
      return !state.sealed && state.version - 1 == change.version && state.value == change.value;
    case Operation::kSeal:
      return state.sealed && state.version - 1 == change.version;
    default:
      return !state.sealed;
  }
}

std::optional<Status> judge_change(const State& state, const Change& change) {
  ONCE_ASSERT(changes(change.operation));
  if (state.version != 0 && state.writer == change.id) {
    return is_as_asked(state, change) ? Status::kDone : Status::kIdReused;
  }
  if (change.operation == Operation::kWrite) {
    return state.version == 0 ? std::nullopt : std::optional(Status::kAlreadySet);
  }
  if (state.sealed || state.version >= kMaxVersion) return Status::kSealed;
  const bool expects = takes_version(change.operation);
  return expects && state.version != change.version ? std::optional(Status::kConflict)
                                                    : std::nullopt;
}

}  // namespace

std::optional<Status> judge(const State& state, const Change& change) {
  switch (change.operation) {
    case Operation::kRead:
      return state.version == 0 ? Status::kEmpty : Status::kDone;
    case Operation::kCheck:
      return state.version == change.version ? Status::kDone : Status::kConflict;
    case Operation::kWait:
      if (state.version > change.version) return Status::kDone;
      return state.sealed ? Status::kSealed : Status::kNotYet;
    default:
      return judge_change(state, change);
  }
}

State apply(const State& state, const Change& change) {
  ONCE_ASSERT(changes(change.operation) && state.version < kMaxVersion);
  ONCE_ASSERT(!state.sealed);  // nothing comes after it
  State next = state;
  ++next.version;
  next.writer = change.id;
  next.sealed = seals(change.operation);
  next.made_by = change.operation;
  if (takes_value(change.operation)) next.value = change.value;
  return next;
}

// A write makes the same state wherever it is made. A cas or a seal that happens has found its
// version, so it had not happened before and never will again. A set would undo what came after its
// first time. A second token would be the newest and belong to nobody: its holder's check fails.
bool may_repeat(Operation operation) {
  return operation != Operation::kSet && operation != Operation::kNext;
}

bool is_certain(Status status, const State& state, const Change& change) {
  switch (change.operation) {
    case Operation::kRead:
    case Operation::kCheck:
    case Operation::kWait:
      return true;
    case Operation::kWrite:  // what is refused once is refused for ever; by the register, that is
      return status == Status::kAlreadySet || status == Status::kIdReused;
    case Operation::kSeal:  // had it happened, its own seal would stand; its version is past
      return status == Status::kSealed || state.version > change.version;
    default:
      return status == Status::kIdReused;
  }
}

}  // namespace once::paxos
