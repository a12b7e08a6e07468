#include "bench/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/command_line.h"
#include "base/endpoints.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/nearest_word.h"
#include "base/parse_number.h"
#include "base/printable.h"
#include "base/usage.h"
#include "bench/names.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::bench {
namespace {

constexpr int kExitUsage = 2;
constexpr size_t kMaxHotNames = 1'000'000;
constexpr size_t kMaxBenchConnections = 4096;
constexpr size_t kMaxBenchInFlight = 1u << 18;
constexpr size_t kMaxSweptValues = 64;
constexpr size_t kMaxRepeats = 1000;
constexpr size_t kMaxThreads = NameSource::kMaxLoads;

// The first ones have one more, where it does not come out even.
size_t even_share(size_t whole, size_t threads, size_t thread) {
  return whole / threads + (thread < whole % threads ? 1 : 0);
}

bool parse_names(const std::string& text, Options& o) {
  o.unset = text == "unset";
  if (o.unset || text == "unique") return true;
  constexpr std::pair<std::string_view, Popularity> kKinds[] = {{"hot:", Popularity::kInTurn},
                                                                {"uniform:", Popularity::kUniform},
                                                                {"zipf:", Popularity::kZipf}};
  for (const auto& [kind, popularity] : kKinds) {
    if (!text.starts_with(kind)) continue;
    o.popularity = popularity;
    using Count = decltype(o.hot_names);
    o.hot_names = parse_number<Count>(std::string_view(text).substr(kind.size())).value_or(0);
    return o.hot_names >= 1 && o.hot_names <= kMaxHotNames;
  }
  return false;
}

// "in-flight=1,16,64" or "rate=1000,2000". Empty: fine.
std::string parse_sweep(std::string_view text, Options& o) {
  constexpr const char* kForm =
      "--sweep is in-flight=N,N,... or rate=R,R,..., of at most 64 values";
  if (text.empty()) return {};
  if (text.starts_with("in-flight=")) o.swept = Swept::kInFlight;
  if (text.starts_with("rate=")) o.swept = Swept::kRate;
  if (o.swept == Swept::kNothing) return kForm;
  text.remove_prefix(text.find('=') + 1);
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    const auto value = parse_number<double>(text.substr(0, comma));
    const bool whole = value && *value == std::floor(*value);
    if (!value || *value <= 0 || *value > 1e9 || (o.swept == Swept::kInFlight && !whole))
      return kForm;
    o.swept_values.push_back(*value);
    text.remove_prefix(more ? comma + 1 : 0);
  }
  return o.swept_values.size() <= kMaxSweptValues ? "" : kForm;
}

// "p99.9=5ms". Empty: fine.
std::string parse_target(std::string_view text, Options& o) {
  constexpr const char* kForm =
      "--find-rate is a percentile and its limit, as p99.9=5ms or p50=800us";
  if (text.empty()) return {};
  const size_t equals = text.find('=');
  if (!text.starts_with('p') || equals == std::string_view::npos) return kForm;
  const auto percent = parse_number<double>(text.substr(1, equals - 1));
  std::string_view limit = text.substr(equals + 1);
  const double unit = limit.ends_with("us") ? 1e3 : limit.ends_with("ms") ? 1e6 : 0;
  if (unit == 0) return kForm;
  const auto value = parse_number<double>(limit.substr(0, limit.size() - 2));
  if (!percent || !value || !(*percent > 0 && *percent < 100) || !(*value > 0)) return kForm;
  o.target = RateTarget{*percent, *value * unit};
  return {};
}

// Of what makes a run one of several. Empty: fine.
std::string check_series(const Options& o) {
  if (o.repeats < 1 || o.repeats > kMaxRepeats) {
    return fmt::format("--repeat must be 1..{}", kMaxRepeats);
  }
  if (o.target && (o.swept != Swept::kNothing || o.repeats > 1 || o.rate > 0 || o.csv)) {
    return "--find-rate chooses the rates itself: leave out --sweep, --repeat, --rate and --csv";
  }
  if (o.target && !o.plot_path.empty()) return "--plot shows a run or a --sweep, not a search";
  if ((o.is_series() || o.target) && !o.percentiles_path.empty()) {
    return "--percentiles are of one run: leave out --sweep, --repeat, --find-rate and --csv";
  }
  if (o.swept == Swept::kRate && o.rate > 0)
    return "--sweep rate=... gives the rates: leave out --rate";
  const bool waits = o.operation == paxos::Operation::kWait;
  if (waits && (o.swept == Swept::kRate || o.target)) {
    return "--op wait has one rate, that of its writes";
  }
  const bool open = o.rate > 0 || o.swept == Swept::kRate || o.target;
  if (o.poisson && !open) return "--schedule poisson needs a --rate";
  if (o.csv && o.json) return "--csv and --json exclude each other";
  return {};
}

// Requests of the fullest connection of all threads.
size_t most_of_a_connection(const Options& o) {
  size_t most = 0;
  for (size_t thread = 0; thread < o.threads; ++thread) {
    most = std::max(most, share_of(o, thread).share());
  }
  return most;
}

