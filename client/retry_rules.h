// What an answer of a node says about the operation that was asked, and what may be asked again
// (docs/protocol.md, section 7). Pure.
#pragma once

#include <cstdint>

#include "client/results.h"
#include "paxos/messages.h"

namespace once::client {

enum class Meaning : uint8_t {
  kFinal,            // the outcome, whatever became of other attempts
  kFinalIfAlone,     // this attempt did nothing and never will; another one may have happened
  kNothing,          // this attempt did nothing: try again
  kMayHaveHappened,  // or may still happen
  kNotYet,           // nothing to tell: ask again
};

// An answer that does not belong to the question says nothing: kMayHaveHappened.
Meaning meaning_of(const paxos::ClientRequest& question, const paxos::ClientReply& answer);

// REQUIRES: kFinal or kFinalIfAlone.
Result result_of(const paxos::ClientRequest& question, const paxos::ClientReply& answer);

// May a second attempt begin while the first one is under way?
bool may_hedge(paxos::Operation operation);

// May it be asked again when an earlier attempt may have happened?
bool may_repeat_after_loss(paxos::Operation operation);

}  // namespace once::client
