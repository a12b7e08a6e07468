// The figures of one core, published for every thread, and what `once status` makes of all of them:
// one table says what each is called, where it stands, and how it is put together over the cores.
// The names are defined in docs/operations.md; scripts rely on them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "net/client_listener.h"
#include "net/peer_links.h"
#include "paxos/replica.h"
#include "server/cleaner.h"
#include "wal/log.h"

namespace once::server {

// What is counted in a core, where it stands.
struct CoreFigures {
  const paxos::ReplicaCounters& replica;
  const wal::LogCounters& log;
  const net::PeerRefusals& refusals;
  const net::ClientDoorCounters door;
  uint64_t held_dropped = 0;
  uint64_t connections = 0;
  uint64_t operations = 0;
  CleanerCounters cleaner = {};
  uint64_t log_file_bytes = 0;
  uint64_t log_needed_bytes = 0;
  uint64_t log_full = 0;
  uint64_t memory_bytes = 0;
  uint64_t memory_budget = 0;
  uint64_t disk_slow = 0;
  uint64_t memory_short = 0;
  uint64_t unread_closed = 0;
  uint64_t claimed = 0;
};

enum class OverCores : uint8_t { kSum, kLeast, kMost };

struct CounterRow {
  std::string_view name;
  uint64_t (*of)(const CoreFigures&);
  OverCores over = OverCores::kSum;
  bool shown = true;  // else other figures are made of it
};

namespace counter_parts {

template <auto Member>
uint64_t replica(const CoreFigures& all) {
  return all.replica.*Member;
}
template <auto Member>
uint64_t catch_up(const CoreFigures& all) {
  return all.replica.catch_up.*Member;
}
template <auto Member>
uint64_t log(const CoreFigures& all) {
  return all.log.*Member;
}
template <auto Member>
uint64_t cleaner(const CoreFigures& all) {
  return all.cleaner.*Member;
}
template <auto Member>
uint64_t door(const CoreFigures& all) {
  return all.door.*Member;
}
template <net::PeerRefusal Kind>
uint64_t refused(const CoreFigures& all) {
  return all.refusals[static_cast<size_t>(Kind)];
}
template <auto Member>
uint64_t own(const CoreFigures& all) {
  return all.*Member;
}

using Replica = paxos::ReplicaCounters;
using CatchUp = paxos::CatchUpFigures;
using Log = wal::LogCounters;
using Cleaned = CleanerCounters;
using Door = net::ClientDoorCounters;
using Refusal = net::PeerRefusal;
using Own = CoreFigures;

// In the order in which they are shown.
inline constexpr CounterRow kTable[] = {
    {"changes", replica<&Replica::changes>},
    {"fast_path_writes", replica<&Replica::fast_path_writes>},
    {"confirmations", replica<&Replica::confirmations>},
    {"composed", replica<&Replica::composed>},
    {"lingered", replica<&Replica::lingered>},
    {"classic_rounds", replica<&Replica::classic_rounds>},
    {"takeovers", replica<&Replica::takeovers>},
    {"local_reads", replica<&Replica::local_reads>},
    {"quorum_reads", replica<&Replica::quorum_reads>},
    {"forwarded", replica<&Replica::forwarded>},
    {"forwarded_full", replica<&Replica::forwarded_full>},
    {"refused", replica<&Replica::refused>},
    {"overloaded", replica<&Replica::overloaded>},
    {"unavailable", replica<&Replica::unavailable>},
    {"unknown", replica<&Replica::unknown>},
    {"rejected", replica<&Replica::rejected>},
    {"ignored_messages", replica<&Replica::ignored_messages>},
    {"contradictions", replica<&Replica::contradictions>},
    {"far_ballots", replica<&Replica::far_ballots>},
    {"ignored_senders", replica<&Replica::ignored_senders>},
    {"ignored_ballots", replica<&Replica::ignored_ballots>},
    {"ignored_names", replica<&Replica::ignored_names>},
    {"ignored_states", replica<&Replica::ignored_states>},
    {"ignored_numbers", replica<&Replica::ignored_numbers>},
    {"peer_strangers", refused<Refusal::kStranger>},
    {"peer_other_disks", refused<Refusal::kOtherDisk>},
    {"peer_second_links", refused<Refusal::kSecondLink>},
    {"peer_other_terms", refused<Refusal::kOtherTerms>},
    {"peer_runs_too_far", refused<Refusal::kRunTooFar>},
    {"peer_messages_of_other_runs", refused<Refusal::kOtherRun>},
    {"peer_slow_greetings", refused<Refusal::kSlowGreeting>},
    {"held_dropped", own<&Own::held_dropped>},
    {"names", replica<&Replica::names>},
    {"unsettled", replica<&Replica::unsettled>},
    {"behind", catch_up<&CatchUp::behind>},
    {"caught_up", catch_up<&CatchUp::learned>},
    {"caught_up_per_s", catch_up<&CatchUp::per_second>},
    {"in_sync", catch_up<&CatchUp::in_sync>, OverCores::kLeast},
    {"compared_ms", catch_up<&CatchUp::compared_ms>, OverCores::kMost},
    {"waiting", replica<&Replica::waiting>},
    {"connections", own<&Own::connections>},
    {"clients_turned_away", door<&Door::turned_away>},
    {"clients_closed_idle", door<&Door::closed_idle>},
    {"clients_closed_before_hello", door<&Door::closed_before_hello>},
    {"operations", own<&Own::operations>},
    {"log_batches", log<&Log::batches>},
    {"log_records", log<&Log::records>},
    {"log_bytes", log<&Log::bytes_written>},
    {"log_segments", log<&Log::segments>},
    {"log_file_bytes", own<&Own::log_file_bytes>},
    {"log_needed_bytes", own<&Own::log_needed_bytes>},
    {"log_segments_cleaned", cleaner<&Cleaned::segments>},
    {"log_kept_bytes", cleaner<&Cleaned::kept_bytes>},
    {"log_segments_recycled", log<&Log::recycled>},
    {"log_segments_removed", log<&Log::removed>},
    {"log_full", own<&Own::log_full>},
    {"disk_slow", own<&Own::disk_slow>},
    {"memory_bytes", own<&Own::memory_bytes>},
    {"memory_budget_bytes", own<&Own::memory_budget>},
    {"memory_short", own<&Own::memory_short>},
    {"unread_closed", own<&Own::unread_closed>},
    {"claimed", own<&Own::claimed>, OverCores::kLeast},
    {"log_sync_ns_total", log<&Log::sync_ns_total>, OverCores::kSum, false},
    {"log_sync_ns_max", log<&Log::sync_ns_max>, OverCores::kMost, false},
};

}  // namespace counter_parts

inline constexpr const auto& kCounterTable = counter_parts::kTable;
inline constexpr size_t kCounters = std::size(kCounterTable);

// Its place in the table; kCounters: it is not there.
constexpr size_t counter_at(std::string_view name) {
  size_t i = 0;
  while (i < kCounters && kCounterTable[i].name != name) ++i;
  return i;
}

struct CoreSnapshot {
  CoreSnapshot() = default;
  explicit CoreSnapshot(const CoreFigures& figures) {
    for (size_t i = 0; i < kCounters; ++i) values[i] = kCounterTable[i].of(figures);
  }
  // REQUIRES: a name of the table.
  uint64_t operator[](std::string_view name) const { return values.at(counter_at(name)); }

