#include "server/command_line.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/command_line.h"
#include "base/limits.h"
#include "base/printable.h"
#include "base/usage.h"
#include "net/hello.h"
#include "server/exit_codes.h"
#include "server/memory_budget.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::server {
namespace {

constexpr const char* kUnsafeHelp =
    "Go on where the file system refuses O_DIRECT (tmpfs): slow, and only as durable as its sync";
constexpr const char* kMoreHelp = "More of each option: docs/operations.md.";
constexpr const char* kExamples =
    "  onced dev --nodes 3 --data /var/tmp/once    a cluster on this machine, to try\n"
    "  onced format --data DIR --node 1 --cluster 1=HOST:PORT,... --new-cluster\n"
    "  onced start --data DIR --listen HOST:PORT   one node of a cluster\n"
    "  onced inspect --data DIR                    what a data directory holds\n"
    "  onced verify --data DIR                     whether its log is whole\n";

std::string is_backend(const std::string& text) {
  if (text == "auto" || text == "uring" || text == "epoll") return {};
  return text + " not in {auto,uring,epoll}";
}

std::string no_memory(const std::string& text) {
  const auto size = parse_memory(text);
  return size ? std::string() : size.error().message;
}

std::string is_no_part(const std::string& text) { return text == "0" ? "" : no_memory(text); }

OptionWord add_data(CommandWord command, std::string& data, const char* what) {
  return command.add("--data", data, what).unit("DIR").not_empty();
}

OptionWord add_number(CommandWord command, const char* name, const char* unit, const char* what,
                      const std::function<void(int)>& take, int least, int most) {
  return command.add_number(name, take, what).unit(unit).within(least, most);
}

void add_cores(CommandWord command, uint16_t& cores, const char* what) {
  add_number(
      command, "--cores", "N", what, [&cores](int given) { cores = static_cast<uint16_t>(given); },
      1, static_cast<int>(kMaxCores))
      .shown_default("1");
}

void add_segment(CommandWord command, uint64_t& mib, uint64_t by_default, const char* what) {
  mib = by_default;
  add_number(
      command, "--segment-mib", "MIB", what,
      [&mib](int given) { mib = static_cast<uint64_t>(given); }, 2, 4096)
      .shown_default(std::to_string(by_default));
}

OptionWord add_memory(CommandWord command, std::string& memory, const char* what) {
  return command.add("--memory", memory, what).unit("SIZE").check(no_memory);
}

void add_ready(CommandWord command, std::string& ready) {
  command
      .add("--ready", ready,
           "Memory that is there before names need it: 0, 64MiB, or 2% of --memory (a 32nd of "
           "--memory, 256MiB at most)")
      .unit("SIZE")
      .check(is_no_part);
}

CommandWord add_format(CommandWord app, FormatOptions& options) {
  CommandWord command = app.add_command("format", "Make the data directory of a new node");
  add_data(command, options.data, "Directory to make; new or empty; needed").required();
  add_number(
      command, "--node", "N", "Number of this node, 1 to 15; needed",
      [&options](int given) { options.node = static_cast<uint16_t>(given); }, 1,
      static_cast<int>(kMaxNodes))
      .required();
  command
      .add("--cluster", options.cluster,
           "Where the nodes reach each other: every member, the same list in the same "
           "order on each; needed")
      .unit("1=HOST:PORT,2=HOST:PORT,...")
      .required()
      .not_empty();
  const OptionWord fresh =
      command.add_flag("--new-cluster", options.new_cluster,
                       "For the first node: draw a cluster id, and print what makes the others");
  command
      .add("--cluster-id", options.cluster_id,
           "For the others: the id that was printed, 1 to 32 hex digits")
      .unit("HEX")
      .not_empty()
      .excludes(fresh);
  add_segment(command, options.segment_mib, kDefaultSegmentBytes / (1024 * 1024),
              "Size of a log segment");
  command.add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command.footer(
      "Example:\n  onced format --data /var/lib/once --node 1 --new-cluster \\\n"
      "    --cluster 1=10.0.0.1:7501,2=10.0.0.2:7501,3=10.0.0.3:7501\n"
      "It prints the commands for the other nodes, with the id of the cluster.");
  return command;
}

CommandWord add_start(CommandWord app, StartOptions& options) {
  CommandWord command = app.add_command("start", "Run a node until SIGTERM or SIGINT");
  add_data(command, options.data, "Its data directory; needed").required();
  command.add("--listen", options.listen, "Where clients connect; needed")
      .unit("HOST:PORT")
      .required()
      .not_empty();
  command
      .add("--advertise", options.advertise,
           "What clients are told to dial, if it is not --listen; needed where --listen is "
           "every address, as 0.0.0.0:7401")
      .unit("HOST:PORT")
      .not_empty();
  command
      .add(
          "--admin", options.admin,
          "Another address for /metrics, /livez, /readyz and /version alone; --listen has them too")
      .unit("HOST:PORT")
      .not_empty();
  command
      .add("--http-host", options.http_hosts,
           "A name under which HTTP reaches this node, as that of a proxy; may be repeated")
      .unit("NAME")
      .not_empty();
  add_cores(command, options.cores, "Threads, one core each");
  add_memory(command, options.memory, "What it may take: bytes, 512MiB, or a part of what there is")
      .shown_default(options.memory);
  add_ready(command, options.ready);
  command
      .add("--io", options.io,
           "How it asks the kernel: uring, epoll, or auto: uring where it works")
      .unit("NAME")
      .check(is_backend)
      .shown_default(options.io);
  command.add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command.footer("Example:\n  onced start --data /var/lib/once --listen 10.0.0.1:7401");
  return command;
}

CommandWord add_dev(CommandWord app, DevOptions& options) {
  CommandWord command = app.add_command("dev", "Run a whole cluster on this machine, to try it");
  add_number(
      command, "--nodes", "N", "How many nodes, 1 to 15",
      [&options](int given) { options.nodes = static_cast<uint16_t>(given); }, 1,
      static_cast<int>(kMaxNodes))
      .shown_default("1");
  add_data(command, options.data, "Directory for the nodes' data").shown_default(options.data);
  add_number(
      command, "--port", "P",
      "Clients on P+1, P+2, ... (one node: on P itself), nodes among each other on P+101, "
      "... (that of the data, or 7400)",
      [&options](int given) { options.port = static_cast<uint16_t>(given); }, 1, 65535 - 200);
  add_memory(command, options.memory,
             "What each node may take: bytes, 512MiB, or 20% (75% for all together)");
  add_ready(command, options.ready);
  add_cores(command, options.cores, "Threads of each node");
  add_segment(command, options.segment_mib, kDefaultDevSegmentMib,
              "Size of a log segment of new data");
  command.add_flag("--no-restart", options.no_restart,
                   "Leave down a node that dies; else it is started again after a second");
  command.add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command.footer(
      "Example:\n  onced dev --nodes 3 --data /var/tmp/once --port 7400\n"
      "On a terminal it takes commands: kill 2, start 2, status, help, quit.\n"
      "To begin afresh, stop it and remove the directory.");
  return command;
}

CommandWord add_inspect(CommandWord app, InspectOptions& options) {
  CommandWord command =
      app.add_command("inspect", "Show what a data directory holds, without changing it");
  add_data(command, options.data, "The data directory; needed").required();
  command.add("NAME", options.name, "Show every record about this name").not_empty();
  command.add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command.footer("Example:\n  onced inspect --data /var/lib/once my-name");
  return command;
}

CommandWord add_verify(CommandWord app, VerifyOptions& options) {
  const CommandWord command =
      app.add_command("verify", "Read all of a stopped node's log, and say whether it is whole");
  add_data(command, options.data, "The data directory; needed").required();
  command.add_flag("--unsafe-buffered-log", options.unsafe_buffered_log, kUnsafeHelp);
  command.footer(
      "Example:\n  onced verify --data /var/lib/once\n"
      "It changes nothing, and shows its progress on a terminal. Exit code 0: a start would\n"
      "take the log as it is; 65: it is damaged, and what is wrong is named; 66: it cannot\n"
      "be read, or a node is running on it (`onced inspect` looks beside one).");
  return command;
}

CommandWord add_help(CommandWord app, std::string& topic) {
  CommandWord command = app.add_command("help", "Print this, or the help of a command");
  command.add("COMMAND", topic, "Which");
  return command;
}

tl::unexpected<EarlyExit> usage(std::string text) {
  return tl::unexpected(EarlyExit{kExitUsage, "", printable(text, Shown::kLines)});
}

}  // namespace

