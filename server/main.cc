// onced: does what the command line asks for. docs/operations.md describes every exit code.
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "base/draw_ids.h"
#include "base/guarded_main.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/output.h"
#include "base/printable.h"
#include "base/shell_word.h"
#include "server/command_line.h"
#include "server/data_directory.h"
#include "server/dev.h"
#include "server/exit_codes.h"
#include "server/inspect.h"
#include "server/log_line.h"
#include "server/node.h"
#include "server/verify.h"

namespace once::server {
namespace {

Result<ClusterId> draw_cluster_id() {
  ClusterId cluster;
  if (!kernel_random(&cluster, sizeof cluster) || cluster == ClusterId{}) {
    return error("the system gives no random bits (getrandom fails): give --cluster-id yourself");
  }
  return cluster;
}

// What was given for this node, as another one needs it: all of it, so that nothing is lost.
std::string format_line(const FormatOptions& options, NodeId node, const std::string& id) {
  std::string line = "onced format";
  for (const GivenOption& option : options.given) {
    GivenOption theirs = option;
    if (option.name == "--node") theirs.value = std::to_string(node.value);
    if (option.name == "--new-cluster") theirs = {"--cluster-id", id};
    line += ' ' + words_of(theirs);
  }
  return line;
}

// The commands that make the other nodes, to be copied as they are.
std::string how_to_go_on(const FormatOptions& options, const Configuration& configuration) {
  const std::string id = hex_of(configuration.cluster);
  std::string text = fmt::format("cluster id: {}\n", id);
  for (const auto& [node, address] : configuration.members) {
    if (node == configuration.node) continue;
    text +=
        fmt::format("# node {}, at {}:\n{}\n", node.value, address, format_line(options, node, id));
  }
  text += fmt::format(
      "# then each of them, this one too:\n"
      "onced start --data {} --listen HOST:PORT{}\n",
      shell_word(options.data), options.unsafe_buffered_log ? " --unsafe-buffered-log" : "");
  return printable(text, Shown::kLines);
}

bool print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return true;
  log_error(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  return false;
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
  // What was made stays made, whether or not somebody could read of it.
  std::string text =
      fmt::format("formatted {} as node {}\n", printable(options.data), options.node);
  if (options.new_cluster) text += how_to_go_on(options, configuration);
  if (!print(text)) {
    log_warning(fmt::format("{} was formatted all the same, as node {} of cluster {}", options.data,
                            options.node, hex_of(configuration.cluster)));
  }
  return kExitDone;
}

int run(const StartOptions& options) { return run_node(options); }
int run(const DevOptions& options) { return run_dev(options); }
int run(const InspectOptions& options) {
  return run_inspect(options.data, options.name, !options.unsafe_buffered_log);
}
int run(const VerifyOptions& options) {
  return run_verify(options.data, !options.unsafe_buffered_log);
}
int run(const VersionOptions&) { return print(version_text() + "\n") ? kExitDone : kExitError; }

int run_command(int argc, const char* const* argv) {
  const auto command = parse_command_line(argc, argv);
  if (!command) return say(command.error());
  try {
    return std::visit([](const auto& options) { return run(options); }, *command);
  } catch (const std::bad_alloc&) {
    log_last_error(
        "out of memory: the system gives no more; the machine, its control group or "
        "`ulimit -v` have to give it");
    return kExitMemory;
  } catch (const std::system_error& failure) {
    log_last_error(
        fmt::format("the system refused something: {}; if it was a thread, see "
                    "`ulimit -u`, TasksMax= and pids.max",
                    failure.what()));
    return kExitError;
  } catch (const std::exception& failure) {
    log_last_error(fmt::format("unexpected: {}", failure.what()));
    return kExitError;
  }
}

}  // namespace
}  // namespace once::server

int main(int argc, char** argv) {
  (void)once::hold_standard_descriptors(once::Held::kSink);
  // A limit on the size of files, and a reader that is gone, are met as a write that fails, which
  // gets a reason and a code.
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  // Whatever a node makes is for its owner alone.
  ::umask(077);
  return once::guarded_main("onced", [&] { return once::server::run_command(argc, argv); });
}
