// Rounds of this node with both phases, each for one name: what is asked of the acceptors in them,
// and when it is asked again. What comes of the answers is the core's affair.
//
// Contract (P1, P2, P3): a ballot is prepared once, and under it one state of a version is
// proposed. This node's own acceptor promises and accepts first, and its vote counts once its
// record is durable. A name has at most one round.
#pragma once

#include "base/prng.h"
#include "paxos/acceptor.h"
#include "paxos/core_state.h"
#include "paxos/outbox.h"
#include "paxos/own_ballots.h"
#include "paxos/own_votes.h"
#include "paxos/task_pool.h"

namespace once::paxos {

class ClassicRounds {
 public:
  struct Around {  // what it works with
    const Cluster& cluster;
    Acceptor& acceptor;
    const StepContext& step;
    Outbox& outbox;
    Prng& prng;
    ReplicaCounters& counters;
    OwnVotes& own_votes;
  };
  ClassicRounds(const Around& around, TaskNumbers& numbers)
      : cluster_(around.cluster),
        acceptor_(around.acceptor),
        step_(around.step),
        outbox_(around.outbox),
        prng_(around.prng),
        counters_(around.counters),
        own_votes_(around.own_votes),
        own_(cluster_, step_),
        pool_(numbers) {}

  // As in TaskPool.
  bool holds(RoundId id) const { return pool_.holds(id); }
  RoundId find(Handle handle) const { return pool_.find(handle); }
  ClassicRound& operator[](RoundId id) { return pool_[id]; }
  const ClassicRound& operator[](RoundId id) const { return pool_[id]; }

  // None: no task is free. REQUIRES: nothing is under way with the name.
  RoundId begin(EntryIndex entry);
  // A new ballot each time: one that was sent is spent. REQUIRES: it backs off.
  void prepare(RoundId id);
  // Proposes the task's state under its ballot. REQUIRES: it has one, and this acceptor's promise.
  void send_accepts(RoundId id);
  // The question of its phase, once more. REQUIRES: it does not back off.
  void resend(RoundId id);
  void back_off(RoundId id);
  // REQUIRES: nobody waits for it.
  void end(RoundId id);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  void vote_when_durable(RoundId id, RecordNumber record);
  const Cluster& cluster_;
  Acceptor& acceptor_;
  const StepContext& step_;
  Outbox& outbox_;
  Prng& prng_;
  ReplicaCounters& counters_;
  OwnVotes& own_votes_;
  const OwnBallots own_;
  TaskPool<ClassicRound> pool_;
};

}  // namespace once::paxos
