// Claims its names for a restarted home (DESIGN 3.2): asks the acceptors for their unsettled lists,
// page by page, and closes each name on them to round 0 for this incarnation. They go through a
// normal prepare, which proposes on whatever was accepted.
//
// Contract (H4): the claim is complete only as claim.h says, and when the names of all pages that
// it counts are closed. A question whose answer is lost is asked again.
#pragma once

#include "paxos/acceptor.h"
#include "paxos/claim.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"

namespace once::paxos {

class Claimant {
 public:
  Claimant(const Cluster& cluster, Acceptor& acceptor, const StepContext& step, Outbox& outbox)
      : cluster_(cluster), acceptor_(acceptor), step_(step), outbox_(outbox), claim_(cluster) {}

  // As Claim::begin().
  void begin(bool nothing_lost) { claim_.begin(nothing_lost); }
  bool is_complete() const { return claim_.is_complete(); }
  void on_link_up(const Endpoint& peer, uint16_t cores);
  // False: no acceptor lists such names.
  bool on_reply(const Endpoint& from, const ClaimReply& m);
  void on_tick();

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  void ask(const Endpoint& peer);
  const Cluster& cluster_;
  Acceptor& acceptor_;
  const StepContext& step_;
  Outbox& outbox_;
  Claim claim_;
};

}  // namespace once::paxos
