#include "client/command_tree.h"

namespace once::client {
namespace {

constexpr const char* kDefaultEndpoints = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";
constexpr int kDefaultWatchSeconds = 2;
constexpr int kHourSeconds = 3600;
constexpr int kDaySeconds = 24 * kHourSeconds;
constexpr int kLockTtlSeconds = 10;
constexpr int kProgramWaitSeconds = 600;
constexpr int kMaxProgramWords = 4096;
constexpr int kListLimit = 1000;
constexpr int kMostListLimit = 1'000'000;

class Usage final : public CLI::Formatter {
  // The words of a command to be run.
  std::string make_option_usage(const CLI::Option* option) const override {
    if (option->get_expected_max() == 1) return CLI::Formatter::make_option_usage(option);
    return "-- " + option->get_name(true) + "...";
  }
};

// What is wrong with it, as a person would say it; or nothing.
std::string not_seconds(const std::string& text) {
  double seconds = 0;
  const bool number = CLI::detail::lexical_cast(text, seconds);
  if (number && seconds >= 0 && seconds <= kHourSeconds) return {};
  return "'" + text + "' is not a number of seconds, from 0 to " + std::to_string(kHourSeconds);
}

// An empty value is given as well: CLI11 by itself would leave an optional without one.
CLI::Option* add_text(CLI::App* app, const char* name, std::optional<std::string>& text,
                      const char* what) {
  return app->add_option_function<std::string>(
      name, [&text](const std::string& given) { text = given; }, what);
}

void add_global_options(CLI::App& app, Arguments& arguments, Texts& texts) {
  texts.endpoints = kDefaultEndpoints;
  app.add_option("--endpoints", texts.endpoints, "Any nodes of the cluster: HOST:PORT,...")
      ->envname(kEndpointsVariable)
      ->each([&texts](const std::string&) { texts.endpoints_given = true; })
      ->capture_default_str();
  add_text(&app, "--cluster-id", texts.cluster_id,
           "The cluster that is meant, as `onced format` was given; nodes of others are not used")
      ->envname(kClusterIdVariable);
  app.add_option("--timeout", arguments.timeout_ms,
                 "Milliseconds for the command, retries included")
      ->check(CLI::Range(1, kDaySeconds * 1000))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "Print one JSON object (status: a list)");
  app.add_flag("--raw", arguments.raw,
               "Print values byte for byte on a terminal too, escape sequences included");
  app.footer(
      "Exit codes: 0 done, 1 other error, 2 usage, 3 refused (already set, conflict, sealed),\n"
      "            4 empty, 5 outcome unknown, 6 unavailable, 7 not yet (wait, run), 8 lock lost.\n"
      "            run and lock pass on the exit code of the command.\n\n"
      "Examples:\n"
      "  once write leader node-7         # exactly one caller wins; the others exit with 3\n"
      "  once read leader                 # prints the bare bytes: node-7\n"
      "  once write config - < app.toml   # the value from standard input\n"
      "  once next tickets                # prints a number that nobody else gets\n"
      "  once --json status               # every node with its counters");
}

void add_name(CLI::App* command, Arguments& arguments) {
  command->add_option("NAME", arguments.name, "1 to 1024 bytes, not beginning with _")->required();
}

void add_value(CLI::App* command, Arguments& arguments) {
  command->add_option("VALUE", arguments.value, "The value, or - for standard input")->required();
}

CLI::Option* add_version(CLI::App* command, Texts& texts, const char* name, const char* what) {
  return command->add_option(name, texts.version, what);
}

void add_request_id(CLI::App* command, Texts& texts) {
  add_text(command, "--request-id", texts.request_id,
           "Repeat an earlier request: its id in hexadecimal");
}

CLI::App* add_operation(CLI::App& app, Arguments& arguments, Command which, const char* word,
                        const char* what) {
  CLI::App* command = app.add_subcommand(word, what);
  add_name(command, arguments);
  command->callback([&arguments, which] { arguments.command = which; });
  return command;
}

void add_write_once(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* write = add_operation(app, arguments, Command::kWrite, "write",
                                  "Set NAME, for ever, unless it is set already");
  add_value(write, arguments);
  add_request_id(write, texts);
  write->footer(
      "Examples:\n  once write job-42 worker-a\n"
      "  once write job-42 worker-a --request-id 0af3...   # after exit code 5\n"
      "  once write -- job-42 -5                           # a value that begins with -");
  add_operation(app, arguments, Command::kRead, "read", "Print the value of NAME")
      ->footer("Examples:\n  once read job-42\n  once --json read job-42   # its version too");
}

void add_changes(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* set = add_operation(app, arguments, Command::kSet, "set",
                                "Give NAME a new value, whatever it holds, unless it is sealed");
  add_value(set, arguments);
  set->footer(
      "After exit code 5 do not repeat it blindly: it would undo what came in between. Read\n"
      "NAME and decide.\nExamples:\n  once set greeting hello\n  once set config - < app.toml");
  CLI::App* cas = add_operation(app, arguments, Command::kCas, "cas",
                                "Give NAME a new value if it still has the version EXPECTED");
  add_version(cas, texts, "EXPECTED", "The version that was read; 0: NAME is empty")->required();
  add_value(cas, arguments);
  add_request_id(cas, texts);
  cas->footer(
      "A conflict (exit code 3) prints the value that stands there.\n"
      "Examples:\n  once cas config 7 - < app.toml\n  once cas owner 0 me   # only if it is empty");
  CLI::App* seal = add_operation(app, arguments, Command::kSeal, "seal",
                                 "Freeze NAME for ever if it still has the version EXPECTED");
  add_version(seal, texts, "EXPECTED", "The version that was read")->required();
  add_request_id(seal, texts);
  seal->footer("Examples:\n  once seal config 8");
}

void add_tokens(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* next = add_operation(app, arguments, Command::kNext, "next",
                                 "Print a fencing token of NAME: higher than all before it");
  next->footer(
      "Tokens are unique and never come again; there may be gaps.\n"
      "Examples:\n  token=$(once next tickets)");
  CLI::App* check = add_operation(app, arguments, Command::kCheck, "check",
                                  "Is TOKEN still the newest version of NAME? 0: yes, 3: no");
  add_version(check, texts, "TOKEN", "What `once next` printed")->required();
  check->footer("Examples:\n  once check tickets \"$token\" || exit");
}

void add_wait(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* wait = add_operation(app, arguments, Command::kWait, "wait",
                                 "Wait until NAME has a version above AFTER; print its value");
  add_version(wait, texts, "AFTER", "The version that is known; 0: NAME is empty (the default)");
  wait->footer(
      "It waits for as long as --timeout says; exit code 7: nothing newer came.\n"
      "Examples:\n  once --timeout 60000 wait result-42\n"
      "  once --json --timeout 60000 wait config 7   # the new version too");
}

void add_program(CLI::App* command, Arguments& arguments) {
  command->add_option("COMMAND", arguments.program, "What to run, behind --")
      ->required()
      ->expected(1, kMaxProgramWords);
}

void add_run(CLI::App& app, Arguments& arguments) {
  CLI::App* run = add_operation(app, arguments, Command::kRun, "run",
                                "Run a command once and for all in the cluster");
  add_program(run, arguments);
  arguments.wait_s = kProgramWaitSeconds;
  run->add_option("--wait", arguments.wait_s,
                  "Seconds to wait for the result of whoever runs it; 0: only look")
      ->check(CLI::Range(0, kDaySeconds))
      ->capture_default_str();
  run->footer(
      "The first to claim NAME runs the command; its exit code is written down. All others say\n"
      "who won and exit with the same code. Exit code 3: NAME was set by something else; 7: it is\n"
      "claimed, and there is no result yet: the winner may still be at work, or have died; 5: not\n"
      "known whether it was claimed for us, the command was not run.\n"
      "Examples:\n  once run migrate-2026-11 -- ./migrate.sh --all\n"
      "  once run --wait 0 report-42 -- make report");
}

void add_lock(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* lock = add_operation(app, arguments, Command::kLock, "lock",
                                 "Run a command while holding the lock NAME");
  add_program(lock, arguments);
  arguments.ttl_s = kLockTtlSeconds;
  lock->add_option("--ttl", arguments.ttl_s,
                   "Seconds without a renewal after which others may take it over")
      ->check(CLI::Range(1, kHourSeconds))
      ->capture_default_str();
  lock->add_option_function<double>(
          "--grace", [&texts](const double& seconds) { texts.grace_s = seconds; },
          "Seconds from SIGTERM to SIGKILL for a command whose lock is not renewed; so long before "
          "others may take it, it is told to end (default: a third of --ttl)")
      ->check(not_seconds);
  lock->add_option("--wait", arguments.wait_s,
                   "Seconds to wait while others hold it, or no majority answers")
      ->check(CLI::Range(0, kDaySeconds))
      ->capture_default_str();
  lock->footer(
      "The command sees ONCE_LOCK_TOKEN and ONCE_LOCK_NAME; its exit code is passed on. It must\n"
      "show the token to what it touches: a lock alone is not safe (docs/locks.md). If the lock\n"
      "is lost, the command and all that it started are stopped. To overtake a holder that died,\n"
      "--wait must be longer than that holder's TTL. Exit code 8: the lock was lost; 3: others\n"
      "hold it, or NAME is no lock; 5, 6: not acquired. In these the command was not run, but for "
      "8.\n"
      "Examples:\n  once lock nightly/backup --ttl 30 -- ./backup.sh\n"
      "  once lock --wait 0 report -- make report");
}

void add_list(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("list", "Print the names that one node knows");
  command->add_option("PREFIX", arguments.prefix, "Only names that begin so");
  arguments.limit = kListLimit;
  command->add_option("--limit", arguments.limit, "Names of one page; 0: all of them")
      ->check(CLI::Range(0, kMostListLimit))
      ->capture_default_str();
  command->add_option("--after", arguments.after, "Go on where an earlier page ended, as it says");
  command->add_flag("--long,-l", arguments.details, "Version, bytes of the value and state too");
  command->footer(
      "To look at, not to decide by: these are the names that the first node that answers knows\n"
      "at the moment, in no order that means anything; what others have just set may be missing.\n"
      "`once read` asks a majority. --timeout holds for each page. STATE: sealed, - (a variable),\n"
      "or open: a change was begun, and no majority told how it ended.\n"
      "Examples:\n  once list\n  once list job/ --long\n  once list --limit 0 | sort\n"
      "  once --json list --limit 100   # \"after\": where the next page begins, or null");
  command->callback([&arguments] { arguments.command = Command::kList; });
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
      "Talks to a once cluster: names that are set once, variables, tokens, locks.", "once");
  app->require_subcommand(1);
  app->formatter(std::make_shared<Usage>());
  add_global_options(*app, arguments, texts);
  add_write_once(*app, arguments, texts);
  add_changes(*app, arguments, texts);
  add_tokens(*app, arguments, texts);
  add_wait(*app, arguments, texts);
  add_run(*app, arguments);
  add_lock(*app, arguments, texts);
  add_list(*app, arguments);
  add_status(*app, arguments);
  add_completion(*app, arguments, texts);
  for (CLI::App* command : app->get_subcommands({})) command->fallthrough();
  return app;
}

}  // namespace once::client
