#include "tests/exhaustive/register_rules.h"

#include <fmt/format.h>

namespace once::exhaustive {

using namespace paxos;

namespace {

const Call* author_of(const Scenario& scenario, const RequestId& id) {
  for (size_t call = 0; call < scenario.calls.size(); ++call) {
    if (scenario.id_of(call) == id) return &scenario.calls[call];
  }
  return nullptr;
}

// Whether both values are known, and differ.
bool differ(const KnownState& a, const KnownState& b) {
  return !a.value.empty() && !b.value.empty() && a.value != b.value;
}

}  // namespace

bool is_sealing(Operation operation) {
  return operation == Operation::kWrite || operation == Operation::kSeal;
}

std::string what_nobody_asked_for(const Scenario& scenario, const KnownState& s) {
  const Call* call = author_of(scenario, s.writer);
  bool right = call && call->name == s.name && changes(call->operation) &&
               s.sealed == is_sealing(call->operation) && s.version >= 1;
  if (right && takes_value(call->operation)) right = s.value == call->value;
  if (right && takes_version(call->operation)) right = s.version == call->version + 1;
  if (right && call->operation == Operation::kWrite) right = s.version == 1;
  if (right) return {};
  return fmt::format("nobody asked for version {} \"{}\" of {}", s.version, s.value, s.name);
}

std::string contradiction(const Scenario& scenario, const KnownState& a, const KnownState& b) {
  if (a.version > b.version) return contradiction(scenario, b, a);
  if (a.name != b.name) return {};
  if (a.version == b.version) {
    if (a.writer == b.writer && a.sealed == b.sealed && !differ(a, b)) return {};
    return fmt::format("two states of version {} of {}, \"{}\" and \"{}\"", a.version, a.name,
                       a.value, b.value);
  }
  if (a.sealed) {
    return fmt::format("{} was sealed as version {}, and there is a version {}", a.name, a.version,
                       b.version);
  }
  const Call& later = *author_of(scenario, b.writer);
  if (a.writer == b.writer) {
    return fmt::format("one request made version {} and version {} of {}", a.version, b.version,
                       a.name);
  }
  if (b.version == a.version + 1 && !takes_value(later.operation) && differ(a, b)) {
    return fmt::format("version {} of {} is \"{}\", and nobody changed \"{}\"", b.version, b.name,
                       b.value, a.value);
  }
  return {};
}

bool fits(const Call& call, Status status) {
  switch (status) {
    case Status::kDone:
    case Status::kUnavailable:
    case Status::kOverloaded:
      return true;
    case Status::kEmpty:
      return call.operation == Operation::kRead;
    case Status::kAlreadySet:
      return call.operation == Operation::kWrite;
    case Status::kUnknown:
      return changes(call.operation);
    case Status::kConflict:
      return takes_version(call.operation) && call.operation != Operation::kWait;
    case Status::kSealed:
      return call.operation != Operation::kWrite && call.operation != Operation::kRead &&
             call.operation != Operation::kCheck;
    case Status::kNotYet:
      return call.operation == Operation::kWait;
    case Status::kInvalid:  // no call breaks a limit, or uses an id for something else
    case Status::kIdReused:
    case Status::kRetired:  // no node says these
    case Status::kDenied:
      return false;
  }
  return false;
}

bool explains(const Call& call, Status status, const KnownState& s, bool own) {
  const bool change = changes(call.operation);
  switch (status) {
    case Status::kDone:
      if (change) return own && s.sealed == is_sealing(call.operation);
      if (call.operation == Operation::kCheck) return s.version == call.version;
      return call.operation == Operation::kRead ? s.version >= 1 : s.version > call.version;
    case Status::kAlreadySet:
      return !own && s.version >= 1;
    case Status::kConflict:
      return !(change && own) && s.version != call.version;
    case Status::kSealed:
      return !(change && own) && s.sealed;
    default:
      return true;
  }
}

}  // namespace once::exhaustive
