// What one seed decides before its run begins: the size of the cluster, every rate of fault (zero
// among them), the load. Drawn from the seed alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"

namespace once::sim {

inline constexpr uint16_t kMaxSimCores = 3;

struct Options {
  uint64_t seed = 1;
  int64_t seconds = 10;  // of the phase with faults
};

// Mean times between two faults of a kind, over all nodes; 0: never.
struct Intervals {
  int64_t crash_ns = 0;
  int64_t pause_ns = 0;
  int64_t partition_ns = 0;
  int64_t clog_ns = 0;
  int64_t cut_ns = 0;
  int64_t clock_jump_ns = 0;
  int64_t full_disk_ns = 0;
};

struct Load {
  size_t in_flight = 1;         // operations of one client at a time
  int64_t think_ns = 10 * kMs;  // mean pause before the next
  uint32_t writes = 500'000;    // per million operations
  size_t hot_names = 1;
  uint32_t hot = 200'000;    // per million operations
  uint32_t fresh = 300'000;  // per million others: a name that nobody used yet
  uint64_t recent = 100;     // ... else one of so many that were used last
  uint32_t open = 0;         // per million operations: on a name that is no write-once switch
  uint32_t final = 0;        // per million changes of such a name: the last one
  uint32_t large = 0;        // per million writes: up to the largest value
  uint32_t retry = 500'000;  // per million operations without an outcome
  int64_t timeout_ns = kSecond;
};

struct Plan {
  size_t nodes = 3;
  size_t clients = 2;
  size_t patrons = 1;           // of each node, in the last phase
  std::vector<uint16_t> cores;  // of each node at first
  NetworkRates network;
  DiskRates disk;
  int64_t round_delay_ns = 50 * kUs;
  Intervals every;
  uint32_t silent = 0;           // per million crashes: the machine, not the process
  uint32_t crash_on_write = 0;   // per million writes
  uint32_t cores_change = 0;     // per million restarts
  bool met = true;               // the members know each other, and all may vote
  std::vector<int64_t> late_ns;  // of each node, when they have not: its first start
  uint32_t wipe = 0;             // per million restarts, while a minority is lost
  uint32_t damage = 0;           // the same: bits flipped, writes misdirected below the watermark
  uint32_t garbage = 0;          // per million restarts: behind the tail
  uint32_t drift = 0;            // per million nodes
  uint32_t slow_node = 0;        // per million nodes: a disk several times slower than the others
  int64_t down_ns = kSecond;     // longest time between crash and restart
  size_t max_operations = 256;
  size_t max_tasks = 64;
  size_t round_zero_window = 256;
  size_t linger_from = kLingerFrom;
  bool alone = false;  // at the end all catch up, and one is left alone
  size_t lockers = 0;  // in the phase with faults
  size_t lock_names = 1;
  int64_t lock_ttl_ms = 0;
  bool churn = false;  // segments are closed and cleaned all the time
  Load load;
};

Plan draw_plan(uint64_t seed);
std::string describe(const Plan& plan);

}  // namespace once::sim
