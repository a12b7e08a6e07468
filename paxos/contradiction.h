// What no honest node ever says to an acceptor, whatever was lost, repeated or delayed: P2b, and
// what follows from it for chains under one ballot (docs/decisions/2026-11-29-peer-port.md).
#pragma once

#include "paxos/table.h"

namespace once::paxos {

// Whether a proposal of `state` under `ballot` denies what this acceptor holds. A ballot carries
// one state of a version and none after a sealed one; and above what is decided everybody proposes
// that state again or, unless it is sealed, later versions.
inline bool contradicts(const Entry& entry, const Ballot& ballot, const State& state) {
  ONCE_ASSERT(entry.accepted() <= entry.promised());
  ONCE_ASSERT(entry.accepted().is_null() == (entry.version() == 0));
  if (entry.accepted().is_null() || ballot < entry.accepted()) return false;
  if (is_same(entry.state(), state)) return false;
  if (ballot == entry.accepted()) {
    return state.version == entry.version() ||
           (entry.has(kSealed) && state.version > entry.version());
  }
  return entry.decided() && (entry.has(kSealed) || state.version <= entry.version());
}

}  // namespace once::paxos
