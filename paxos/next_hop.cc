#include "paxos/next_hop.h"

#include "base/assert.h"

namespace once::paxos {

// The home, as long as it can be reached. Else all meet at one node, or they would duel: at the one
// that the name was promised to last, as far as we know, or at the first behind the home that can
// be reached.
Endpoint next_hop(const Cluster& cluster, const Op& op, const Entry* entry) {
  const size_t home = cluster.index_of(cluster.home_of(op.hash));
  const Endpoint self = cluster.self();
  // What was forwarded here goes no further: nothing goes round in circles.
  if (op.origin.node.value != 0 || op.hops >= kMostHops) return self;
  if (cluster.member(home) == self.node || op.made != 0) return self;
  const bool home_up = cluster.link_up(cluster.peer_core(home, op.hash));
  if (home_up && op.hops == 0) return cluster.peer_core(home, op.hash);
  if (entry != nullptr && !entry->promised().is_round_zero()) {
    const Endpoint holder = cluster.peer_core(cluster.index_of(entry->promised().node), op.hash);
    if (holder.node == self.node) return self;
    if (holder.node != op.asked.node && cluster.link_up(holder)) return holder;
  }
  for (size_t i = 1; i < cluster.size() && !home_up; ++i) {
    const Endpoint to = cluster.peer_core((home + i) % cluster.size(), op.hash);
    if (to.node == self.node) return self;
    if (to.node != op.asked.node && cluster.link_up(to)) return to;
  }
  return self;
}

Endpoint next_with_room(const Cluster& cluster, const Op& op, int64_t now_ns) {
  ONCE_ASSERT(op.origin.node.value == 0);
  const size_t home = cluster.index_of(cluster.home_of(op.hash));
  size_t with_room = 0;
  Endpoint first = cluster.self();
  for (size_t i = 0; i < cluster.size(); ++i) {
    const size_t member = (home + i) % cluster.size();
    const Endpoint to = cluster.peer_core(member, op.hash);
    if (cluster.is_self(member) || !cluster.may_have_room(to, now_ns)) continue;
    ++with_room;
    if (first == cluster.self() && !op.offered.has(member)) first = to;
  }
  const bool enough = with_room >= cluster.quorum() && op.hops < kMostHops;
  return enough ? first : cluster.self();
}

}  // namespace once::paxos
