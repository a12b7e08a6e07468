// onced: the command line of the server. docs/operations.md describes every flag and exit code.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/assert.h"
#include "base/limits.h"
#include "net/hello.h"
#include "server/data_directory.h"
#include "server/dev.h"
#include "server/exit_codes.h"
#include "server/inspect.h"
#include "server/log_line.h"
#include "server/node.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::server {
namespace {

struct FormatOptions {
  std::string data;
  uint16_t node = 0;
  std::string cluster;
  std::string cluster_id;
  uint64_t segment_mib = 0;
  bool unsafe_buffered_log = false;
};

constexpr const char* kUnsafeHelp =
    "Go on where the file system refuses O_DIRECT (tmpfs): slow, and only as durable as its sync";

int run_format(const FormatOptions& options) {
  Configuration configuration;
  configuration.node = NodeId{options.node};
  auto members = parse_members(options.cluster);
  if (!members) return log_error(members.error().message), kExitUsage;
  auto cluster = parse_cluster_id(options.cluster_id);
  if (!cluster) return log_error(cluster.error().message), kExitUsage;
  configuration.members = std::move(*members);
  configuration.cluster = *cluster;
  configuration.segment_bytes = options.segment_mib * 1024 * 1024;
  bool member = false;
  for (const auto& entry : configuration.members) member |= entry.first == configuration.node;
  if (!member) {
    log_error(fmt::format("--cluster does not name node {}", options.node));
    return kExitUsage;
  }
  const auto made =
      DataDirectory::format(options.data, configuration, !options.unsafe_buffered_log);
  if (!made) return log_error(made.error().message), kExitDirectory;
  fmt::print("formatted {} as node {}\n", options.data, options.node);
  return kExitDone;
}

CLI::App* add_format(CLI::App& app, FormatOptions& options) {
  CLI::App* command = app.add_subcommand("format", "Make the data directory of a new node");
  command->add_option("--data", options.data, "Directory to make; new or empty")->required();
  command->add_option("--node", options.node, "Number of this node")
      ->required()
      ->check(CLI::Range(1, static_cast<int>(kMaxNodes)));
  command->add_option("--cluster", options.cluster, "Every member: 1=HOST:PORT,2=HOST:PORT,...")
      ->required();
  command->add_option("--cluster-id", options.cluster_id, "1 to 32 hex digits, the same everywhere")
      ->required();
  command->add_option("--segment-mib", options.segment_mib, "Size of a log segment")
      ->default_val(kDefaultSegmentBytes / (1024 * 1024))
      ->check(CLI::Range(2, 4096));
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->footer(
      "Example:\n  onced format --data /var/lib/once --node 1 \\\n"
      "    --cluster 1=10.0.0.1:7501,2=10.0.0.2:7501,3=10.0.0.3:7501 --cluster-id c0ffee");
  return command;
}

CLI::App* add_start(CLI::App& app, StartOptions& options) {
  CLI::App* command = app.add_subcommand("start", "Run a node until SIGTERM or SIGINT");
  command->add_option("--data", options.data, "Its data directory")->required();
  command->add_option("--listen", options.listen, "HOST:PORT for clients")->required();
  command->add_option("--advertise", options.advertise,
                      "HOST:PORT that clients are told to dial (default: --listen)");
  command->add_option("--cores", options.cores, "Threads, one core each")
      ->default_val(1)
      ->check(CLI::Range(1, static_cast<int>(kMaxCores)));
  command->add_option("--io", options.io, "Backend for I/O")
      ->default_val("uring")
      ->check(CLI::IsMember({"uring", "epoll"}));
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->footer("Example:\n  onced start --data /var/lib/once --listen 10.0.0.1:7401");
  return command;
}

CLI::App* add_dev(CLI::App& app, DevOptions& options) {
  CLI::App* command = app.add_subcommand("dev", "Run a whole cluster on this machine");
  command->add_option("--nodes", options.nodes, "How many nodes")
      ->default_val(1)
      ->check(CLI::Range(1, static_cast<int>(kMaxNodes)));
  command->add_option("--data", options.data, "Directory for the nodes' data")
      ->default_val(options.data);
  command
      ->add_option("--port", options.port,
                   "P: clients on P+1.. (one node: on P itself), peers on P+101..")
      ->default_val(options.port)
      ->check(CLI::Range(1, 65535 - 200));
  command->add_option("--cores", options.cores, "Threads of each node")
      ->default_val(1)
      ->check(CLI::Range(1, static_cast<int>(kMaxCores)));
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->footer("Example:\n  onced dev --nodes 3 --data /tmp/once --port 7400");
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("onced: the server of once, a replicated service of write-once registers");
  app.require_subcommand(1);
  FormatOptions format;
  StartOptions start;
  DevOptions dev;
  std::string inspect_data;
  std::string inspect_name;
  bool inspect_buffered = false;
  const CLI::App* format_command = add_format(app, format);
  const CLI::App* start_command = add_start(app, start);
  const CLI::App* dev_command = add_dev(app, dev);
  CLI::App* inspect_command =
      app.add_subcommand("inspect", "Show what a data directory holds, without changing it");
  inspect_command->add_option("--data", inspect_data, "The data directory")->required();
  inspect_command->add_option("name", inspect_name, "Show every record about this name");
  inspect_command->add_flag("--unsafe-buffered-log", inspect_buffered, kUnsafeHelp);
  inspect_command->footer("Example:\n  onced inspect --data /var/lib/once my-name");
  const CLI::App* version_command = app.add_subcommand("version", "Print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? kExitDone : kExitUsage;
  }
  if (format_command->parsed()) return run_format(format);
  if (start_command->parsed()) return run_node(start);
  if (dev_command->parsed()) return run_dev(dev);
  if (inspect_command->parsed()) return run_inspect(inspect_data, inspect_name, !inspect_buffered);
  ONCE_ASSERT(version_command->parsed());
  fmt::print("onced {} (protocol {})\n", ONCE_VERSION, net::kProtocolVersion);
  return kExitDone;
}

}  // namespace
}  // namespace once::server

int main(int argc, char** argv) {
  // Progress and pids must be seen by whoever reads a pipe.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // A limit on the size of files is met as a write that fails, which gets a reason and a code.
  ::signal(SIGXFSZ, SIG_IGN);
  return once::server::run(argc, argv);
}