std::string version_text() {
  return fmt::format("onced {} (protocol {})", ONCE_VERSION, net::kProtocolVersion);
}

tl::expected<Command, EarlyExit> parse_command_line(int argc, const char* const* argv) {
  const CommandLine line("onced: the server of once, a replicated service of write-once names",
                         "onced", Commands::kAtMostOne);
  const CommandWord app = line.all();
  app.footer(kMoreHelp);
  FormatOptions format;
  StartOptions start;
  DevOptions dev;
  InspectOptions inspect;
  VerifyOptions verify;
  std::string topic;
  const CommandWord format_command = add_format(app, format);
  const CommandWord start_command = add_start(app, start);
  const CommandWord dev_command = add_dev(app, dev);
  const CommandWord inspect_command = add_inspect(app, inspect);
  const CommandWord verify_command = add_verify(app, verify);
  const CommandWord version_command = app.add_command("version", "Print the version");
  const CommandWord help_command = add_help(app, topic);
  app.version_flag(version_text() + "\n");
  if (argc <= 1) return usage(short_help(app, kExamples));
  if (const std::string wrong = wrong_word(app, argc, argv); !wrong.empty()) return usage(wrong);
  if (auto early = line.parse(argc, argv, kExitUsage)) {
    if (early->code != 0) early->err = with_usage(app, early->err);
    return tl::unexpected(std::move(*early));
  }
  if (version_command.chosen()) return VersionOptions{};
  if (help_command.chosen()) {
    const auto help = help_about(app, topic);
    if (!help) return usage(no_such_command(app, topic));
    return tl::unexpected(EarlyExit{kExitDone, *help, ""});
  }
  if (format_command.chosen() && !format.new_cluster && format.cluster_id.empty()) {
    return usage(
        "onced: give --new-cluster for the first node, or the printed id by --cluster-id\n");
  }
  format.given = format_command.given();
  if (format_command.chosen()) return format;
  start.given = start_command.given();
  if (start_command.chosen()) return start;
  if (dev_command.chosen()) return dev;
  if (inspect_command.chosen()) return inspect;
  if (verify_command.chosen()) return verify;
  return usage(short_help(app, kExamples));
}

}  // namespace once::server
