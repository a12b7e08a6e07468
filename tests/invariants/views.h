// What the invariants speak of: one core, one name, one round, as they are between two steps. Plain
// data, so that a test can write down a state that no core is ever in.
#pragma once

#include <cstdint>
#include <string>

#include "base/types.h"
#include "paxos/ballot.h"

namespace once::paxos {
enum class Phase : uint8_t;  // core_state.h
}

namespace once::invariants {

struct CoreView {
  NodeId self;
  Incarnation incarnation;
  uint64_t record = 0;   // last one made in this run
  uint64_t durable = 0;  // last one known to be durable
  bool claimed = false;
  size_t answered = 0;  // looked at when the claim ends: who has told his whole list, and this node
  size_t quorum = 0;
  uint16_t members = 0;  // a bit each
  uint64_t next_sequence = 0;
  uint64_t oldest_open = 0;
  uint64_t self_voted = 0;
  uint64_t announced = 0;     // said to be durable on this home's disk
  uint64_t voted_record = 0;  // what the accept numbered `self_voted` rests on
  bool every_step = false;    // nothing has happened between two looks but one step
};

struct EntryView {
  paxos::Ballot promised;
  paxos::Ballot accepted;
  uint64_t version = 0;
  RequestId writer;
  uint32_t value_size = 0;
  bool sealed = false;
  bool decided = false;
  bool unsettled = false;
  uint64_t record = 0;  // last one of this run about the name
  NodeId home;
  Incarnation range_promise;  // to that home
};

// A classic round, with what its own acceptor holds.
struct RoundView {
  bool asks = false;  // it is in one of its two phases; else nothing is under way
  paxos::Phase phase{};
  paxos::Ballot ballot;
  paxos::Ballot best;  // and version: of what it has heard, or proposes
  uint64_t version = 0;
  uint16_t votes = 0;
  uint32_t entry = UINT32_MAX;
};

}  // namespace once::invariants
