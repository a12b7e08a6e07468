// Numbers that a core counts by, each with a type of its own. Both begin at 1 in each run; 0 is
// before all of them. What goes over the wire or to the log has the plain number.
#pragma once

#include <compare>
#include <cstdint>

namespace once::paxos {

// Of a record that this run wrote to its log.
struct RecordNumber {
  uint64_t value = 0;
  friend constexpr auto operator<=>(const RecordNumber&, const RecordNumber&) = default;
};

// Of a round-0 proposal, as its home counts them (DESIGN 3.2).
struct Sequence {
  uint64_t value = 0;
  constexpr Sequence next() const { return {value + 1}; }
  // How many follow `earlier`, up to `later`.
  friend constexpr uint64_t operator-(Sequence later, Sequence earlier) {
    return later.value - earlier.value;
  }
  friend constexpr auto operator<=>(const Sequence&, const Sequence&) = default;
};
struct SequenceRange {
  Sequence first;
  Sequence last;
  friend constexpr bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

}  // namespace once::paxos
