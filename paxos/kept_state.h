// A state that outlives the step which brought it, and the ballot under which it was accepted, or
// under which it is to be proposed. It has a copy of the value.
#pragma once

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "paxos/arena.h"
#include "paxos/messages.h"

namespace once::paxos {

struct KeptState {
  Ballot best;  // null: nothing is kept
  State state;  // its value is in `block`
  char* block = nullptr;
  size_t block_size = 0;

  bool is_below(const Ballot& ballot, uint64_t version) const {
    ONCE_ASSERT(!ballot.is_null());
    return best.is_null() || std::pair(best, state.version) < std::pair(ballot, version);
  }
  // In place of what was kept, which may be what `from` views.
  void keep(Arena& arena, const Ballot& ballot, const State& from) {
    ONCE_ASSERT(!ballot.is_null() && from.version != 0);
    char* copy = arena.allocate(from.value.size());
    std::copy(from.value.begin(), from.value.end(), copy);
    const size_t size = from.value.size();
    best = ballot;
    state = from;
    give_back(arena);
    block = copy;
    block_size = size;
    state.value = {block, block_size};
  }
  void give_back(Arena& arena) {
    ONCE_ASSERT(block != nullptr || block_size == 0);
    arena.free(block, block_size);
    block = nullptr;
    block_size = 0;
  }
};

}  // namespace once::paxos
