#include "bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/cli_parse.h"
#include "base/endpoints.h"
#include "base/hex.h"
#include "base/limits.h"

namespace once::bench {
namespace {

constexpr int kExitUsage = 2;
constexpr size_t kMaxHotNames = 1'000'000;
constexpr size_t kMaxBenchConnections = 4096;
constexpr size_t kMaxBenchInFlight = 1u << 18;

bool parse_names(const std::string& text, size_t& hot_names) {
  if (text == "unique") return hot_names = 0, true;
  if (text.rfind("hot:", 0) != 0) return false;
  const char* end = text.data() + text.size();
  auto [stop, problem] = std::from_chars(text.data() + 4, end, hot_names);
  return problem == std::errc{} && stop == end && hot_names >= 1 && hot_names <= kMaxHotNames;
}

// Empty: fine. Otherwise what is wrong, and what to do.
std::string check(const Options& o) {
  if (o.endpoints.empty()) return "--endpoints names no HOST:PORT";
  if (o.connections < 1 || o.connections > kMaxBenchConnections) {
    return fmt::format("--connections must be 1..{}", kMaxBenchConnections);
  }
  if (o.in_flight < 1 || o.in_flight > kMaxBenchInFlight) {
    return fmt::format("--in-flight must be 1..{}", kMaxBenchInFlight);
  }
  if (o.share() > kMaxInFlightPerConnection) {
    return fmt::format("a connection carries at most {} requests: raise --connections",
                       kMaxInFlightPerConnection);
  }
  if (o.value_bytes > kMaxValueBytes)
    return fmt::format("--value-size must be 0..{}", kMaxValueBytes);
  if (o.operation == paxos::Operation::kNext && o.hot_names == 0) {
    return "--op next needs --names hot:K: its tokens are compared within a name";
  }
  if (o.operation == paxos::Operation::kCas && o.hot_names == 0) {
    return "--op cas needs --names hot:K: it measures contention";
  }
  if (o.mixed && o.hot_names == 0) {
    return "--op mix needs --names hot:K: its answers are compared within a name";
  }
  if (o.operation == paxos::Operation::kWait && o.hot_names != 0) {
    return "--op wait needs --names unique: each waiter has a name of its own";
  }
  if (!(o.seconds > 0 && o.seconds <= 86400)) return "--seconds must be above 0, at most 86400";
  if (!(o.warmup_seconds >= 0 && o.warmup_seconds <= 3600)) return "--warmup must be 0..3600";
  if (!(o.rate >= 0 && o.rate <= 1e8)) return "--rate must be 0..100000000";
  return {};
}

std::string is_cluster_id(const std::string& text) {
  return cluster_id_of_hex(text) ? "" : std::string("a cluster id is ") + kClusterIdForm;
}

tl::unexpected<EarlyExit> usage_error(const std::string& message) {
  return tl::unexpected(EarlyExit{kExitUsage, "", "once-bench: " + message + "\n"});
}

}  // namespace

tl::expected<Options, EarlyExit> parse_options(int argc, const char* const* argv) {
  Options o;
  const char* environment = std::getenv("ONCE_ENDPOINTS");
  std::string endpoints =
      environment != nullptr ? environment : "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";
  std::string cluster;
  std::string names = "unique";
  CLI::App app("Load generator for once. Each name is sent to its home, as a good client does.",
               "once-bench");
  app.add_option("--endpoints", endpoints, "HOST:PORT,... (also ONCE_ENDPOINTS)")->check(not_empty);
  app.add_option("--cluster-id", cluster, "the cluster that is meant (also ONCE_CLUSTER_ID)")
      ->envname("ONCE_CLUSTER_ID")
      ->check(is_cluster_id);
  app.add_option(
         "--op", o.operation_name,
         "next checks every token; cas: each caller tries again with the version that it was told; "
         "wait: --in-flight waiters on one node, told of --rate writes a second (5000); mix: half "
         "reads, 20 % set, 15 % next, 15 % cas, every version checked")
      ->check(CLI::IsMember({"write", "read", "set", "cas", "next", "wait", "mix"}));
  app.add_option("--connections", o.connections, "spread over nodes and cores")
      ->capture_default_str();
  app.add_option("--in-flight", o.in_flight, "over all connections together")
      ->capture_default_str();
  app.add_option("--names", names, "unique, or hot:K (K names that all requests share)");
  app.add_option("--value-size", o.value_bytes, "bytes")->capture_default_str();
  app.add_option("--seconds", o.seconds, "measured time")->capture_default_str();
  app.add_option("--warmup", o.warmup_seconds, "seconds before it")->capture_default_str();
  app.add_option("--rate", o.rate,
                 "operations a second, timed from when each was due; 0: closed loop");
  app.add_option("--timeout", o.timeout_ms, "ms that a node may take for a request")
      ->check(CLI::Range(1, 600'000))
      ->capture_default_str();
  app.add_flag("--json", o.json, "one JSON object instead of the table");
  app.add_flag("--floor", o.floor, "measure this machine's round trip and log write first");
  app.add_option("--floor-dir", o.floor_dir, "directory of the log writes, on the nodes' disk")
      ->check(not_empty)
      ->capture_default_str();
  if (auto early = parse_cli(app, argc, argv, kExitUsage)) return tl::unexpected(std::move(*early));
  o.mixed = o.operation_name == "mix";
  if (o.operation_name == "cas") o.operation = paxos::Operation::kCas;
  if (o.operation_name == "read") o.operation = paxos::Operation::kRead;
  if (o.operation_name == "set") o.operation = paxos::Operation::kSet;
  if (o.operation_name == "next") o.operation = paxos::Operation::kNext;
  if (o.operation_name == "wait") o.operation = paxos::Operation::kWait;
  auto listed = split_endpoints(endpoints);
  if (!listed) return usage_error("--endpoints or ONCE_ENDPOINTS: " + listed.error().message);
  o.endpoints = std::move(*listed);
  o.cluster = cluster_id_of_hex(cluster);
  if (!o.cluster) {
    if (const std::string empty = empty_variable("ONCE_CLUSTER_ID"); !empty.empty()) {
      return usage_error(empty);
    }
  }
  const std::string wrong =
      parse_names(names, o.hot_names)
          ? check(o)
          : fmt::format("--names must be unique or hot:K, K 1..{}", kMaxHotNames);
  if (!wrong.empty()) return usage_error(wrong);
  return o;
}

}  // namespace once::bench
