// The ballots of this node in this run.
#pragma once

#include "paxos/ballot.h"
#include "paxos/cluster.h"
#include "paxos/step_context.h"

namespace once::paxos {

class OwnBallots {
 public:
  OwnBallots(const Cluster& cluster, const StepContext& step) : cluster_(cluster), step_(step) {}

  Ballot of_round(uint32_t round) const {
    return {round, cluster_.self().node, step_.incarnation()};
  }
  // Of the proposals that it begins as a home.
  Ballot round_zero() const { return of_round(0); }
  bool has(const Ballot& ballot) const { return ballot == of_round(ballot.round); }
  // The same of what others say of this node: no run of it lies ahead of this one, and whoever
  // names one is not believed to know of an earlier one either.
  bool is_not_earlier(const Ballot& ballot) const {
    return ballot.node == cluster_.self().node && ballot.incarnation >= step_.incarnation();
  }

 private:
  const Cluster& cluster_;
  const StepContext& step_;
};

}  // namespace once::paxos
