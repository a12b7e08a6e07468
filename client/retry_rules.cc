#include "client/retry_rules.h"

#include "base/assert.h"
#include "base/system_name.h"

namespace once::client {
namespace {

using paxos::Status;
using Op = paxos::Operation;

bool fits(Op operation, Status status) {
  switch (status) {
    case Status::kDone:
      return true;
    case Status::kEmpty:
      return operation == Op::kRead;
    case Status::kAlreadySet:
      return operation == Op::kWrite;
    case Status::kConflict:
      return operation == Op::kCas || operation == Op::kSeal || operation == Op::kCheck;
    case Status::kSealed:
      return operation == Op::kWait || (changes(operation) && operation != Op::kWrite);
    case Status::kIdReused:
      return changes(operation);
    case Status::kNotYet:
      return operation == Op::kWait;
    case Status::kUnknown:
    case Status::kUnavailable:
    case Status::kOverloaded:
    case Status::kInvalid:
    case Status::kRetired:
    case Status::kDenied:
      return true;
  }
  return false;
}

// A change whose id made the state that is shown has happened, whatever the attempt was told.
bool made_it(const paxos::ClientRequest& question, const paxos::ClientReply& answer) {
  return changes(question.operation) && answer.state.version != 0 &&
         answer.state.writer == question.id &&
         (answer.status == Status::kAlreadySet || answer.status == Status::kConflict ||
          answer.status == Status::kSealed);
}

// Is the refusal of one attempt true of all attempts with this id?
bool refuses_all(const paxos::ClientRequest& question, const paxos::ClientReply& answer) {
  // A seal that had happened would stand there itself, and one whose version is past never will.
  if (question.operation == Op::kSeal) {
    return answer.status == Status::kSealed || answer.state.version > question.version;
  }
  return !changes(question.operation);
}

Refusal refusal_of(Status status) {
  switch (status) {
    case Status::kAlreadySet:
      return Refusal::kAlreadySet;
    case Status::kConflict:
      return Refusal::kConflict;
    case Status::kSealed:
      return Refusal::kSealed;
    case Status::kIdReused:
      return Refusal::kIdReused;
    default:
      return Refusal::kNone;
  }
}

std::string conflict_text(const paxos::ClientRequest& question, uint64_t version) {
  const std::string there = version == 0 ? "the register is empty"
                                         : "the register has version " + std::to_string(version);
  const std::string asked = std::to_string(question.version);
  if (question.operation != Op::kCheck) return there + ", not " + asked;
  const bool overtaken = version > question.version;
  return there + (overtaken ? ": a newer one than the token " + asked
                            : ": the token " + asked + " was never drawn from it");
}

std::string refusal_text(const paxos::ClientRequest& question, const paxos::ClientReply& answer) {
  switch (answer.status) {
    case Status::kAlreadySet:
      return "already set";
    case Status::kConflict:
      return conflict_text(question, answer.state.version);
    case Status::kSealed:
      return "sealed: the register never changes again";
    default:
      return "the request id was used for another change; draw a new id for each change";
  }
}

}  // namespace

bool may_hedge(Op operation) {
  switch (operation) {
    case Op::kSet:   // would happen twice, and undo what came in between
    case Op::kNext:  // a second token, drawn late, would overtake whoever drew in between
    case Op::kWait:  // is silent for long because nothing happens, not because the node is slow
      return false;
    // A cas that happens has found its version, so it happens once at most. A hedge that finds
    // another version waits for what the first attempt says, so it makes no outcome vaguer; and a
    // home that hangs does not hold up a lock's renewal.
    case Op::kCas:
    case Op::kWrite:
    case Op::kSeal:
    case Op::kRead:
    case Op::kCheck:
      return true;
  }
  return false;
}

bool may_repeat_after_loss(Op operation) { return operation != Op::kSet && operation != Op::kNext; }

Meaning meaning_of(const paxos::ClientRequest& question, const paxos::ClientReply& answer) {
  if (!fits(question.operation, answer.status)) return Meaning::kMayHaveHappened;
  if (made_it(question, answer)) return Meaning::kFinal;
  switch (answer.status) {
    case Status::kDone:
    case Status::kEmpty:
    case Status::kAlreadySet:
    case Status::kIdReused:
      return Meaning::kFinal;
    case Status::kConflict:
    case Status::kSealed:
    case Status::kInvalid:
    case Status::kRetired:
    case Status::kDenied:
      return refuses_all(question, answer) ? Meaning::kFinal : Meaning::kFinalIfAlone;
    case Status::kUnavailable:
    case Status::kOverloaded:
      return Meaning::kNothing;
    case Status::kNotYet:
      return Meaning::kNotYet;
    case Status::kUnknown:
      break;
  }
  return Meaning::kMayHaveHappened;
}

Result result_of(const paxos::ClientRequest& question, const paxos::ClientReply& answer) {
  ONCE_ASSERT(fits(question.operation, answer.status));
  Result result;
  result.version = answer.state.version;
  result.sealed = answer.state.sealed;
  result.writer = answer.state.writer;
  result.request_id = question.id;
  result.value.assign(answer.state.value);
  if (answer.status == Status::kDone || made_it(question, answer)) {
    result.outcome = Outcome::kDone;
  } else if (answer.status == Status::kEmpty) {
    result.outcome = Outcome::kEmpty;
  } else if (answer.status == Status::kInvalid) {
    result.outcome = Outcome::kInvalid;
    result.message = is_system_name(question.name)
                         ? std::string(kSystemNameRefused)
                         : "the server says that the request breaks a limit";
  } else if (answer.status == Status::kRetired) {
    result.outcome = Outcome::kRetired;
    result.message = "the name is retired: it is out of use for good";
  } else if (answer.status == Status::kDenied) {
    result.outcome = Outcome::kDenied;
    result.message = "the server does not allow this client to do that";
  } else {
    result.outcome = Outcome::kRefused;
    result.refusal = refusal_of(answer.status);
    result.message = refusal_text(question, answer);
  }
  return result;
}

}  // namespace once::client
