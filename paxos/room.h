// Whether this core may take on more: set by whoever runs it.
#pragma once

#include "paxos/replica.h"
#include "paxos/table.h"

namespace once::paxos {

struct Room {
  bool disk_full = false;
  Memory memory = Memory::kEnough;
  // For new names and changes.
  bool none() const { return disk_full || memory != Memory::kEnough; }
  // Without room a write of a name that was met before may still be finished; where memory is
  // short, only if a value is here already. `entry`: null if the name is unknown.
  bool lacks(Operation operation, const Entry* entry) const {
    const bool met = entry != nullptr && (memory == Memory::kEnough || entry->version() != 0);
    return none() && changes(operation) && !(met && operation == Operation::kWrite);
  }
};

}  // namespace once::paxos
