// What this home proposes in round 0, and tells of it (DESIGN 3.2): no prepare, because nothing
// lies below it. What comes of the votes is the core's affair.
//
// Contract (H1, P1): round 0 is begun only for a name of which this acceptor knows nothing at all,
// and which no acceptor of the claim's majority reported as unsettled; and a ballot never carries
// two states of one version. Nothing is announced as durable before it is.
#pragma once

#include "paxos/acceptor.h"
#include "paxos/claimant.h"
#include "paxos/core_state.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"
#include "paxos/own_ballots.h"
#include "paxos/sequencer.h"

namespace once::paxos {

class FastPath {
 public:
  FastPath(const Cluster& cluster, Acceptor& acceptor, StepContext& step, Outbox& outbox,
           const Claimant& claimant, Sequencer& sequencer)
      : cluster_(cluster),
        acceptor_(acceptor),
        step_(step),
        outbox_(outbox),
        claimant_(claimant),
        sequencer_(sequencer),
        own_(cluster, step) {}

  // Whether a name of which this is held, if anything, may begin in round 0.
  bool is_open(const Entry* entry) const;
  // No changes when the state of the entry already is `next`: then this asks whether it still
  // stands. REQUIRES: round 0 is open for the name or kept by this node, nothing is under way with
  // it, and there is room in the window.
  RoundZero& propose(EntryIndex index, const State& next, size_t changes);
  // It is under way no more. REQUIRES: it was.
  void close(RoundZero& slot);
  // From number `at` on, which is moved on: what was sent long ago is sent again, to those who have
  // not answered. The oldest come first. Returns the next that has to be given up; null: none has.
  RoundZero* resend(Sequence& at);
  // Tells the acceptors how far this disk has its proposals, and which are chosen, if that is news.
  void announce();

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  Accept accept_of(const RoundZero& slot) const;
  const Cluster& cluster_;
  Acceptor& acceptor_;
  StepContext& step_;
  Outbox& outbox_;
  const Claimant& claimant_;
  Sequencer& sequencer_;
  const OwnBallots own_;
};

}  // namespace once::paxos
