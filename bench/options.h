// What once-bench was asked to do: the command line as a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/early_exit.h"
#include "base/types.h"
#include "paxos/messages.h"

namespace once::bench {

// How names are drawn of those that all requests share.
enum class Popularity : uint8_t { kInTurn, kUniform, kZipf };

// What differs between the runs of a series, and takes these values one after the other.
enum class Swept : uint8_t { kNothing, kInFlight, kRate };

// The highest rate at which that percentile stays within the limit.
struct RateTarget {
  double percent = 99.9;
  double limit_ns = 0;
};

struct Options {
  std::vector<std::string> endpoints;
  std::optional<ClusterId> cluster;  // the one that is meant
  paxos::Operation operation = paxos::Operation::kWrite;
  std::string operation_name = "write";
  bool mixed = false;  // `operation` is drawn for each request
  size_t threads = 1;  // each with its share of what follows
  size_t connections = 3;
  size_t in_flight = 64;  // over all connections together
  double seconds = 10;
  double warmup_seconds = 1;
  size_t value_bytes = 64;
  double rate = 0;       // operations a second; 0: closed loop
  bool poisson = false;  // with a rate: at random times, as of many independent callers
  size_t hot_names = 0;  // 0: every write goes to a new name
  Popularity popularity = Popularity::kInTurn;
  bool unset = false;  // reads of names that nobody writes
  uint32_t timeout_ms = 5000;
  bool json = false;
  bool floor = false;
  std::string floor_dir = ".";
  Swept swept = Swept::kNothing;
  std::vector<double> swept_values;
  size_t repeats = 1;
  std::optional<RateTarget> target;
  bool csv = false;
  std::string percentiles_path;  // empty: none is written
  std::string plot_path;

  bool is_series() const { return swept != Swept::kNothing || repeats > 1 || csv; }

  // How many requests one connection may carry.
  size_t share() const { return (in_flight + connections - 1) / connections; }
};

// Of the run in which what is swept has that value.
Options options_at(const Options& options, double value);

// What one of its threads does of a run: the shares of all together are the whole.
Options share_of(const Options& whole, size_t thread);
// The connections of the threads before it: they have taken their turns at the nodes.
size_t connections_before(const Options& whole, size_t thread);
// Reads the environment variables ONCE_ENDPOINTS and ONCE_CLUSTER_ID. Prints nothing.
tl::expected<Options, EarlyExit> parse_options(int argc, const char* const* argv);

}  // namespace once::bench
