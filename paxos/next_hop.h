// Who is to do what a request of this node's clients asks for (DESIGN 3.5).
#pragma once

#include "paxos/cluster.h"
#include "paxos/core_state.h"
#include "paxos/table.h"

namespace once::paxos {

// Ourselves, if nobody else. `entry`: what this acceptor holds of the name, if anything.
Endpoint next_hop(const Cluster& cluster, const Op& op, const Entry* entry);

}  // namespace once::paxos
