// Whether this core may take on more: set by whoever runs it.
#pragma once

#include "paxos/replica.h"
#include "paxos/table.h"

namespace once::paxos {

struct Room {
  Disk disk = Disk::kEnough;
  Memory memory = Memory::kEnough;
  // For new names and changes.
  bool none() const { return disk != Disk::kEnough || memory != Memory::kEnough; }
  // Without room a write of a name that was met before may still be finished, if the disk is not
  // spent; where memory is short, only if a value is here already. `entry`: null if the name is
  // unknown.
  bool lacks(Operation operation, const Entry* entry) const {
    const bool met = entry != nullptr && (memory == Memory::kEnough || entry->version() != 0);
    const bool finishes = met && operation == Operation::kWrite && disk != Disk::kSpent;
    return none() && changes(operation) && !finishes;
  }
  // What others are asked must be kept here meanwhile, and may end in a round.
  bool asks_others() const { return memory != Memory::kNone && disk != Disk::kSpent; }
};

}  // namespace once::paxos
