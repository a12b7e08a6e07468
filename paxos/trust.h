// How far peers are believed, and what is made of a message that no honest one sends.
//
// Contract: each such message is counted once, by its reason, and teaches nothing. What is said of
// a name's round is believed as far as honest duels can have come (believed_rounds.h); whoever
// names a further one is reported.
#pragma once

#include <cstdint>

#include "paxos/believed_rounds.h"
#include "paxos/cluster.h"
#include "paxos/step_context.h"

namespace once::paxos {

class Trust {
 public:
  Trust(const Cluster& cluster, StepContext& step, ReplicaCounters& counters)
      : cluster_(cluster), step_(step), counters_(counters) {}

  // What no honest peer of this cluster says. REQUIRES: a reason, not the sum of them.
  void ignore(uint64_t ReplicaCounters::*why) {
    ONCE_ASSERT(why != &ReplicaCounters::ignored_messages);
    ++counters_.ignored_messages;
    ++(counters_.*why);
  }
  // REQUIRES: `from` is another member.
  void offend(Offence offence, const Endpoint& from) {
    ONCE_ASSERT(cluster_.has(from.node) && from.node != cluster_.self().node);
    ignore(offence == Offence::kFarBallot ? &ReplicaCounters::far_ballots
                                          : &ReplicaCounters::contradictions);
    step_.report(offence, from.node);
  }
  // The round to go to, of a name that is known to be at `known` and told to be at `told`.
  Round believed(const Endpoint& from, NameHash hash, Round known, Round told) {
    if (told <= known) return told;
    const uint32_t rounds = believed_rounds_.spend(hash.key, told - known, step_.now());
    ONCE_ASSERT(rounds <= told - known);
    if (rounds < told - known) offend(Offence::kFarBallot, from);
    return Round{known.value + rounds};
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  const Cluster& cluster_;
  StepContext& step_;
  ReplicaCounters& counters_;
  BelievedRounds believed_rounds_;
};

}  // namespace once::paxos
