// The changes that one proposal composed, and what became of them. Pure, and safe by this: a change
// is said to have happened only if it did, and never to have, only if it never can (Q1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.h"
#include "paxos/ballot.h"
#include "paxos/messages.h"

namespace once::paxos {

// For whoever must find out what became of it: the state that it made, and the first ballot under
// which this proposer proposed it. Size 0: none.
struct Batch {
  Ballot first;
  uint64_t version = 0;
  RequestId writer;
  size_t size = 0;
  bool adopted = false;  // this proposer has proposed, under a later ballot, what another reported
};

enum class Fate : uint8_t {
  kHappened,  // all of its changes
  kNever,     // none of them, and none ever will
  kLastOnly,  // the last one has; of those before it nobody knows
  kUnknown,   // nobody knows of any
};

// Whether what was reported under `best` with the batch's version and writer is the batch itself,
// proposed by this node in this run. One request can be the last of two batches of different
// proposers: only under a ballot of our own is it known to be ours, and only as long as we have not
// proposed another's under one.
bool is_ours(const Batch& batch, const Ballot& best, NodeId self, Incarnation incarnation);

// As `state` tells, which is chosen and was reported, or first proposed, under a ballot by which it
// is `ours` (no state: nobody was asked). REQUIRES: a batch; chosen, not only reported: another
// proposer may still adopt what a majority did not report; and of an older version, chosen above
// the ballots of the batch, not below: then the batch may be built on it.
Fate fate_of(const Batch& batch, bool ours, const State* state);

}  // namespace once::paxos
