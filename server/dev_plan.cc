#include "server/dev_plan.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "base/descriptor.h"
#include "base/host_port.h"
#include "base/name_resolver.h"
#include "server/exit_codes.h"

namespace once::server {
namespace {

constexpr int kPeerPorts = 100;  // above those for clients
constexpr int kBindTries = 20;   // a second: a node that ended holds its port a moment longer
constexpr auto kBindPause = std::chrono::milliseconds(50);

using Refused = tl::unexpected<DevRefusal>;

Refused refuse(int exit_code, std::string message) {
  return Refused(DevRefusal{exit_code, std::move(message)});
}

std::string loopback(int port) { return fmt::format("127.0.0.1:{}", port); }

bool is_to_be_formatted(const std::string& directory) {
  std::error_code failed;
  return !std::filesystem::exists(directory, failed) ||
         std::filesystem::is_empty(directory, failed);
}

// Such that the members' ports are those that dev gives for it; 0: they are of another make.
int port_of(const Configuration& configuration) {
  int port = 0;
  for (const auto& [node, address] : configuration.members) {
    const auto number = port_number(port_digits(address));
    if (!number || address != loopback(*number)) return 0;
    const int base = *number - kPeerPorts - node.value;
    if (base < 1) return 0;
    if (port != 0 && port != base) return 0;
    port = base;
  }
  return port;
}

// What the directories that are there say of their cluster; none is there: no member.
tl::expected<Configuration, DevRefusal> read_all(const DevOptions& options,
                                                 const std::vector<DevNode>& nodes) {
  Configuration all;
  const DevNode* first = nullptr;
  for (const DevNode& node : nodes) {
    if (!node.formatted) continue;
    const auto found = DataDirectory::read_configuration(node.directory);
    if (!found) {
      return refuse(kExitDirectory,
                    fmt::format("{}; or give another --data", found.error().message));
    }
    if (found->members.size() != options.nodes) {
      return refuse(kExitUsage, fmt::format("{} was made for {} nodes, not {}: give --nodes {} or "
                                            "another --data",
                                            options.data, found->members.size(), options.nodes,
                                            found->members.size()));
    }
    if (found->node != node.node) {
      return refuse(kExitDirectory, fmt::format("{} belongs to node {}: give another --data",
                                                node.directory, found->node.value));
    }
    if (first != nullptr && (found->cluster != all.cluster || found->members != all.members)) {
      return refuse(kExitDirectory, fmt::format("{} and {} belong to two clusters: give another "
                                                "--data",
                                                first->directory, node.directory));
    }
    all = *found;
    first = &node;
  }
  return all;
}

ClusterId draw_cluster() {
  std::random_device random;
  ClusterId cluster;
  cluster.high = static_cast<uint64_t>(random()) << 32 | random();
  cluster.low = static_cast<uint64_t>(random()) << 32 | random();
  return cluster;
}

std::string other_port(const DevOptions& options, int had) {
  return fmt::format(
      "{} was made for --port {}, and its nodes know each other by the ports that go with it: give "
      "--port {}, or another --data for --port {}",
      options.data, had, had, *options.port);
}

// 0: it is free. Else the errno of the bind.
int taken(const std::string& address) {
  const auto found = resolve_now(address, true);
  if (!found) return EADDRNOTAVAIL;
  const SocketAddress& where = found->front();
  const Descriptor fd(::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(fd.get(), where.get(), where.size) == 0 ? 0 : errno;
}

int taken_for_long(const std::string& address) {
  int problem = taken(address);
  for (int tries = 1; problem != 0 && tries < kBindTries; ++tries) {
    std::this_thread::sleep_for(kBindPause);
    problem = taken(address);
  }
  return problem;
}

std::string bind_refusal(const DevPlan& plan, const std::string& address, int problem) {
  const std::string why =
      problem == EADDRINUSE
          ? "is in use by another process (another `onced dev`, or `make run`?): stop that one, or "
            "give another --port"
          : fmt::format("cannot be listened on ({}): give another --port", std::strerror(problem));
  return fmt::format(
      "{} {}; now it is {}: one port for each node and its clients from there on, "
      "and one for the other nodes {} above",
      address, why, plan.port, kPeerPorts);
}

}  // namespace

tl::expected<DevPlan, DevRefusal> plan_dev(const DevOptions& options) {
  DevPlan plan;
  for (uint16_t node = 1; node <= options.nodes; ++node) {
    const std::string directory = fmt::format("{}/node-{}", options.data, node);
    plan.nodes.push_back({NodeId{node}, directory, {}, !is_to_be_formatted(directory)});
  }
  auto found = read_all(options, plan.nodes);
  if (!found) return Refused(found.error());
  plan.configuration = std::move(*found);
  Configuration& all = plan.configuration;
  const bool fresh = all.members.empty();
  const int had = fresh ? 0 : port_of(all);
  if (had != 0 && options.port && *options.port != had) {
    return refuse(kExitUsage, other_port(options, had));
  }
  plan.port = options.port.value_or(had != 0 ? static_cast<uint16_t>(had) : kDefaultDevPort);
  if (fresh) {
    all.cluster = draw_cluster();
    all.segment_bytes = options.segment_mib * 1024 * 1024;
    for (const DevNode& node : plan.nodes) {
      all.members.emplace_back(node.node, loopback(plan.port + kPeerPorts + node.node.value));
    }
  }
  for (DevNode& node : plan.nodes) {
    node.client_address = loopback(options.nodes == 1 ? plan.port : plan.port + node.node.value);
    if (!node.formatted) continue;
    if (const auto user = DataDirectory::used_by(node.directory)) {
      return refuse(kExitDirectory,
                    fmt::format("{} is in use by process {} (another `onced dev`, or `make run`?): "
                                "stop that one, or give another --data and --port",
                                node.directory, *user == 0 ? "(unknown)" : std::to_string(*user)));
    }
  }
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    for (const std::string& address : {plan.nodes[i].client_address, all.members[i].second}) {
      const int problem = taken_for_long(address);
      if (problem != 0) return refuse(kExitListen, bind_refusal(plan, address, problem));
    }
  }
  return plan;
}

bool is_hopeless(int exit_code) {
  return exit_code == kExitUsage || exit_code == kExitCorrupt || exit_code == kExitDirectory ||
         exit_code == kExitNoUring || exit_code == kExitListen;
}

std::string dev_advice(int exit_code, const std::string& data) {
  switch (exit_code) {
    case kExitUsage:
      return "look at --memory and --cores";
    case kExitCorrupt:
      return fmt::format("give another --data, or remove {} to begin afresh", data);
    case kExitDirectory:
      return "give another --data";
    case kExitNoUring:
      return "the kernel refuses what the node asks: look at the seccomp profile of this container";
    case kExitListen:
      return "give another --port, or raise `ulimit -n` if the line above says so";
    case kExitMemory:
      return "give more --memory, or another --data";
    default:
      return fmt::format("look at the disk under {}", data);
  }
}

}  // namespace once::server
