// The names that this acceptor holds unsettled (DESIGN 3.2): it tells them to a home that claims,
// and asks each home about them, so that lists shrink again after takeovers and crashes.
//
// Contract (H2, H3): a claim is answered only once its range promise is durable, and all that the
// answer tells. A name leaves its list only by the word of its home, about what is held now.
#pragma once

#include "paxos/acceptor.h"
#include "paxos/lanes.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"

namespace once::paxos {

class Settling {
 public:
  Settling(const Cluster& cluster, Acceptor& acceptor, Lanes& lanes, const StepContext& step,
           Outbox& outbox)
      : cluster_(cluster), acceptor_(acceptor), lanes_(lanes), step_(step), outbox_(outbox) {}

  // A page of the home's list. False: a later incarnation of it has claimed.
  bool on_claim_home(const Endpoint& from, const ClaimHome& m);
  // Of each home at most so many names.
  void query(size_t most);
  void on_settled(const Endpoint& from, const Settled& m, NameHash hash);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  const Cluster& cluster_;
  Acceptor& acceptor_;
  Lanes& lanes_;
  const StepContext& step_;
  Outbox& outbox_;
};

}  // namespace once::paxos
