// Ballots (DESIGN 3.1): compared as (round, node, incarnation). Round 0 belongs to a name's home.
#pragma once

#include <compare>
#include <cstdint>

#include "base/types.h"

namespace once::paxos {

struct Ballot {
  Round round;
  NodeId node;  // 0: the null ballot, below every other
  Incarnation incarnation;
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
  bool is_null() const { return node.value == 0; }
  bool is_round_zero() const { return round == Round{}; }  // of the null ballot too
};

}  // namespace once::paxos
