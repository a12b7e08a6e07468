// peer-load: the load generator for what once is compared with, on the same reactor as once-bench.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "base/guarded_main.h"
#include "base/output.h"
#include "base/printable.h"
#include "bench/peers/peer_load.h"
#include "reactor/make_io.h"

namespace once::bench::peers {
namespace {

double microseconds(double ns) { return std::round(ns / 100) / 10; }

std::string json_of(const PeerOptions& options, const PeerResult& result) {
  const auto percentile = [&](double percent) {
    return microseconds(static_cast<double>(result.latency.percentile(percent)));
  };
  const nlohmann::ordered_json json = {
      {"op", options.reads ? "read" : "create"},
      {"protocol", options.protocol},
      {"connections", options.connections},
      {"in_flight", options.in_flight},
      {"done", result.done},
      {"measured_s", result.seconds},
      {"throughput_per_s", std::round(static_cast<double>(result.done) / result.seconds * 10) / 10},
      {"p50_us", percentile(50)},
      {"p99_us", percentile(99)},
      {"p999_us", percentile(99.9)},
      {"max_us", microseconds(static_cast<double>(result.latency.max()))},
      {"cpu_s", result.cpu_seconds},
      {"written", result.written},
      {"refused", result.refused},
      {"errors", result.errors},
      {"first_error", result.first_error},
      {"longest_gap_us", microseconds(static_cast<double>(result.longest_gap_ns))},
      {"longest_silence_us", microseconds(static_cast<double>(result.longest_silence_ns))}};
  // What a server said may be no UTF-8.
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return printable(json.dump(-1, ' ', false, replace), Shown::kJson) + "\n";
}

int complain(const std::string& what) {
  tell_line("peer-load: " + what);
  return 1;
}

int run(const PeerOptions& options) {
  auto io = reactor::make_io({.backend = reactor::choose_backend("auto").backend});
  if (!io) return complain(io.error().message);
  const PeerResult result = PeerLoad(**io, options).run();
  if (!result.failure.empty()) return complain(result.failure);
  if (!write_all(STDOUT_FILENO, json_of(options, result))) {
    return complain(fmt::format("cannot write the results: {}", std::strerror(errno)));
  }
  return result.done > 0 ? 0 : complain("nothing was done: " + result.first_error);
}

}  // namespace
}  // namespace once::bench::peers

int main(int argc, char** argv) {
  (void)once::hold_standard_descriptors(once::Held::kBroken);
  signal(SIGPIPE, SIG_IGN);
  return once::guarded_main("peer-load", [&] {
    const auto options = once::bench::peers::parse_peer_options(argc, argv);
    return options ? once::bench::peers::run(*options) : once::say(options.error());
  });
}
