// Looks at one core after each of its steps and says which invariant is broken. One Watch for each
// run of a core. It changes nothing of what it looks at.
#pragma once

#include <string>
#include <vector>

#include "paxos/replica.h"
#include "tests/invariants/views.h"

namespace once::invariants {

enum class Pace {
  kEveryStep,  // all of the core, after each step with at most one message in it
  // A name or a round at each look, by turns, and several events in between: for cores with
  // many names. What is remembered of a name is what it was when its turn came last.
  kByTurns,
};

class Watch {
 public:
  explicit Watch(Pace pace = Pace::kEveryStep) : pace_(pace) {}
  // Empty, or the sentence that does not hold. REQUIRES: the core is between two steps, and is
  // always the same one.
  std::string look(const paxos::Replica& core);

 private:
  Pace pace_;
  bool begun_ = false;
  CoreView core_;
  std::vector<EntryView> entries_;  // as they were seen last
  std::vector<RoundView> rounds_;
  uint32_t next_entry_ = 0;
  uint32_t next_round_ = 0;
  uint64_t turn_ = 0;
};

}  // namespace once::invariants
