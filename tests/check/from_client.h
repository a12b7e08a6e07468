// What the client library tells, as the answer of a Call. Not for once_check itself, which knows no
// product.
#pragma once

#include "client/client.h"
#include "tests/check/history.h"

namespace once::check {

inline Outcome outcome_of(client::Refusal refusal) {
  switch (refusal) {
    case client::Refusal::kAlreadySet:
      return Outcome::kAlreadySet;
    case client::Refusal::kConflict:
      return Outcome::kConflict;
    case client::Refusal::kSealed:
      return Outcome::kSealed;
    case client::Refusal::kIdReused:
      return Outcome::kIdReused;
    case client::Refusal::kNone:
      break;
  }
  return Outcome::kUnknown;
}

inline Outcome outcome_of(const client::Result& result) {
  switch (result.outcome) {
    case client::Outcome::kDone:
      return Outcome::kDone;
    case client::Outcome::kRefused:
      return outcome_of(result.refusal);
    case client::Outcome::kEmpty:
      return Outcome::kEmpty;
    case client::Outcome::kUnknown:
      return Outcome::kUnknown;
    case client::Outcome::kNotYet:
    case client::Outcome::kCancelled:
    case client::Outcome::kUnavailable:
    case client::Outcome::kInvalid:
    case client::Outcome::kError:
    case client::Outcome::kRetired:
    case client::Outcome::kDenied:
      return Outcome::kNothing;
  }
  return Outcome::kUnknown;
}

// All of the answer but its time.
inline void take_answer(Call& call, const client::Result& result) {
  call.outcome = outcome_of(result);
  if (!shows_state(call)) return;
  call.version = result.version;
  call.sealed = result.sealed;
  call.writer = result.writer;
  // A change that is done comes back without the value that it brought.
  const bool own = takes_value(call.action) && call.outcome == Outcome::kDone;
  if (shows_value(call)) call.result = own ? call.value : result.value;
}

// A refusal that an earlier attempt of the same request, whose outcome is unknown, may have caused.
inline bool may_be_its_own_doing(const Call& call) {
  switch (call.action) {
    case Action::kCas:
    case Action::kNext:
    case Action::kSet:
      return is_refusal(call.outcome) && call.outcome != Outcome::kIdReused;
    case Action::kSeal:
      return call.outcome == Outcome::kConflict && call.version <= call.asked;
    default:
      return false;
  }
}

}  // namespace once::check
