// The acceptor of node 1 of three, in an open step, and what tests of it say all the time.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "paxos/acceptor.h"

namespace once::paxos {

inline constexpr NodeId kSelf{1}, kOther{2};

inline State state(uint64_t version, std::string_view value, bool sealed = false) {
  return State{version, sealed, request_id(version, 7), value};
}
inline Ballot ballot(uint32_t round, NodeId node = kOther) {
  return {Round{round}, node, Incarnation{1}};
}

struct OneAcceptor : ::testing::Test {
  OneAcceptor() { step.begin(1, out); }
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {kSelf, CoreId{0}};
    options.members = {kSelf, kOther, NodeId{3}};
    options.shard_count = 64;
    return options;
  }

  Output out;
  StepContext step;
  Cluster cluster{options()};
  Acceptor acceptor{cluster, step};
};

}  // namespace once::paxos
