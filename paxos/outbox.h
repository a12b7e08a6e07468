// Messages to other members: to whoever can be reached, and only to them. A message to a core whose
// link is down is lost, as any message may be.
#pragma once

#include "paxos/cluster.h"
#include "paxos/step_context.h"

namespace once::paxos {

class Outbox {
 public:
  Outbox(const Cluster& cluster, StepContext& step) : cluster_(cluster), step_(step) {}

  void send(const Endpoint& to, RestsOn rests_on, const Message& message) {
    ONCE_ASSERT(to.node != cluster_.self().node);
    if (cluster_.link_up(to)) step_.send(to, rests_on, message);
  }
  // To the core of each other member that has the name.
  void broadcast(NameHash hash, RestsOn rests_on, const Message& message) {
    bool sent = false;
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (cluster_.is_self(i)) continue;
      const Endpoint to = cluster_.peer_core(i, hash);
      if (!cluster_.link_up(to)) continue;
      step_.send(to, rests_on, message, sent);
      sent = true;
    }
  }

 private:
  const Cluster& cluster_;
  StepContext& step_;
};

}  // namespace once::paxos
