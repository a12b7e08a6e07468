// Requests that are sent on to another node, and those that come from one.
//
// Contract (Q1, P3): a forwarded request is taken once at most, and an answer is found by the
// handle of that very use of its place only. Whether another node may have made it is noted before
// it leaves.
#pragma once

#include "base/prng.h"
#include "paxos/cluster.h"
#include "paxos/handle.h"
#include "paxos/messages.h"
#include "paxos/op_pool.h"
#include "paxos/outbox.h"

namespace once::paxos {

class Forwarding {
 public:
  struct Around {  // what it works with
    Cluster& cluster;
    const StepContext& step;
    Outbox& outbox;
    Prng& prng;
    ReplicaCounters& counters;
  };
  Forwarding(const Around& around, OpPool& ops)
      : cluster_(around.cluster),
        step_(around.step),
        outbox_(around.outbox),
        prng_(around.prng),
        counters_(around.counters),
        ops_(ops) {}

  // REQUIRES: it is kept, of a client of this node, in no list, and was not sent on too often.
  void send(OpIndex index, const Endpoint& to);
  // Whose answer this is; none: of nothing that waits.
  OpIndex find(Handle handle) const;
  // False: it was taken before.
  bool takes(const Endpoint& from, const Forward& m);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  Handle handle_of(OpIndex index) const;
  Cluster& cluster_;
  const StepContext& step_;
  Outbox& outbox_;
  Prng& prng_;
  ReplicaCounters& counters_;
  OpPool& ops_;
  uint64_t sent_ = 0;  // in this run
};

}  // namespace once::paxos
