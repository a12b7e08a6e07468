// The requests of one core, from when they are taken to their answers.
//
// Contract (Q1, R1, R2): each is answered once. "Done" is said of a change only if it was made, and
// a refusal only if it is true whatever another node has made of it; else the answer is unknown. A
// waiter is told nothing below its floor. Nobody is asked or proposed to from here: what is to be
// done next is returned.
#pragma once

#include <string_view>
#include <vector>

#include "base/prng.h"
#include "paxos/acceptor.h"
#include "paxos/op_pool.h"
#include "paxos/outbox.h"
#include "paxos/watchers.h"

namespace once::paxos {

class Requests {
 public:
  struct Around {  // what it works with
    const Cluster& cluster;
    Acceptor& acceptor;
    StepContext& step;
    Outbox& outbox;
    Prng& prng;
    ReplicaCounters& counters;
  };
  Requests(const Around& around, OpPool& ops, WatchList& watchers)
      : cluster_(around.cluster),
        acceptor_(around.acceptor),
        step_(around.step),
        outbox_(around.outbox),
        prng_(around.prng),
        counters_(around.counters),
        ops_(ops),
        watchers_(watchers) {}

  // --- taken, kept, answered: requests.cc
  // REQUIRES: there is a place. The token is where the answer goes.
  OpIndex take(const Endpoint& origin, uint64_t token, const ClientRequest& request);
  void keep(Op& op, std::string_view name, std::string_view value);  // REQUIRES: it is not kept
  // To whom no place was given.
  void reply(const Endpoint& origin, uint64_t token, Status status, const State& state);
  bool answer_known(const Entry& entry, const Endpoint& origin, const ClientRequest& request);
  void answer(OpIndex op, Status status, const State& state);
  void expire(OpIndex op);   // REQUIRES: its deadline has come
  void put_off(OpIndex op);  // REQUIRES: it is kept

  // --- proposed together: requests_proposed.cc
  State compose(const WaitList& waiters, const State& base, size_t& changes);
  void answer_chosen(WaitList& waiters, const State& chosen, uint64_t asked);
  void answer_own(WaitList& waiters, const State& decided);
  void answer_made(WaitList& waiters);
  void give(OpIndex op, Status status, const State& state);
  void conclude(WaitList& waiters, Batch& batch, const Entry& entry);
  void settle_batch(WaitList& waiters, Batch& batch, const Ballot& best, const State* state);
  void count_changes(const Batch& batch);

  // --- waits that nobody is asking for: requests_waits.cc
  void watch(OpIndex op);
  static Status news_for(const Op& op, const State& state);
  OpIndex tell_waiters(NameHash hash, std::string_view name, uint64_t asked, uint64_t floor,
                       const State* chosen);
  OpIndex tell_news(NameHash hash, std::string_view name, const State& decided);
  void forget_waits(const std::vector<uint64_t>& tokens);

 private:
  void doubt(OpIndex op);
  void tell_chosen(OpIndex op, const State& chosen, uint64_t asked);
  void answer_made(OpIndex op, bool sealed);
  void set_next_poll(Op& op);
  const Cluster& cluster_;
  Acceptor& acceptor_;
  StepContext& step_;
  Outbox& outbox_;
  Prng& prng_;
  ReplicaCounters& counters_;
  OpPool& ops_;
  WatchList& watchers_;
};

}  // namespace once::paxos
