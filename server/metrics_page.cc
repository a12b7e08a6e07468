#include "server/metrics_page.h"

#include <fmt/format.h>

#include "net/hello.h"
#include "paxos/words.h"
#include "server/metric_writer.h"

namespace once::server {
namespace {

using Type = MetricWriter::Type;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

void put_flag(MetricWriter& out, std::string_view name, std::string_view help, bool set) {
  out.family(name, Type::kGauge, help);
  out.sample(uint64_t{set});
}

void put_durations(MetricWriter& out, const DurationFigures& figures, std::string_view operation) {
  uint64_t below = 0;
  for (size_t i = 0; i < kDurationBounds; ++i) {
    below += figures.buckets[i];
    const double bound = seconds(static_cast<uint64_t>(kDurationBoundsNs[i]));
    out.sample("_bucket", below, {{"op", operation}, {"le", fmt::format("{}", bound)}});
  }
  below += figures.buckets[kDurationBounds];
  out.sample("_bucket", below, {{"op", operation}, {"le", "+Inf"}});
  out.sample("_sum", seconds(figures.sum_ns), {{"op", operation}});
  out.sample("_count", below, {{"op", operation}});
}

void put_node(MetricWriter& out, const MetricsPage& page) {
  const NodeFigures& node = page.node;
  out.family("once_build_info", Type::kGauge, "The release, its protocol of clients, and the node");
  out.sample(uint64_t{1}, {{"version", page.version},
                           {"protocol", fmt::format("{}", net::kProtocolVersion)},
                           {"node", fmt::format("{}", node.node.value)}});
  put_flag(out, "once_has_quorum", "1: it reaches a majority of the members, itself included",
           node.has_quorum());
  put_flag(out, "once_admitted", "1: every member has met its disk, and it votes", node.admitted);
  put_flag(out, "once_withdrawn", "1: formatted as a cluster of one and called by others",
           node.withdrawn);
  put_flag(out, "once_stopping", "1: it was told to stop", node.stopping);
  out.family("once_members", Type::kGauge, "Nodes of the cluster");
  out.sample(uint64_t{node.members()});
  out.family("once_cores", Type::kGauge, "Threads, one core each");
  out.sample(uint64_t{node.silent_ns.size()});
  out.family("once_incarnation", Type::kGauge, "How often the data directory was started");
  out.sample(uint64_t{node.incarnation.value});
  out.family("once_loop_silent_seconds", Type::kGauge, "Since the loop of each core turned");
  for (size_t core = 0; core < node.silent_ns.size(); ++core) {
    out.sample(seconds(static_cast<uint64_t>(node.silent_ns[core])),
               {{"core", fmt::format("{}", core)}});
  }
}

template <class Value>
void put_of_peers(MetricWriter& out, const NodeFigures& node, std::string_view name,
                  std::string_view help, Value value) {
  if (node.peers.empty()) return;
  out.family(name, Type::kGauge, help);
  for (const PeerFigures& peer : node.peers) {
    out.sample(value(peer), {{"peer", fmt::format("{}", peer.node.value)}});
  }
}

void put_peers(MetricWriter& out, const NodeFigures& node) {
  put_of_peers(out, node, "once_peer_up", "1: every core has a link to that node",
               [](const PeerFigures& peer) { return uint64_t{peer.up}; });
  put_of_peers(out, node, "once_peer_met", "1: that node knows the disk of this one",
               [](const PeerFigures& peer) { return uint64_t{peer.met}; });
  put_of_peers(out, node, "once_peer_round_trip_seconds",
               "Smoothed round trip to that node, of the slowest core; 0: not known",
               [](const PeerFigures& peer) { return seconds(peer.round_trip_ns); });
}

void put_traffic(MetricWriter& out, const TrafficFigures& traffic) {
  out.family("once_requests_total", Type::kCounter, "Requests of clients that were answered");
  for (size_t i = 0; i < kOperations; ++i) {
    const std::string_view operation = paxos::word_of(operation_at(i));
    for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      out.sample(traffic.answers[i][outcome],
                 {{"op", operation}, {"outcome", paxos::word_of(paxos::Status(outcome))}});
    }
  }
  out.family("once_request_duration_seconds", Type::kHistogram,
             "From a request's coming in to its answer, by the clock of the loop's rounds");
  for (size_t i = 0; i < kOperations; ++i) {
    put_durations(out, traffic.took[i], paxos::word_of(operation_at(i)));
  }
  out.family("once_log_sync_duration_seconds", Type::kHistogram,
             "From handing a batch of the log to the kernel until it is durable");
  put_durations(out, traffic.log_sync, {});
}

void put_counters(MetricWriter& out, const CoreSnapshot& all) {
  for (size_t i = 0; i < kCounters; ++i) {
    const CounterRow& row = kCounterTable[i];
    if (row.kind == Kind::kElsewhere) continue;
    out.family(metric_name(row), row.kind == Kind::kCounter ? Type::kCounter : Type::kGauge,
               row.help);
    if (row.per == 1) {
      out.sample(all.values[i]);
    } else {
      out.sample(static_cast<double>(all.values[i]) / static_cast<double>(row.per));
    }
  }
}

void put_process(MetricWriter& out, const MetricsPage& page) {
  const ProcessFigures& process = page.process;
  out.family("process_cpu_seconds_total", Type::kCounter, "Time of processors, all threads");
  out.sample(process.cpu_seconds);
  out.family("process_resident_memory_bytes", Type::kGauge, "Resident memory");
  out.sample(process.resident_bytes);
  out.family("process_virtual_memory_bytes", Type::kGauge, "Virtual memory");
  out.sample(process.virtual_bytes);
  out.family("process_open_fds", Type::kGauge, "Open files");
  out.sample(process.open_files);
  out.family("process_max_fds", Type::kGauge, "The limit of open files");
  out.sample(process.most_open_files);
  out.family("process_start_time_seconds", Type::kGauge, "The start, in seconds since 1970");
  out.sample(page.start_time_seconds);
}

}  // namespace

std::string metric_name(const CounterRow& row) {
  if (row.kind == Kind::kElsewhere) return {};
  return fmt::format("once_{}{}", row.metric.empty() ? row.name : row.metric,
                     row.kind == Kind::kCounter ? "_total" : "");
}

std::string metrics_page(const MetricsPage& page) {
  MetricWriter out;
  put_node(out, page);
  put_peers(out, page.node);
  put_traffic(out, page.node.traffic);
  put_counters(out, page.node.all);
  put_process(out, page);
  return out.text();
}

}  // namespace once::server
