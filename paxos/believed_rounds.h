// How far ahead a ballot may be and still be believed. Rounds are 32 bits, and a name whose rounds
// are used up can never change hands again: so what others say of the rounds of one name is
// believed as far as honest duels could have come, by the clock, and no further. See
// docs/decisions/2026-11-29-peer-port.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/allowance.h"
#include "base/assert.h"
#include "base/limits.h"

namespace once::paxos {

// One allowance for all names of a cell: names that share one need a duel each to notice. By key
// (name_hasher.h), so that nobody can choose names that do.
class BelievedRounds {
 public:
  BelievedRounds() : cells_(kCells) {}

  // Of the `wanted` rounds by which a name of this key is to rise: how many are believed now. They
  // are spent.
  uint32_t spend(uint64_t key, uint32_t wanted, int64_t now_ns) {
    const uint32_t rounds =
        cells_[key & (kCells - 1)].spend(wanted, kRoundsAtOnce, kNsPerRound, now_ns);
    ONCE_ASSERT(rounds <= wanted);
    return rounds;
  }

 private:
  static constexpr size_t kCells = 4096;
  std::vector<Allowance> cells_;
};

}  // namespace once::paxos
