// Every figure of a core: what `once status` calls it, where it stands, what it is to Prometheus,
// and how it is put together over the cores. The names are defined in docs/operations.md; scripts
// rely on them.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

#include "server/counter_row.h"

namespace once::server {

namespace counter_parts {

// In the order in which they are shown.
inline constexpr CounterRow kTable[] = {
    {"changes", replica<&Replica::changes>, Kind::kCounter,
     "Versions decided that this node proposed"},
    {"fast_path_writes", replica<&Replica::fast_path_writes>, Kind::kCounter,
     "Proposals decided in round 0 by this node as home, in one round trip"},
    {"confirmations", replica<&Replica::confirmations>, Kind::kCounter,
     "Proposals that asked only whether the state still stands"},
    {"composed", replica<&Replica::composed>, Kind::kCounter,
     "Proposals that made several changes at once"},
    {"lingered", replica<&Replica::lingered>, Kind::kCounter,
     "Proposals that waited a moment for more changes"},
    {"classic_rounds", replica<&Replica::classic_rounds>, Kind::kCounter,
     "Prepares begun, of two round trips"},
    {"takeovers", replica<&Replica::takeovers>, Kind::kCounter,
     "Prepares for names homed at other nodes"},
    {"local_reads", replica<&Replica::local_reads>, Kind::kCounter,
     "Reads, checks and waits answered without asking another node"},
    {"quorum_reads", replica<&Replica::quorum_reads>, Kind::kCounter,
     "Reads for which a majority was asked"},
    {"forwarded", replica<&Replica::forwarded>, Kind::kCounter, "Requests sent on to another node"},
    {"forwarded_full", replica<&Replica::forwarded_full>, Kind::kCounter,
     "Changes sent on because this node had no room"},
    {"refused", replica<&Replica::refused>, Kind::kCounter,
     "Requests refused for what the register holds: already set, conflict, sealed, id reused"},
    {"overloaded", overloaded, Kind::kCounter, "Requests that met a bound; nothing happened"},
    {"unavailable", replica<&Replica::unavailable>, Kind::kCounter,
     "Requests for which no majority could be asked; nothing happened"},
    {"unknown", replica<&Replica::unknown>, Kind::kCounter,
     "Requests answered: it may have happened"},
    {"rejected", replica<&Replica::rejected>, Kind::kCounter,
     "Prepares and accepts turned down for a higher ballot"},
    {"ignored_messages", replica<&Replica::ignored_messages>, Kind::kCounter,
     "Messages of peers that break the protocol"},
    {"contradictions", replica<&Replica::contradictions>, Kind::kCounter,
     "Ignored: another state where one was accepted or decided"},
    {"far_ballots", replica<&Replica::far_ballots>, Kind::kCounter,
     "Ignored: rounds further ahead than duels can have come"},
    {"ignored_senders", replica<&Replica::ignored_senders>, Kind::kCounter,
     "Ignored: from no other member, or of no core that it has"},
    {"ignored_ballots", replica<&Replica::ignored_ballots>, Kind::kCounter,
     "Ignored: not the sender's ballot, or of a round that nobody may use so"},
    {"ignored_names", replica<&Replica::ignored_names>, Kind::kCounter,
     "Ignored: about no name, or one of another core"},
    {"ignored_states", replica<&Replica::ignored_states>, Kind::kCounter,
     "Ignored: with a state that nobody can have accepted so"},
    {"ignored_numbers", replica<&Replica::ignored_numbers>, Kind::kCounter,
     "Ignored: with numbers of round 0 that were never given out"},
    {"peer_strangers", refused<Refusal::kStranger>, Kind::kCounter,
     "Connections to the peer port by no peer of this cluster"},
    {"peer_other_disks", refused<Refusal::kOtherDisk>, Kind::kCounter,
     "Peers refused for another disk than is known"},
    {"peer_second_links", refused<Refusal::kSecondLink>, Kind::kCounter,
     "Connections refused in the name of a node whose link is alive"},
    {"peer_other_terms", refused<Refusal::kOtherTerms>, Kind::kCounter,
     "Peers refused for other cores or another client address"},
    {"peer_runs_too_far", refused<Refusal::kRunTooFar>, Kind::kCounter,
     "Peers refused for a run too far after the last known one"},
    {"peer_messages_of_other_runs", refused<Refusal::kOtherRun>, Kind::kCounter,
     "Messages ignored for being of another run than their link"},
    {"peer_slow_greetings", refused<Refusal::kSlowGreeting>, Kind::kCounter,
     "Connections that did not end their greeting in time"},
    {"held_dropped", own<&Own::held_dropped>, Kind::kCounter,
     "Messages dropped because too much waited for the disk"},
    {"names", replica<&Replica::names>, Kind::kGauge, "Registers in memory"},
    {"unsettled", replica<&Replica::unsettled>, Kind::kGauge,
     "Names whose state their home is not known to hold yet"},
    {"behind", catch_up<&CatchUp::behind>, Kind::kGauge, "Names that this node is known to lack"},
    {"caught_up", catch_up<&CatchUp::learned>, Kind::kCounter,
     "Names that this node lacked and has learned"},
    {"caught_up_per_s", catch_up<&CatchUp::per_second>, Kind::kElsewhere, "once_caught_up_total"},
    {"in_sync", catch_up<&CatchUp::in_sync>, Kind::kGauge,
     "1: this node knows of nothing that it lacks", OverCores::kLeast},
    {"compared_ms", catch_up<&CatchUp::compared_ms>, Kind::kGauge,
     "Time since the last comparison with other nodes ended", OverCores::kMost, true,
     "compared_ago_seconds", 1000},
    {"waiting", replica<&Replica::waiting>, Kind::kGauge, "Waits that are not answered yet"},
    {"connections", own<&Own::connections>, Kind::kGauge, "Clients connected now"},
    {"clients_turned_away", door<&Door::turned_away>, Kind::kCounter,
     "Connections that found no place"},
    {"clients_closed_idle", door<&Door::closed_idle>, Kind::kCounter,
     "Idle connections that gave their place to others"},
    {"clients_closed_before_hello", door<&Door::closed_before_hello>, Kind::kCounter,
     "Connections that said no hello in time"},
    {"operations", own<&Own::operations>, Kind::kGauge, "Requests in hand now"},
    {"log_batches", log<&Log::batches>, Kind::kCounter, "Writes of the log"},
    {"log_records", log<&Log::records>, Kind::kCounter, "Records written to the log"},
    {"log_bytes", log<&Log::bytes_written>, Kind::kCounter,
     "Bytes written to the log, with headers and padding"},
    {"log_segments", log<&Log::segments>, Kind::kCounter, "Files of the log that were written to"},
    {"log_file_bytes", own<&Own::log_file_bytes>, Kind::kGauge, "What the files of the log take"},
    {"log_needed_bytes", own<&Own::log_needed_bytes>, Kind::kGauge,
     "What of the files of the log is needed"},
    {"log_segments_cleaned", cleaner<&Cleaned::segments>, Kind::kCounter,
     "Log segments of which all that is needed was written anew"},
    {"log_kept_bytes", cleaner<&Cleaned::kept_bytes>, Kind::kCounter,
     "Bytes that cleaning wrote anew"},
    {"log_segments_recycled", log<&Log::recycled>, Kind::kCounter,
     "Files of cleaned segments put to use again"},
    {"log_segments_removed", log<&Log::removed>, Kind::kCounter,
     "Files of cleaned segments removed"},
    {"log_full", own<&Own::log_full>, Kind::kGauge,
     "More than 0: no room for the log, new names are left to others or refused"},
    {"disk_slow", own<&Own::disk_slow>, Kind::kGauge, "More than 0: writes of the log stall"},
    {"memory_bytes", own<&Own::memory_bytes>, Kind::kGauge, "Memory that is counted and set aside"},
    {"memory_budget_bytes", own<&Own::memory_budget>, Kind::kGauge, "What --memory gives"},
    {"memory_short", own<&Own::memory_short>, Kind::kGauge,
     "Cores that leave new names and changes to others for want of memory"},
    {"unread_closed", own<&Own::unread_closed>, Kind::kCounter,
     "Clients closed because they did not read their answers"},
    {"claimed", own<&Own::claimed>, Kind::kGauge, "1: round 0 is open to this node as home",
     OverCores::kLeast},
    {"log_sync_ns_total", log<&Log::sync_ns_total>, Kind::kElsewhere,
     "once_log_sync_duration_seconds", OverCores::kSum, false},
    {"log_sync_ns_max", log<&Log::sync_ns_max>, Kind::kGauge,
     "The longest write of the log since the start", OverCores::kMost, false,
     "log_sync_longest_seconds", 1000000000},
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

}  // namespace once::server
