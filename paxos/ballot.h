// Ballots (DESIGN 3.1): compared as (round, node, incarnation). Round 0 belongs to a name's home.
#pragma once

#include <compare>
#include <cstdint>

#include "base/types.h"

namespace once::paxos {

struct Ballot {
  uint32_t round = 0;
  NodeId node;  // 0: the null ballot, below every other
  uint32_t incarnation = 0;
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
  bool is_null() const { return node.value == 0; }
};

}  // namespace once::paxos
