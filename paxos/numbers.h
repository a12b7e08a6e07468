// Numbers that a core counts by, each with a type of its own. What goes over the wire or to the log
// has the plain number.
#pragma once

#include <cstdint>

#include "base/ordered.h"

namespace once::paxos {

// Of a record in the log of this core; they go on over runs. 0: before all of them.
using RecordNumber = Ordered<struct RecordNumberKind, uint64_t>;

// Of a round-0 proposal, as its home counts them in each run (DESIGN 3.2), from 1. 0: none.
using Sequence = Ordered<struct SequenceKind, uint64_t>;

struct SequenceRange {
  Sequence first;
  Sequence last;
  friend constexpr bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

}  // namespace once::paxos
