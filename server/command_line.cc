#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/assert.h"
#include "base/cli_parse.h"
#include "base/limits.h"
#include "server/exit_codes.h"
#include "server/memory_budget.h"

namespace once::server {
namespace {

constexpr const char* kUnsafeHelp =
    "Go on where the file system refuses O_DIRECT (tmpfs): slow, and only as durable as its sync";

std::string no_memory(const std::string& text) {
  const auto size = parse_memory(text);
  return size ? std::string() : size.error().message;
}

CLI::App* add_format(CLI::App& app, FormatOptions& options) {
  CLI::App* command = app.add_subcommand("format", "Make the data directory of a new node");
  command->add_option("--data", options.data, "Directory to make; new or empty")
      ->required()
      ->check(not_empty);
  command->add_option("--node", options.node, "Number of this node")
      ->required()
      ->check(CLI::Range(1, static_cast<int>(kMaxNodes)));
  command->add_option("--cluster", options.cluster, "Every member: 1=HOST:PORT,2=HOST:PORT,...")
      ->required();
  CLI::Option* fresh =
      command->add_flag("--new-cluster", options.new_cluster,
                        "For the first node: draw a cluster id, and print what makes the others");
  command
      ->add_option("--cluster-id", options.cluster_id,
                   "For the others: the id that was printed, 1 to 32 hex digits")
      ->check(not_empty)
      ->excludes(fresh);
  command->add_option("--segment-mib", options.segment_mib, "Size of a log segment")
      ->default_val(kDefaultSegmentBytes / (1024 * 1024))
      ->check(CLI::Range(2, 4096));
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->footer(
      "Example:\n  onced format --data /var/lib/once --node 1 \\\n"
      "    --cluster 1=10.0.0.1:7501,2=10.0.0.2:7501,3=10.0.0.3:7501 --new-cluster\n"
      "It prints the commands for the other nodes, with the id of the cluster.");
  return command;
}

CLI::App* add_start(CLI::App& app, StartOptions& options) {
  CLI::App* command = app.add_subcommand("start", "Run a node until SIGTERM or SIGINT");
  command->add_option("--data", options.data, "Its data directory")
      ->required()
      ->check(not_empty);
  command->add_option("--listen", options.listen, "HOST:PORT for clients")
      ->required()
      ->check(not_empty);
  command
      ->add_option("--advertise", options.advertise,
                   "HOST:PORT that clients are told to dial (default: --listen)")
      ->check(not_empty);
  command->add_option("--cores", options.cores, "Threads, one core each")
      ->default_val(1)
      ->check(CLI::Range(1, static_cast<int>(kMaxCores)));
  command
      ->add_option("--memory", options.memory,
                   "What it may take: bytes, 512MiB, or a part of what there is")
      ->default_val(options.memory)
      ->check(no_memory);
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
      ->default_val(options.data)
      ->check(not_empty);
  command
      ->add_option("--port", options.port,
                   "P: clients on P+1.. (one node: on P itself), peers on P+101.. (default: that of "
                   "the data, or 7400)")
      ->check(CLI::Range(1, 65535 - 200));
  command
      ->add_option("--memory", options.memory,
                   "What each node may take: bytes, 512MiB, or 20% (default: 75% for all)")
      ->check(no_memory);
  command->add_option("--cores", options.cores, "Threads of each node")
      ->default_val(1)
      ->check(CLI::Range(1, static_cast<int>(kMaxCores)));
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->add_option("--segment-mib", options.segment_mib, "Size of a log segment of new data")
      ->default_val(kDefaultDevSegmentMib)
      ->check(CLI::Range(2, 4096));
  command->add_flag("--no-restart", options.no_restart,
                    "Leave down a node that dies, instead of starting it again after a second");
  command->footer(
      "Example:\n  onced dev --nodes 3 --data /var/tmp/once --port 7400\n"
      "On a terminal it takes commands: kill 2, start 2, status, help, quit.\n"
      "To begin afresh, remove the directory.");
  return command;
}

CLI::App* add_inspect(CLI::App& app, InspectOptions& options) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show what a data directory holds, without changing it");
  command->add_option("--data", options.data, "The data directory")
      ->required()
      ->check(not_empty);
  command->add_option("name", options.name, "Show every record about this name")->check(not_empty);
  command->add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command->footer("Example:\n  onced inspect --data /var/lib/once my-name");
  return command;
}

}  // namespace

tl::expected<Command, EarlyExit> parse_command_line(int argc, const char* const* argv) {
  CLI::App app("onced: the server of once, a replicated service of write-once registers");
  app.require_subcommand(1);
  FormatOptions format;
  StartOptions start;
  DevOptions dev;
  InspectOptions inspect;
  const CLI::App* format_command = add_format(app, format);
  const CLI::App* start_command = add_start(app, start);
  const CLI::App* dev_command = add_dev(app, dev);
  const CLI::App* inspect_command = add_inspect(app, inspect);
  const CLI::App* version_command = app.add_subcommand("version", "Print the version");
  if (auto early = parse_cli(app, argc, argv, kExitUsage)) return tl::unexpected(std::move(*early));
  if (format_command->parsed() && !format.new_cluster && format.cluster_id.empty()) {
    return tl::unexpected(EarlyExit{
        kExitUsage, "",
        "onced: give --new-cluster for the first node, or the printed id by --cluster-id\n"});
  }
  if (format_command->parsed()) return format;
  if (start_command->parsed()) return start;
  if (dev_command->parsed()) return dev;
  if (inspect_command->parsed()) return inspect;
  ONCE_ASSERT(version_command->parsed());
  return VersionOptions{};
}

}  // namespace once::server
