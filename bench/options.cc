#include "bench/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/command_line.h"
#include "base/endpoints.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/nearest_word.h"
#include "base/printable.h"
#include "base/usage.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::bench {
namespace {

constexpr int kExitUsage = 2;
constexpr size_t kMaxHotNames = 1'000'000;
constexpr size_t kMaxBenchConnections = 4096;
constexpr size_t kMaxBenchInFlight = 1u << 18;

bool parse_names(const std::string& text, size_t& hot_names, bool& unset) {
  unset = text == "unset";
  if (unset || text == "unique") return hot_names = 0, true;
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
  if (o.unset && o.operation_name != "read") {
    return "--names unset needs --op read: what is written is set";
  }
  if (!(o.seconds > 0 && o.seconds <= 86400)) return "--seconds must be above 0, at most 86400";
  if (!(o.warmup_seconds >= 0 && o.warmup_seconds <= 3600)) return "--warmup must be 0..3600";
  if (!(o.rate >= 0 && o.rate <= 1e8)) return "--rate must be 0..100000000";
  return {};
}

constexpr std::array<std::string_view, 7> kOperations = {"write", "read", "set", "cas",
                                                         "next",  "wait", "mix"};

std::string is_operation(const std::string& text) {
  if (std::find(kOperations.begin(), kOperations.end(), text) != kOperations.end()) return {};
  return fmt::format("{} not in {{{}}}", text, fmt::join(kOperations, ","));
}

std::string is_cluster_id(const std::string& text) {
  return cluster_id_of_hex(text) ? "" : fmt::format("a cluster id is {}", kClusterIdForm);
}

constexpr const char* kFooter =
    "Ctrl-C ends it early, with the results so far (exit code 130). The names that it\n"
    "writes begin with bench/ and stay in the cluster for ever; at the end it says\n"
    "how many they are.\n"
    "Examples:\n"
    "  once-bench                                      # new names, ten seconds\n"
    "  once-bench --op read --seconds 5 --json\n"
    "  once-bench --op next --names hot:1 --in-flight 256 --connections 2\n"
    "  once-bench --op cas --names hot:1               # who wins, and how often\n"
    "  once-bench --op write --rate 5000               # timed from when each was due";

std::string version_text() { return fmt::format("once-bench {}", ONCE_VERSION); }

// It has no commands, but who types `help`, or an operation without its option, is understood.
std::optional<EarlyExit> words_alone(CommandWord app, int argc, const char* const* argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "help") return EarlyExit{0, *help_about(app, ""), ""};
  if (word == "version") return EarlyExit{0, version_text() + "\n", ""};
  if (!word.empty() && !word.starts_with('-')) {
    const std::string nearest = nearest_word(word, kOperations);
    const std::string asked = nearest.empty() ? "" : "; did you mean --op " + nearest + "?";
    return EarlyExit{kExitUsage, "",
                     fmt::format("once-bench: '{}' is not expected, it takes options only{}\n"
                                 "`once-bench help` shows them.\n",
                                 printable(word), asked)};
  }
  const std::string wrong = wrong_word(app, argc, argv);
  if (wrong.empty()) return std::nullopt;
  return EarlyExit{kExitUsage, "", printable(wrong, Shown::kLines)};
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
  const CommandLine line(
      "Load generator for once. Each name is sent to its home, as a good client does.",
      "once-bench", Commands::kNone);
  const CommandWord app = line.all();
  app.add("--endpoints", endpoints, "Some nodes of the cluster, or all")
      .unit("HOST:PORT,...")
      .environment("ONCE_ENDPOINTS")
      .shown_default(endpoints)
      .check(not_empty);
  app.add("--cluster-id", cluster, "The cluster that is meant")
      .unit("HEX")
      .environment("ONCE_CLUSTER_ID")
      .check(is_cluster_id);
  app.add("--op", o.operation_name,
          "write, read, set, cas, next, wait or mix. next checks every token; cas: each caller "
          "tries "
          "again with the version that it was told; wait: --in-flight waiters on one node, told of "
          "--rate writes a second (5000); mix: half reads, 20 % set, 15 % next, 15 % cas, every "
          "version checked")
      .unit("OPERATION")
      .check(is_operation)
      .shown_default(o.operation_name);
  app.add("--connections", o.connections, "Spread over nodes and cores")
      .unit("N")
      .shown_default(std::to_string(o.connections));
  app.add("--in-flight", o.in_flight, "Requests, over all connections together")
      .unit("N")
      .shown_default(std::to_string(o.in_flight));
  app.add("--names", names,
          "unique; hot:K: K names that all requests share; or unset: "
          "reads of names that nobody wrote, a new one each time")
      .unit("KIND")
      .shown_default(names);
  app.add("--value-size", o.value_bytes, "Size of a value")
      .unit("BYTES")
      .shown_default(std::to_string(o.value_bytes));
  app.add("--seconds", o.seconds, "Measured time").unit("S").shown_default("10");
  app.add("--warmup", o.warmup_seconds, "Time before it").unit("S").shown_default("1");
  app.add("--rate", o.rate,
          "Operations a second, timed from when each was due; 0: as many as the requests in "
          "flight allow")
      .unit("R")
      .shown_default("0");
  app.add("--timeout", o.timeout_ms, "Milliseconds that a node may take for a request")
      .unit("MS")
      .within(1, 600'000)
      .shown_default(std::to_string(o.timeout_ms));
  app.add_flag("--json", o.json, "One JSON object instead of the table");
  app.add_flag("--floor", o.floor, "Measure this machine's round trip and log write first");
  app.add("--floor-dir", o.floor_dir, "Directory of the log writes, on the nodes' disk")
      .unit("DIR")
      .check(not_empty)
      .shown_default(o.floor_dir);
  app.version_flag(version_text() + "\n");
  app.footer(kFooter);
  if (auto early = words_alone(app, argc, argv)) return tl::unexpected(std::move(*early));
  if (auto early = line.parse(argc, argv, kExitUsage)) {
    if (early->code != 0) early->err = with_usage(app, early->err);
    return tl::unexpected(std::move(*early));
  }
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
      parse_names(names, o.hot_names, o.unset)
          ? check(o)
          : fmt::format("--names must be unique, unset or hot:K, K 1..{}", kMaxHotNames);
  if (!wrong.empty()) return usage_error(wrong);
  return o;
}

}  // namespace once::bench
