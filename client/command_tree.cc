#include "client/command_tree.h"

namespace once::client {
namespace {

constexpr const char* kDefaultEndpoints = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";
constexpr int kDefaultWatchSeconds = 2;
constexpr int kDaySeconds = 24 * 3600;

void add_global_options(CLI::App& app, Arguments& arguments, Texts& texts) {
  texts.endpoints = kDefaultEndpoints;
  app.add_option("--endpoints", texts.endpoints, "Any nodes of the cluster: HOST:PORT,...")
      ->envname("ONCE_ENDPOINTS")
      ->capture_default_str();
  app.add_option("--timeout", arguments.timeout_ms,
                 "Milliseconds for the command, retries included")
      ->check(CLI::Range(1, kDaySeconds * 1000))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "Print one JSON object (status: a list)");
  app.footer(
      "Exit codes: 0 done, 1 other error, 2 usage, 3 refused (already set), 4 empty,\n"
      "            5 outcome unknown (repeat with the same --request-id), 6 unavailable.\n\n"
      "Examples:\n"
      "  once write leader node-7         # exactly one caller wins; the others exit with 3\n"
      "  once read leader                 # prints the bare bytes: node-7\n"
      "  once write config - < app.toml   # the value from standard input\n"
      "  once --json status               # every node with its counters");
}

void add_name(CLI::App* command, Arguments& arguments) {
  command->add_option("NAME", arguments.name, "1 to 1024 bytes, not beginning with _")->required();
}

void add_write(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* command = app.add_subcommand("write", "Set NAME, for ever, unless it is set already");
  add_name(command, arguments);
  command->add_option("VALUE", arguments.value, "The value, or - for standard input")->required();
  command->add_option("--request-id", texts.request_id,
                      "Repeat an earlier write: its id in hexadecimal");
  command->footer(
      "Examples:\n  once write job-42 worker-a\n"
      "  once write job-42 worker-a --request-id 0af3...   # after exit code 5\n"
      "  once write -- job-42 -5                           # a value that begins with -");
  command->callback([&arguments] { arguments.command = Command::kWrite; });
}

void add_read(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("read", "Print the value of NAME");
  add_name(command, arguments);
  command->footer("Examples:\n  once read job-42\n  once --json read job-42");
  command->callback([&arguments] { arguments.command = Command::kRead; });
}

void add_status(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("status", "Ask every node how it is");
  CLI::Option* watch = command
                           ->add_option("--watch", arguments.watch_s,
                                        "Ask again every so many seconds (2), with rates")
                           ->check(CLI::Range(1, kDaySeconds))
                           ->expected(0, 1)
                           ->default_str(std::to_string(kDefaultWatchSeconds));
  command->add_option("--count", arguments.count, "With --watch: end after so many times")
      ->check(CLI::Range(1, 1'000'000))
      ->needs(watch);
  command->footer(
      "Exit code 0 when a majority is reachable, else 6.\n"
      "Examples:\n  once --endpoints 10.0.0.1:7401 status\n"
      "  once status --watch          # in place on a terminal, else block after block\n"
      "  once --json status --watch 5 # one JSON document a line");
  command->callback([&arguments, watch] {
    arguments.command = Command::kStatus;
    if (watch->count() != 0 && arguments.watch_s == 0) arguments.watch_s = kDefaultWatchSeconds;
  });
}

void add_completion(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("SHELL", texts.shell, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n  source <(once completion bash)\n"
      "  once completion fish > ~/.config/fish/completions/once.fish");
  command->callback([&arguments, &texts] {
    arguments.command = Command::kCompletion;
    arguments.shell = texts.shell == "bash"  ? Shell::kBash
                      : texts.shell == "zsh" ? Shell::kZsh
                                             : Shell::kFish;
  });
}

}  // namespace

std::unique_ptr<CLI::App> make_command_tree(Arguments& arguments, Texts& texts) {
  auto app = std::make_unique<CLI::App>(
      "Talks to a once cluster: names that can be set exactly once.", "once");
  app->require_subcommand(1);
  add_global_options(*app, arguments, texts);
  add_write(*app, arguments, texts);
  add_read(*app, arguments);
  add_status(*app, arguments);
  add_completion(*app, arguments, texts);
  for (CLI::App* command : app->get_subcommands({})) command->fallthrough();
  return app;
}

}  // namespace once::client
