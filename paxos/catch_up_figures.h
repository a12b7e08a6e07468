// What is set of a core's catching up, and what is told of it: catch_up.h does it.
#pragma once

#include <cstdint>

namespace once::paxos {

struct CatchUpOptions {
  uint32_t names_per_s = 0;  // 0: it does not catch up
  uint32_t bytes_per_s = 16 * 1024 * 1024;
  bool takes_unasked = false;  // for small worlds, which ask in the place of a core
};

struct CatchUpFigures {
  uint64_t behind = 0;   // names that are known to be missing
  uint64_t learned = 0;  // in this run
  uint64_t per_second = 0;
  uint64_t in_sync = 0;      // 1: compared with enough members since their links came up
  uint64_t compared_ms = 0;  // ago; of the newest comparison that came to its end
};

}  // namespace once::paxos
