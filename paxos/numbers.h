// Numbers that a core counts by, each with a type of its own; base/record_number.h has that of its
// records. What goes over the wire or to the log has the plain number.
#pragma once

#include <cstdint>

#include "base/ordered.h"
#include "base/record_number.h"

namespace once::paxos {

// Of a round-0 proposal, as its home counts them in each run (DESIGN 3.2), from 1. 0: none.
using Sequence = Ordered<struct SequenceKind, uint64_t>;

struct SequenceRange {
  Sequence first;
  Sequence last;
  friend constexpr bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

}  // namespace once::paxos
