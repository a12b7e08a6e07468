#include "bench/peers/peer_options.h"

#include <fmt/format.h>

#include <utility>

#include "base/command_line.h"
#include "base/endpoints.h"
#include "base/usage.h"

namespace once::bench::peers {
namespace {

constexpr int kExitUsage = 2;
constexpr uint64_t kMostConnections = 4096;
constexpr uint64_t kMostInFlight = 65'536;
constexpr uint64_t kMostValueBytes = 65'536;
constexpr uint64_t kMostReadNames = 1'000'000;
constexpr double kMostSeconds = 3600;

constexpr const char* kFooter =
    "Each caller has one request under way and asks the next as soon as it is answered. A create\n"
    "that failed is tried again with its name: that the name exists then means that it is done.\n"
    "It prints one JSON object, with the longest time that a caller, and that all of them, had\n"
    "no answer.\n"
    "Examples:\n"
    "  peer-load --protocol resp --endpoints 127.0.0.1:6379 --in-flight 64\n"
    "  peer-load --protocol etcd --op read --connections 16 --in-flight 256\n"
    "  peer-load --protocol zookeeper --timeout 250 --connections 16 --in-flight 16";

struct Numbers {
  uint64_t connections = 1;
  uint64_t in_flight = 1;
  uint64_t value_bytes = 32;
  uint64_t read_names = 10'000;
};

std::string check(const Numbers& numbers, const PeerOptions& o) {
  if (numbers.connections < 1 || numbers.connections > kMostConnections) {
    return fmt::format("--connections must be 1..{}", kMostConnections);
  }
  if (numbers.in_flight < numbers.connections || numbers.in_flight > kMostInFlight) {
    return fmt::format("--in-flight must be {}..{}: each connection carries one at least",
                       numbers.connections, kMostInFlight);
  }
  if (numbers.value_bytes > kMostValueBytes) {
    return fmt::format("--value-size must be 0..{}", kMostValueBytes);
  }
  if (numbers.read_names < 1 || numbers.read_names > kMostReadNames) {
    return fmt::format("--read-names must be 1..{}", kMostReadNames);
  }
  if (!(o.seconds > 0 && o.seconds <= kMostSeconds)) {
    return fmt::format("--seconds must be above 0, at most {}", kMostSeconds);
  }
  if (!(o.warmup_seconds >= 0 && o.warmup_seconds <= kMostSeconds)) {
    return fmt::format("--warmup must be 0..{}", kMostSeconds);
  }
  return {};
}

tl::unexpected<EarlyExit> usage_error(const std::string& message) {
  return tl::unexpected(EarlyExit{kExitUsage, "", "peer-load: " + message + "\n"});
}

}  // namespace

tl::expected<PeerOptions, EarlyExit> parse_peer_options(int argc, const char* const* argv) {
  PeerOptions o;
  Numbers numbers;
  std::string endpoints = "127.0.0.1:6379", operation = "create";
  const CommandLine line("Load generator for the peers of once: creates of new names, or reads.",
                         "peer-load", Commands::kNone);
  const CommandWord app = line.all();
  app.add("--protocol", o.protocol, "What the servers speak; resp is Redis, and once too")
      .one_of({"resp", "zookeeper", "etcd"})
      .shown_default(o.protocol);
  app.add("--endpoints", endpoints, "The connections take them in turn, and the next when one ends")
      .unit("HOST:PORT,...")
      .shown_default(endpoints)
      .not_empty();
  app.add("--op", operation, "create: if absent, each name once; read: linearizable, of those")
      .one_of({"create", "read"})
      .shown_default(operation);
  app.add("--connections", numbers.connections, "To all endpoints together")
      .unit("N")
      .shown_default("1");
  app.add("--in-flight", numbers.in_flight, "Callers, over all connections together")
      .unit("N")
      .shown_default("1");
  app.add("--seconds", o.seconds, "Measured time").unit("S").shown_default("10");
  app.add("--warmup", o.warmup_seconds, "Time before it").unit("S").shown_default("1");
  app.add("--value-size", numbers.value_bytes, "Size of a value").unit("BYTES").shown_default("32");
  app.add("--read-names", numbers.read_names, "How many names are written first, for reads")
      .unit("N")
      .shown_default("10000");
  app.add("--timeout", o.timeout_ms,
          "Milliseconds after which a caller leaves a server for the next one; 0: never")
      .unit("MS")
      .shown_default("0");
  app.footer(kFooter);
  if (auto early = line.parse(argc, argv, kExitUsage)) return tl::unexpected(std::move(*early));
  auto listed = split_endpoints(endpoints);
  if (!listed) return usage_error("--endpoints: " + listed.error().message);
  if (const std::string wrong = check(numbers, o); !wrong.empty()) return usage_error(wrong);
  o.endpoints = std::move(*listed);
  o.reads = operation == "read";
  o.connections = numbers.connections;
  o.in_flight = numbers.in_flight;
  o.value_bytes = numbers.value_bytes;
  o.read_names = numbers.read_names;
  return o;
}

}  // namespace once::bench::peers
