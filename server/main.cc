// onced: does what the command line asks for. docs/operations.md describes every exit code.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/draw_ids.h"
#include "base/limits.h"
#include "base/printable.h"
#include "base/shell_word.h"
#include "server/command_line.h"
#include "server/data_directory.h"
#include "server/dev.h"
#include "server/directory_text.h"
#include "server/exit_codes.h"
#include "server/inspect.h"
#include "server/log_line.h"
#include "server/node.h"

namespace once::server {
namespace {

Result<ClusterId> draw_cluster_id() {
  ClusterId cluster;
  if (!kernel_random(&cluster, sizeof cluster) || cluster == ClusterId{}) {
    return error("the system gives no random bits (getrandom fails): give --cluster-id yourself");
  }
  return cluster;
}

// The commands that make the other nodes, to be copied as they are.
std::string how_to_go_on(const FormatOptions& options, const Configuration& configuration) {
  const std::string id = to_hex(configuration.cluster);
  std::string more;
  if (configuration.segment_bytes != kDefaultSegmentBytes) {
    more += fmt::format(" --segment-mib {}", options.segment_mib);
  }
  if (options.unsafe_buffered_log) more += " --unsafe-buffered-log";
  std::string text = fmt::format("cluster id: {}\n", id);
  for (const auto& [node, address] : configuration.members) {
    if (node == configuration.node) continue;
    text += fmt::format(
        "# node {}, at {}:\n"
        "onced format --data {} --node {} --cluster {} --cluster-id {}{}\n",
        node.value, address, shell_word(options.data), node.value, shell_word(options.cluster), id,
        more);
  }
  text += fmt::format(
      "# then each of them, this one too:\n"
      "onced start --data {} --listen HOST:PORT\n",
      shell_word(options.data));
  return printable(text, Shown::kLines);
}

int run(const FormatOptions& options) {
  Configuration configuration;
  configuration.node = NodeId{options.node};
  auto members = parse_members(options.cluster);
  if (!members) return log_error(members.error().message), kExitUsage;
  auto cluster = options.new_cluster ? draw_cluster_id() : parse_cluster_id(options.cluster_id);
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
  const auto advice = check_member_list(configuration.members);
  if (!advice) return log_error(advice.error().message), kExitUsage;
  const auto made =
      DataDirectory::format(options.data, configuration, !options.unsafe_buffered_log);
  if (!made) return log_error(made.error().message), kExitDirectory;
  if (!advice->empty()) log_info(*advice);
  fmt::print("formatted {} as node {}\n", printable(options.data), options.node);
  if (options.new_cluster) fmt::print("{}", how_to_go_on(options, configuration));
  return kExitDone;
}

int run(const StartOptions& options) { return run_node(options); }
int run(const DevOptions& options) { return run_dev(options); }
int run(const InspectOptions& options) {
  return run_inspect(options.data, options.name, !options.unsafe_buffered_log);
}
int run(const VersionOptions&) {
  fmt::print("{}\n", version_text());
  return kExitDone;
}

// Else the first files that are opened get their numbers, and lines for people go into these.
void hold_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

}  // namespace
}  // namespace once::server

int main(int argc, char** argv) {
  once::server::hold_standard_descriptors();
  // Progress and pids must be seen by whoever reads a pipe.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // A limit on the size of files is met as a write that fails, which gets a reason and a code.
  ::signal(SIGXFSZ, SIG_IGN);
  // Whatever a node makes is for its owner alone.
  ::umask(077);
  const auto command = once::server::parse_command_line(argc, argv);
  if (!command) return once::say(command.error());
  return std::visit([](const auto& options) { return once::server::run(options); }, *command);
}
