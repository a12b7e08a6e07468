// Many seeds over several processes: a run that dies (an assertion of the product) ends its worker
// and counts as a violation of its seed, not of the others.
#pragma once

#include "tests/sim/report.h"

namespace once::sim {

struct Batch {
  uint64_t first = 1;
  uint64_t last = 1;
  int64_t seconds = 10;
  size_t jobs = 1;
  bool twice = false;       // each seed again, and the hashes compared
  bool keep_going = false;  // past the first violation
};

Summary run_batch(const Batch& batch);
// One seed in this process; twice if asked for.
RunResult run_checked(const Options& options, bool twice);

}  // namespace once::sim
