// The names of outcomes and refusals: the same in messages, JSON and docs.
#include "client/results.h"

namespace once::client {

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kEmpty:
      return "empty";
    case Outcome::kNotYet:
      return "not_yet";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kUnavailable:
      return "unavailable";
    case Outcome::kInvalid:
      return "invalid";
    case Outcome::kError:
      return "error";
    case Outcome::kCancelled:
      return "cancelled";
    case Outcome::kRetired:
      return "retired";
    case Outcome::kDenied:
      return "denied";
  }
  return "error";
}

std::string_view refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kAlreadySet:
      return "already_set";
    case Refusal::kConflict:
      return "conflict";
    case Refusal::kSealed:
      return "sealed";
    case Refusal::kIdReused:
      return "id_reused";
  }
  return "none";
}

}  // namespace once::client
