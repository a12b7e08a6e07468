#include "server/metrics.h"

#include <algorithm>
#include <string_view>

namespace once::server {
namespace {

// In the order of Counter.
constexpr std::string_view kNames[] = {
    "fast_path_writes", "classic_rounds", "takeovers", "local_reads", "quorum_reads", "forwarded",
    "refused", "overloaded", "unavailable", "unknown", "rejected", "ignored_messages",
    "contradictions", "far_ballots", "ignored_senders", "ignored_ballots", "ignored_names",
    "ignored_states", "ignored_numbers", "peer_strangers", "peer_other_disks", "peer_second_links",
    "peer_other_terms", "peer_runs_too_far", "peer_messages_of_other_runs", "peer_slow_greetings",
    "held_dropped", "names", "unsettled", "connections", "clients_turned_away",
    "clients_closed_idle", "clients_closed_before_hello", "operations", "log_batches",
    "log_records", "log_bytes", "log_full", "memory_bytes", "memory_budget_bytes", "memory_short",
    "unread_closed"};
constexpr size_t kSummed = std::size(kNames);
static_assert(kSummed == static_cast<size_t>(Counter::kClaimed),
              "one name for each summed counter");

uint64_t ratio(uint64_t dividend, uint64_t divisor) {
  return divisor == 0 ? 0 : dividend / divisor;
}

}  // namespace

NamedCounters summarize(const std::vector<CoreSnapshot>& cores,
                        const std::vector<uint16_t>& peers) {
  CoreSnapshot all;
  all[Counter::kClaimed] = cores.empty() ? 0 : 1;
  for (const CoreSnapshot& core : cores) {
    for (size_t i = 0; i < kSummed; ++i) all.values[i] += core.values[i];
    all[Counter::kLogSyncNsTotal] += core[Counter::kLogSyncNsTotal];
    all[Counter::kLogSyncNsMax] =
        std::max(all[Counter::kLogSyncNsMax], core[Counter::kLogSyncNsMax]);
    all[Counter::kClaimed] = std::min(all[Counter::kClaimed], core[Counter::kClaimed]);
  }
  NamedCounters named;
  for (size_t i = 0; i < kSummed; ++i) named.emplace_back(kNames[i], all.values[i]);
  named.emplace_back("claimed", all[Counter::kClaimed]);
  const uint64_t batches = all[Counter::kLogBatches];
  named.emplace_back("log_sync_us_avg", ratio(all[Counter::kLogSyncNsTotal], batches) / 1000);
  named.emplace_back("log_sync_us_max", all[Counter::kLogSyncNsMax] / 1000);
  named.emplace_back("records_per_batch_x100", ratio(all[Counter::kLogRecords] * 100, batches));
  for (uint16_t peer : peers) {
    uint64_t round_trip_ns = 0;
    bool up = !cores.empty();
    for (const CoreSnapshot& core : cores) {
      round_trip_ns = std::max(round_trip_ns, core.peer_round_trip_ns[peer]);
      up = up && core.peer_up[peer];
    }
    const std::string prefix = "peer_" + std::to_string(peer);
    named.emplace_back(prefix + "_round_trip_us", round_trip_ns / 1000);
    named.emplace_back(prefix + "_up", up ? 1 : 0);
  }
  return named;
}

}  // namespace once::server
