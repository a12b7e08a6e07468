// The ballots of this node in this run.
#pragma once

#include "base/assert.h"
#include "base/limits.h"
#include "paxos/ballot.h"
#include "paxos/cluster.h"
#include "paxos/step_context.h"
#include "paxos/table.h"

namespace once::paxos {

class OwnBallots {
 public:
  OwnBallots(const Cluster& cluster, const StepContext& step) : cluster_(cluster), step_(step) {}

  Ballot of_round(Round round) const {
    ONCE_ASSERT(round <= kMaxRound);
    return {round, cluster_.self().node, step_.incarnation()};
  }
  // Of the proposals that it begins as a home.
  Ballot round_zero() const { return of_round(Round{}); }
  bool has(const Ballot& ballot) const { return ballot == of_round(ballot.round); }
  // The same of what others say of this node: no run of it lies ahead of this one, and whoever
  // names one is not believed to know of an earlier one either.
  bool is_not_earlier(const Ballot& ballot) const {
    return ballot.node == cluster_.self().node && ballot.incarnation >= step_.incarnation();
  }

  // This node proposed the newest state that it knows under a ballot that no acceptor of its quorum
  // has gone above, as far as it has heard: it may propose the next version, or the same once more,
  // without a prepare.
  bool keeps(const Entry& entry) const {
    return entry.is_idle() && entry.decided() && entry.promised() == entry.accepted() &&
           has(entry.accepted());
  }

 private:
  const Cluster& cluster_;
  const StepContext& step_;
};

}  // namespace once::paxos
