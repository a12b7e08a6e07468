#include "tests/sim/world.h"

#include "base/assert.h"

namespace once::sim {

const char* fault_name(Fault fault) {
  static constexpr const char* kNames[kFaults] = {
      "frames lost",
      "frames duplicated",
      "frames reordered",
      "links clogged",
      "symmetric partitions",
      "asymmetric partitions",
      "isolations",
      "connections cut mid-frame",
      "writes torn",
      "writes lost",
      "slow writes",
      "write errors",
      "short writes",
      "bit flips",
      "misdirected writes",
      "garbage behind the tail",
      "full disks",
      "process crashes",
      "power cuts",
      "restarts",
      "restarts with other cores",
      "pauses",
      "wiped disks",
      "disks wiped before all met",
      "late first starts",
      "clock jumps",
      "drifting clocks",
  };
  return kNames[static_cast<size_t>(fault)];
}

void World::run_until(int64_t until) {
  while (!queue_.empty() && queue_.top().when <= until && violation_.empty()) {
    const Event event = queue_.top();
    queue_.pop();
    ONCE_ASSERT(event.when >= now_);
    now_ = event.when;
    ++executed_;
    mix(static_cast<uint64_t>(event.when), event.number);
    mix(event.what, event.detail);
    event.actor->on_event(event.what, event.detail);
  }
  if (violation_.empty()) now_ = std::max(now_, until);
}

void World::violation(std::string what) {
  if (!violation_.empty()) return;
  tell("VIOLATION: {}", what);
  violation_ = std::move(what);
}

}  // namespace once::sim
