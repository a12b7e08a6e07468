// Answers the proposers of this and of other nodes for this acceptor: what they prepare, propose
// and ask.
//
// Contract (P1, P2, L1, L3): an answer rests on the records of what it tells. A ballot below the
// promise is refused, and told of it; one further ahead than is believed gets no answer.
#pragma once

#include "paxos/acceptor.h"
#include "paxos/lanes.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"
#include "paxos/room.h"
#include "paxos/trust.h"

namespace once::paxos {

class Responder {
 public:
  struct Around {  // what it works with
    const Cluster& cluster;
    Acceptor& acceptor;
    Lanes& lanes;
    StepContext& step;
    Outbox& outbox;
    Trust& trust;
    const Room& room;
    ReplicaCounters& counters;
  };
  explicit Responder(const Around& around)
      : cluster_(around.cluster),
        acceptor_(around.acceptor),
        lanes_(around.lanes),
        step_(around.step),
        outbox_(around.outbox),
        trust_(around.trust),
        room_(around.room),
        counters_(around.counters) {}

  void on_prepare(const Endpoint& from, const Prepare& m, NameHash hash);
  // The entry that is to take it, by accept(); none: it is refused, or was taken before. Between
  // the two the caller looks after what the entry holds now.
  EntryIndex on_accept(const Endpoint& from, const Accept& m, NameHash hash);
  void accept(const Endpoint& from, const Accept& m, NameHash hash, EntryIndex index);
  void on_read_state(const Endpoint& from, const ReadState& m, NameHash hash);
  void on_home_progress(const Endpoint& from, const HomeProgress& m);
  // A ballot further ahead than is believed burns no rounds; but the name may truly be there. It is
  // approached, as far as is believed, by a promise that nobody asked for, and nothing is said:
  // whoever asks again finds us nearer. REQUIRES: `round` is below the ballot's, not below the
  // promise's.
  void approach(EntryIndex index, const Ballot& ballot, Round round);

 private:
  uint64_t ReplicaCounters::*flaw_of(const Endpoint& from, const Accept& m, NameHash hash) const;
  template <class M>
  bool admit(const Endpoint& from, const M& m, NameHash hash, size_t room, EntryIndex& index);
  void acknowledge(const Endpoint& from, const Accept& m, RecordNumber record);
  const Cluster& cluster_;
  Acceptor& acceptor_;
  Lanes& lanes_;
  StepContext& step_;
  Outbox& outbox_;
  Trust& trust_;
  const Room& room_;
  ReplicaCounters& counters_;
};

}  // namespace once::paxos
