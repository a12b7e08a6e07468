// The `once` command: write, read and status from a shell. The exit code tells the outcome.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "client/arguments.h"
#include "client/client.h"
#include "client/output.h"

namespace {

using once::client::Arguments;
using once::client::Client;
using once::client::Command;
using once::client::NodeStatus;
using once::client::Outcome;
using once::client::Result;

constexpr int kExitError = 1;
constexpr int kExitUnavailable = 6;
constexpr int64_t kStatusTimeoutMs = 2000;  // of one node: a frozen one must not hold up the rest

int usage_error(const std::string& message) {
  fmt::print(stderr, "once: {}\n", message);
  return once::client::kExitUsage;
}

bool write_stdout(std::string_view bytes) {
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() &&
                       std::fflush(stdout) == 0;
  if (!written) {
    fmt::print(stderr, "once: cannot write to standard output: {}\n", std::strerror(errno));
  }
  return written;
}

// One byte more than allowed is read, so that too long is told from exactly full.
bool read_stdin(std::string& value) {
  value.resize(once::kMaxValueBytes + 1);
  value.resize(std::fread(value.data(), 1, value.size(), stdin));
  return std::ferror(stdin) == 0;
}

once::client::Options client_options(const Arguments& arguments) {
  once::client::Options options;
  options.endpoints = arguments.endpoints;
  options.timeout_ms = arguments.timeout_ms;
  return options;
}

void explain_write(const Result& result) {
  const std::string id = once::client::to_hex(result.request_id);
  switch (result.outcome) {
    case Outcome::kDone:
      fmt::print("done: version {}, request id {}\n", result.version, id);
      break;
    case Outcome::kRefused:
      fmt::print(stderr, "refused: already set by request {}, to this value:\n",
                 once::client::to_hex(result.writer));
      (void)write_stdout(result.value);
      if (isatty(STDOUT_FILENO)) std::fputc('\n', stdout);
      break;
    case Outcome::kUnknown:
      fmt::print(stderr,
                 "unknown: the write may have happened, or may still happen ({})\n"
                 "Repeat it safely with: --request-id {}\n",
                 result.message, id);
      break;
    case Outcome::kUnavailable:
      fmt::print(stderr, "unavailable: nothing was written ({})\n", result.message);
      break;
    default:
      fmt::print(stderr, "once: {}\n", result.message);
  }
}

int run_write(Arguments& arguments) {
  if (arguments.value == "-" && !read_stdin(arguments.value)) {
    fmt::print(stderr, "once: cannot read standard input\n");
    return kExitError;
  }
  const std::string wrong = once::client::check_value(arguments.value.size());
  if (!wrong.empty()) return usage_error(wrong);
  Client client(client_options(arguments));
  const Result result = client.write(arguments.name, arguments.value, arguments.request_id);
  if (arguments.json) {
    if (!write_stdout(once::client::result_json(arguments.name, result) + "\n")) return kExitError;
  } else {
    explain_write(result);
  }
  return once::client::exit_code(result.outcome);
}

int run_read(const Arguments& arguments) {
  Client client(client_options(arguments));
  const Result result = client.read(arguments.name);
  if (arguments.json) {
    if (!write_stdout(once::client::result_json(arguments.name, result) + "\n")) return kExitError;
  } else if (result.outcome == Outcome::kDone) {
    if (!write_stdout(result.value)) return kExitError;
    if (isatty(STDOUT_FILENO) && !write_stdout("\n")) return kExitError;
  } else if (result.outcome == Outcome::kEmpty) {
    fmt::print(stderr, "empty: {} was never written\n", arguments.name);
  } else {
    fmt::print(stderr, "{}: {}\n", once::client::outcome_name(result.outcome), result.message);
  }
  return once::client::exit_code(result.outcome);
}

// Every endpoint, and every member that one of them knows and that was not asked yet.
std::vector<NodeStatus> ask_everyone(const Client& client, std::vector<std::string> addresses,
                                     size_t& member_count) {
  std::vector<NodeStatus> nodes;
  std::set<uint16_t> answered;
  std::set<uint16_t> known;
  std::set<std::string> asked;
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (!asked.insert(addresses[i]).second) continue;
    NodeStatus status = client.status(addresses[i]);
    for (const auto& [node, address] : status.members) {
      known.insert(node.value);
      if (!address.empty() && answered.count(node.value) == 0) addresses.push_back(address);
    }
    // One node may be reached by two addresses; it is one line all the same.
    if (status.reachable && !answered.insert(status.node.value).second) continue;
    nodes.push_back(std::move(status));
  }
  for (NodeStatus& node : nodes) {
    if (node.node.value != 0) continue;
    for (const NodeStatus& other : nodes) {
      for (const auto& [number, address] : other.members) {
        if (address == node.address) node.node = number;
      }
    }
  }
  std::stable_sort(nodes.begin(), nodes.end(), [](const NodeStatus& a, const NodeStatus& b) {
    return (a.node.value == 0 ? 0xffff : a.node.value) <
           (b.node.value == 0 ? 0xffff : b.node.value);
  });
  member_count = std::max(known.size(), known.empty() ? nodes.size() : size_t{1});
  return nodes;
}

int run_status(const Arguments& arguments) {
  once::client::Options options = client_options(arguments);
  options.timeout_ms = std::min(options.timeout_ms, kStatusTimeoutMs);
  const Client client(options);
  size_t members = 0;
  const auto nodes = ask_everyone(client, arguments.endpoints, members);
  const auto reachable = static_cast<size_t>(
      std::count_if(nodes.begin(), nodes.end(), [](const NodeStatus& n) { return n.reachable; }));
  if (arguments.json) {
    if (!write_stdout(once::client::status_json(nodes) + "\n")) return kExitError;
  } else {
    if (!write_stdout(once::client::status_table(nodes))) return kExitError;
    for (const NodeStatus& node : nodes) {
      if (!node.reachable) fmt::print(stderr, "{}: {}\n", node.address, node.message);
    }
  }
  return reachable * 2 > members ? 0 : kExitUnavailable;
}

}  // namespace

int main(int argc, char** argv) {
  auto arguments = once::client::parse_arguments(argc, argv);
  if (!arguments) return once::say(arguments.error());
  switch (arguments->command) {
    case Command::kWrite:
      return run_write(*arguments);
    case Command::kRead:
      return run_read(*arguments);
    case Command::kStatus:
      return run_status(*arguments);
  }
}