  std::array<uint64_t, kCounters> values{};
  std::array<uint64_t, kMaxNodes + 1> peer_round_trip_ns{};
  std::array<bool, kMaxNodes + 1> peer_up{};
};

// Written by its core, read by any; each figure is whole, the set need not be of one instant.
class PublishedSnapshot {
 public:
  void publish(const CoreSnapshot& from) {
    for (size_t i = 0; i < kCounters; ++i) values_[i].store(from.values[i], kRelaxed);
    for (size_t i = 0; i <= kMaxNodes; ++i) {
      round_trips_[i].store(from.peer_round_trip_ns[i], kRelaxed);
      up_[i].store(from.peer_up[i], kRelaxed);
    }
  }
  CoreSnapshot read() const {
    CoreSnapshot to;
    for (size_t i = 0; i < kCounters; ++i) to.values[i] = values_[i].load(kRelaxed);
    for (size_t i = 0; i <= kMaxNodes; ++i) {
      to.peer_round_trip_ns[i] = round_trips_[i].load(kRelaxed);
      to.peer_up[i] = up_[i].load(kRelaxed);
    }
    return to;
  }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  std::array<std::atomic<uint64_t>, kCounters> values_{};
  std::array<std::atomic<uint64_t>, kMaxNodes + 1> round_trips_{};
  std::array<std::atomic<bool>, kMaxNodes + 1> up_{};
};

using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;

// Each as the table says, then what is made of several; of the links to a node the longest round
// trip, and whether all are up.
NamedCounters summarize(const std::vector<CoreSnapshot>& cores, const std::vector<uint16_t>& peers);

}  // namespace once::server
