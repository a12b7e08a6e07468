// The invariants of docs/design.md that one core shows by itself, in one state of it or between two
// that follow each other: one sentence and one function each. The others (P5, Q1, R1, R2, D2, and
// P6 as a whole) speak of a majority, of clients or of disks: the oracles of the exhaustive search
// and of the simulator judge them.
//
// They live among the tests, for they read what a core keeps to itself, through CoreProbe, which no
// program that ships may do.
#pragma once

#include <span>

#include "tests/invariants/views.h"

namespace once::invariants {

struct CoreInvariant {
  const char* rule;  // its name in the design
  const char* sentence;
  bool (*holds)(const CoreView& was, const CoreView& is);
};
struct EntryInvariant {
  const char* rule;
  const char* sentence;
  bool (*holds)(const EntryView& was, const EntryView& is, const CoreView& core);
};
// `held`: what the acceptor of the same node held before and holds now.
struct RoundInvariant {
  const char* rule;
  const char* sentence;
  bool (*holds)(const RoundView& was, const RoundView& is, const EntryView& held_before,
                const EntryView& held, const CoreView& core);
};

std::span<const CoreInvariant> of_cores();
std::span<const EntryInvariant> of_entries();
std::span<const RoundInvariant> of_rounds();

}  // namespace once::invariants
