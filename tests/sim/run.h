// One run: builds the world of a seed, runs its two phases, checks what came of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/check/history.h"
#include "tests/sim/fairness.h"
#include "tests/sim/lock_judge.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/rare_branches.h"
#include "tests/sim/world.h"

namespace once::sim {

struct RunResult {
  uint64_t seed = 0;
  uint64_t hash = 0;
  int64_t simulated_ns = 0;
  int64_t healing_ns = 0;  // from the healing of a majority to the last answer
  uint64_t events = 0;
  uint64_t operations = 0;
  uint64_t retries = 0;
  uint64_t answered = 0;                            // with an outcome that is known
  std::array<uint64_t, check::kActions> actions{};  // answered, by operation
  uint64_t changes = 0;                             // in all proposals that were chosen
  uint64_t composed = 0;                            // proposals that made several
  uint64_t lingered = 0;                            // proposals that waited for more
  uint64_t local_reads = 0;
  uint64_t quorum_reads = 0;
  uint64_t records = 0;
  uint64_t cleaned = 0;  // segments
  LockCounts locks{};
  WaitFigures waits;
  FaultCounts faults{};
  std::array<uint64_t, kPaths> decisions{};
  RareCounts rare{};
  std::string plan;
  std::string violation;  // empty: none
};

RunResult run_seed(const Options& options, Story* story);

// Hears all of a run: what the world tells, and every byte between hosts.
class Listener : public Story, public Observer {
 public:
  // Before the first word. Hosts 0 .. nodes-1 are nodes, the others clients.
  virtual void listen(const World& world, size_t nodes) = 0;
};
RunResult run_seed(const Options& options, Listener& listener);

}  // namespace once::sim
