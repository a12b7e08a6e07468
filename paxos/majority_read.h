// What a majority of the members holds of one name, as their answers come (DESIGN 3.4, rule 2): for
// whoever must know what was chosen, and has nobody who says that it is decided.
//
// Contract: an acceptor counts once. Chosen is what a majority holds under one ballot as one
// version; equal values under different ballots are not. The answer that makes it so is the one
// that has the state.
#pragma once

#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "paxos/ballot.h"
#include "paxos/cluster.h"
#include "paxos/votes.h"

namespace once::paxos {

class MajorityRead {
 public:
  enum class Outcome : uint8_t {
    kOpen,      // more must answer, or a majority has and this answer is none of its own
    kEmpty,     // a majority holds nothing
    kChosen,    // what this answer holds
    kDisagree,  // a majority has answered, and does not hold the same; more answers may help
  };

  // What the acceptor of one member holds, durably; a null ballot: nothing.
  Outcome count(const Cluster& cluster, Votes vote, const Ballot& ballot, uint64_t version) {
    if (votes_.has(vote)) return Outcome::kOpen;
    votes_.add(vote);
    if (ballot.is_null()) {
      none_.add(vote);
    } else if (std::pair(best_, version_) < std::pair(ballot, version)) {
      best_ = ballot;
      version_ = version;
      same_ = vote;
    } else if (best_ == ballot && version_ == version) {
      same_.add(vote);
    }
    ONCE_ASSERT(same_.count() + none_.count() <= votes_.count());  // nobody is in both
    if (cluster.is_quorum(same_)) return same_.has(vote) ? Outcome::kChosen : Outcome::kOpen;
    if (cluster.is_quorum(none_)) return Outcome::kEmpty;
    return cluster.is_quorum(votes_) ? Outcome::kDisagree : Outcome::kOpen;
  }

  size_t answers() const { return votes_.count(); }
  // The highest that was told; null: nothing.
  const Ballot& best() const { return best_; }
  uint64_t version() const { return version_; }

 private:
  Votes votes_;
  Votes none_;
  Votes same_;  // they hold (best, version)
  Ballot best_;
  uint64_t version_ = 0;
};

}  // namespace once::paxos
