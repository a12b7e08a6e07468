// Whether this core may take on more: set by whoever runs it.
#pragma once

#include "paxos/replica.h"

namespace once::paxos {

struct Room {
  bool disk_full = false;
  Memory memory = Memory::kEnough;
  // For new names and changes.
  bool none() const { return disk_full || memory != Memory::kEnough; }
};

}  // namespace once::paxos
