// What a core counts, where it stands, and what a row of the table of counters says of one figure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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
  uint64_t turned_away = 0;  // answered `overloaded` before the replica saw them
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

// What it is to Prometheus. kElsewhere: nothing, for other metrics say it.
enum class Kind : uint8_t { kCounter, kGauge, kElsewhere };

struct CounterRow {
  std::string_view name;
  uint64_t (*of)(const CoreFigures&);
  Kind kind;
  std::string_view help;  // kElsewhere: by which family it is said
  OverCores over = OverCores::kSum;
  bool shown = true;             // else other figures are made of it
  std::string_view metric = {};  // where base units ask for another name there
  uint64_t per = 1;              // so many are one of the metric's
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
inline uint64_t overloaded(const CoreFigures& all) {
  return all.replica.overloaded + all.turned_away;
}

using Replica = paxos::ReplicaCounters;
using CatchUp = paxos::CatchUpFigures;
using Log = wal::LogCounters;
using Cleaned = CleanerCounters;
using Door = net::ClientDoorCounters;
using Refusal = net::PeerRefusal;
using Own = CoreFigures;

}  // namespace counter_parts

}  // namespace once::server
