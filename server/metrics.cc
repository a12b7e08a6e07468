#include "server/metrics.h"

#include <algorithm>

namespace once::server {
namespace {

uint64_t ratio(uint64_t dividend, uint64_t divisor) {
  return divisor == 0 ? 0 : dividend / divisor;
}

uint64_t put_together(OverCores over, uint64_t one, uint64_t other) {
  switch (over) {
    case OverCores::kSum:
      return one + other;
    case OverCores::kLeast:
      return std::min(one, other);
    case OverCores::kMost:
      return std::max(one, other);
  }
  return one;
}

}  // namespace

CoreSnapshot of_all(const std::vector<CoreSnapshot>& cores) {
  if (cores.empty()) return {};
  CoreSnapshot all = cores.front();
  for (size_t core = 1; core < cores.size(); ++core) {
    for (size_t i = 0; i < kCounters; ++i) {
      all.values[i] = put_together(kCounterTable[i].over, all.values[i], cores[core].values[i]);
    }
  }
  return all;
}

LinkFigures link_figures(const std::vector<CoreSnapshot>& cores, uint16_t peer) {
  LinkFigures figures;
  figures.up = !cores.empty();
  for (const CoreSnapshot& core : cores) {
    figures.round_trip_ns = std::max(figures.round_trip_ns, core.peer_round_trip_ns[peer]);
    figures.up = figures.up && core.peer_up[peer];
  }
  return figures;
}

NamedCounters summarize(const std::vector<CoreSnapshot>& cores,
                        const std::vector<uint16_t>& peers) {
  const CoreSnapshot all = of_all(cores);
  NamedCounters named;
  for (size_t i = 0; i < kCounters; ++i) {
    if (kCounterTable[i].shown) named.emplace_back(kCounterTable[i].name, all.values[i]);
  }
  const uint64_t batches = all["log_batches"];
  named.emplace_back("log_sync_us_avg", ratio(all["log_sync_ns_total"], batches) / 1000);
  named.emplace_back("log_sync_us_max", all["log_sync_ns_max"] / 1000);
  named.emplace_back("records_per_batch_x100", ratio(all["log_records"] * 100, batches));
  for (uint16_t peer : peers) {
    const LinkFigures link = link_figures(cores, peer);
    const std::string prefix = "peer_" + std::to_string(peer);
    named.emplace_back(prefix + "_round_trip_us", link.round_trip_ns / 1000);
    named.emplace_back(prefix + "_up", link.up ? 1 : 0);
  }
  return named;
}

}  // namespace once::server
