// status: how every node is, once or again and again.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/output.h"
#include "client/client.h"
#include "client/commands/commands.h"
#include "client/commands/terminal.h"
#include "client/output.h"
#include "client/socket.h"
#include "client/status_table.h"

namespace once::client {
namespace {

constexpr int64_t kStatusTimeoutMs = 2000;  // of one node: a frozen one must not hold up the rest
constexpr int kMsPerSecond = 1000;

// A node of another cluster than the first that answered says nothing about that one.
void refuse_stranger(const std::vector<NodeStatus>& nodes, NodeStatus& status) {
  const auto first = std::find_if(nodes.begin(), nodes.end(),
                                  [](const NodeStatus& node) { return node.reachable; });
  if (first == nodes.end() || first->cluster == status.cluster) return;
  NodeStatus stranger;
  stranger.address = status.address;
  stranger.message = fmt::format("it is a node of cluster {}, and {}, which answered first, of {}",
                                 hex_of(status.cluster), first->address, hex_of(first->cluster));
  status = std::move(stranger);
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
    if (status.reachable && !nodes.empty()) refuse_stranger(nodes, status);
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

struct Look {
  std::vector<NodeStatus> nodes;
  bool majority = false;
  int64_t at_ns = 0;
};

Look look(const Client& client, const Arguments& arguments) {
  Look now;
  size_t members = 0;
  now.nodes = ask_everyone(client, arguments.endpoints, members);
  now.at_ns = now_ns();
  const auto reachable = static_cast<size_t>(std::count_if(
      now.nodes.begin(), now.nodes.end(), [](const NodeStatus& n) { return n.reachable; }));
  now.majority = reachable * 2 > members;
  return now;
}

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(now));
}

// Draws over what stands on the screen, and leaves no rest of it.
std::string in_place(const std::string& block) {
  std::string out = "\x1b[H";
  for (char c : block) {
    if (c == '\n') out += "\x1b[K";
    out += c;
  }
  return out + "\x1b[J";
}

int watch(const Client& client, const Arguments& arguments) {
  const bool screen = !arguments.json && isatty(STDOUT_FILENO) != 0;
  Look before;
  for (int round = 1;; ++round) {
    Look now = look(client, arguments);
    std::string block;
    if (arguments.json) {
      block = status_json(now.nodes, JsonLayout::kLine) + "\n";
    } else {
      const double seconds = static_cast<double>(now.at_ns - before.at_ns) / 1e9;
      block = clock_text() + "\n" + status_table(now.nodes, {&before.nodes, seconds}) +
              status_problems(now.nodes, now.majority);
      block = screen ? in_place(block) : block + "\n";
    }
    if (!write_stdout(block)) return not_shown();
    if (arguments.count != 0 && round == arguments.count) {
      return now.majority ? 0 : kExitUnavailable;
    }
    before = std::move(now);
    (void)::poll(nullptr, 0, arguments.watch_s * kMsPerSecond);
  }
}

}  // namespace

int status_command(const Arguments& arguments) {
  Options options = client_options(arguments);
  options.timeout_ms = std::min(options.timeout_ms, kStatusTimeoutMs);
  const Client client(options);
  if (arguments.watch_s != 0) return watch(client, arguments);
  const Look now = look(client, arguments);
  if (arguments.json) {
    if (!write_stdout(status_json(now.nodes, JsonLayout::kPretty) + "\n")) return not_shown();
  } else {
    if (!write_stdout(status_table(now.nodes, {}))) return not_shown();
    tell_people(status_problems(now.nodes, now.majority));
  }
  return now.majority ? 0 : kExitUnavailable;
}

}  // namespace once::client
