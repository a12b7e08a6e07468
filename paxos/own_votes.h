// Votes of this node's own acceptor that wait for the disk.
//
// Contract (DESIGN 3.3): they come out in the order in which they came, each once its record is
// durable, and none before.
#pragma once

#include <optional>

#include "base/fifo.h"
#include "paxos/core_state.h"
#include "paxos/step_context.h"

namespace once::paxos {

class OwnVotes {
 public:
  explicit OwnVotes(const StepContext& step) : step_(step) {}

  // REQUIRES: its record was made.
  void push(OwnVote vote) {
    ONCE_ASSERT(vote.record <= step_.last_waited_for());
    if (!votes_.empty()) vote.record = std::max(vote.record, votes_.back().record);
    votes_.push(vote);
  }
  std::optional<OwnVote> pop_durable() {
    if (votes_.empty() || votes_.front().record > step_.durable()) return {};
    const OwnVote vote = votes_.pop();
    ONCE_ASSERT(votes_.empty() || vote.record <= votes_.front().record);
    return vote;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  const StepContext& step_;
  Fifo<OwnVote> votes_;  // ascending records
};

}  // namespace once::paxos