// Of a run on several threads. Empty: fine.
std::string check_threads(const Options& o) {
  if (o.threads < 1 || o.threads > kMaxThreads) {
    return fmt::format("--threads must be 1..{}", kMaxThreads);
  }
  if (o.threads == 1) return {};
  if (o.operation == paxos::Operation::kWait) return "--op wait runs on one thread";
  if (o.connections < o.threads)
    return "each of the --threads needs a connection: raise --connections";
  if (o.in_flight < o.threads) return "each of the --threads needs a request: raise --in-flight";
  if (o.hot_names != 0 && o.hot_names < o.threads) {
    return "each of the --threads needs a name of its own: raise K of --names";
  }
  return {};
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
  if (std::string wrong = check_threads(o); !wrong.empty()) return wrong;
  if (most_of_a_connection(o) > kMaxInFlightPerConnection) {
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

std::string is_schedule(const std::string& text) {
  return text == "constant" || text == "poisson" ? "" : "not constant or poisson";
}

// Each run as it will be.
std::string check_all(const Options& o) {
  if (std::string wrong = check_series(o); !wrong.empty()) return wrong;
  for (const double value : o.swept_values) {
    if (std::string wrong = check(options_at(o, value)); !wrong.empty()) {
      return fmt::format("--sweep {:g}: {}", value, wrong);
    }
  }
  return check(o);
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
    "  once-bench --op write --rate 5000               # timed from when each was due\n"
    "  once-bench --sweep in-flight=1,16,64,256 --repeat 3 --plot latency.svg\n"
    "  once-bench --find-rate p99.9=20ms --seconds 3   # how much it takes at that";

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

Options options_at(const Options& options, double value) {
  Options at = options;
  if (options.swept == Swept::kInFlight) at.in_flight = static_cast<size_t>(value);
  if (options.swept == Swept::kRate) at.rate = value;
  return at;
}

Options share_of(const Options& whole, size_t thread) {
  ONCE_ASSERT(thread < whole.threads);
  Options share = whole;
  share.connections = even_share(whole.connections, whole.threads, thread);
  share.in_flight = even_share(whole.in_flight, whole.threads, thread);
  share.hot_names = even_share(whole.hot_names, whole.threads, thread);
  share.rate = whole.rate / static_cast<double>(whole.threads);
  return share;
}

size_t connections_before(const Options& whole, size_t thread) {
  size_t before = 0;
  for (size_t i = 0; i < thread; ++i) before += even_share(whole.connections, whole.threads, i);
  return before;
}

tl::expected<Options, EarlyExit> parse_options(int argc, const char* const* argv) {
  Options o;
  std::string endpoints = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";
  std::string cluster;
  std::string names = "unique", schedule = "constant", sweep, target;
  const CommandLine line(
      "Load generator for once. Each name is sent to its home, as a good client does.",
      "once-bench", Commands::kNone);
  const CommandWord app = line.all();
  const OptionWord given_endpoints =
      app.add("--endpoints", endpoints, "Some nodes of the cluster, or all")
          .unit("HOST:PORT,...")
          .environment("ONCE_ENDPOINTS")
          .shown_default(endpoints)
          .not_empty();
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
  app.add(
         "--threads", o.threads,
         "Threads of the load, each with its share of connections, requests, rate and shared names")
      .unit("N")
      .shown_default(std::to_string(o.threads));
  app.add("--in-flight", o.in_flight, "Requests, over all connections together")
      .unit("N")
      .shown_default(std::to_string(o.in_flight));
  app.add("--names", names,
          "unique; hot:K: K names that all requests share, in turn; uniform:K: drawn; zipf:K: "
          "drawn, few of them most of the time; or unset: reads of names that nobody wrote, a new "
          "one each time")
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
  app.add("--schedule", schedule,
          "With a rate: constant, or poisson: at random times, as of many independent callers")
      .unit("KIND")
      .check(is_schedule)
      .shown_default(schedule);
  app.add("--sweep", sweep, "A run for each value: in-flight=1,16,64 or rate=1000,2000")
      .unit("WHAT=N,N,...");
  app.add("--repeat", o.repeats, "Each run so often, by turns; the table shows medians")
      .unit("N")
      .shown_default("1");
  app.add("--find-rate", target,
          "Search the highest rate with that percentile within the limit, as p99.9=5ms")
      .unit("PERCENTILE=TIME");
  app.add("--timeout", o.timeout_ms, "Milliseconds that a node may take for a request")
      .unit("MS")
      .within(1, 600'000)
      .shown_default(std::to_string(o.timeout_ms));
  app.add_flag("--json", o.json, "One JSON object instead of the table");
  app.add_flag("--csv", o.csv, "A line of comma-separated values for each run");
  app.add("--percentiles", o.percentiles_path,
          "Write all percentiles there, in the form of HdrHistogram, in microseconds")
      .unit("FILE")
      .not_empty();
  app.add("--plot", o.plot_path,
          "Draw the latencies there: of a --sweep over the throughput, of one run over the "
          "percentiles")
      .unit("FILE.svg")
      .not_empty();
  app.add_flag("--floor", o.floor, "Measure this machine's round trip and log write first");
  app.add("--floor-dir", o.floor_dir, "Directory of the log writes, on the nodes' disk")
      .unit("DIR")
      .not_empty()
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
  if (const std::string empty = empty_variable("ONCE_ENDPOINTS");
      !given_endpoints.given() && !empty.empty()) {
    return usage_error(empty);
  }
  auto listed = split_endpoints(endpoints);
  if (!listed) return usage_error("--endpoints or ONCE_ENDPOINTS: " + listed.error().message);
  o.endpoints = std::move(*listed);
  o.cluster = cluster_id_of_hex(cluster);
  if (!o.cluster) {
    if (const std::string empty = empty_variable("ONCE_CLUSTER_ID"); !empty.empty()) {
      return usage_error(empty);
    }
  }
  o.poisson = schedule == "poisson";
  std::string wrong;
  if (!parse_names(names, o)) {
    wrong = fmt::format("--names must be unique, unset, hot:K, uniform:K or zipf:K, K 1..{}",
                        kMaxHotNames);
  }
  if (wrong.empty()) wrong = parse_sweep(sweep, o);
  if (wrong.empty()) wrong = parse_target(target, o);
  if (wrong.empty()) wrong = check_all(o);
  if (!wrong.empty()) return usage_error(wrong);
  return o;
}

}  // namespace once::bench
