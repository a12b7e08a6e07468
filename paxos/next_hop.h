// Who is to do what a request of this node's clients asks for (DESIGN 3.5).
#pragma once

#include "paxos/cluster.h"
#include "paxos/core_state.h"
#include "paxos/table.h"

namespace once::paxos {

// Ourselves, if nobody else. `entry`: what this acceptor holds of the name, if anything.
Endpoint next_hop(const Cluster& cluster, const Op& op, const Entry* entry);

// To whom a change of a client goes for which this node has no room: from the home on, the first
// that may have some and was not asked for this one. Ourselves: nobody, or those who may have room
// are no majority.
Endpoint next_with_room(const Cluster& cluster, const Op& op, int64_t now_ns);

}  // namespace once::paxos
