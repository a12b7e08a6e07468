// A replica of a node with two cores: for what is said about names of its other core.
#pragma once

#include "tests/paper/world.h"

namespace once::paxos::test {

// Of core 0 of two of that member of three.
inline ReplicaOptions one_of_two_cores(size_t member) {
  ReplicaOptions options;
  options.self = World::endpoint(member);
  options.cores = 2;
  options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
  options.shard_count = 64;
  return options;
}

}  // namespace once::paxos::test
