// What operations and their outcomes are called where programs read it: in metrics, in answers of
// doors, in reports. They stay as they are.
#pragma once

#include <string_view>

#include "paxos/messages.h"

namespace once::paxos {

constexpr std::string_view word_of(Operation operation) {
  switch (operation) {
    case Operation::kWrite:
      return "write";
    case Operation::kRead:
      return "read";
    case Operation::kSet:
      return "set";
    case Operation::kCas:
      return "cas";
    case Operation::kSeal:
      return "seal";
    case Operation::kNext:
      return "next";
    case Operation::kCheck:
      return "check";
    case Operation::kWait:
      return "wait";
  }
  return "other";
}

constexpr std::string_view word_of(Status status) {
  switch (status) {
    case Status::kDone:
      return "done";
    case Status::kEmpty:
      return "empty";
    case Status::kAlreadySet:
      return "already_set";
    case Status::kUnknown:
      return "unknown";
    case Status::kUnavailable:
      return "unavailable";
    case Status::kOverloaded:
      return "overloaded";
    case Status::kInvalid:
      return "invalid";
    case Status::kConflict:
      return "conflict";
    case Status::kSealed:
      return "sealed";
    case Status::kIdReused:
      return "id_reused";
    case Status::kNotYet:
      return "not_yet";
    case Status::kRetired:
      return "retired";
    case Status::kDenied:
      return "denied";
  }
  return "other";
}

}  // namespace once::paxos
