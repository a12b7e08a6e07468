#include "cli/command_tree.h"

#include <fmt/format.h>

#include "base/usage.h"
#include "net/hello.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

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

// The limits are told when they are broken.
CLI::Validator within(int least, int most) { return CLI::Range(least, most).description(""); }

// Shown to people by the name of its unit.
CLI::Option* in_units(CLI::Option* option, const char* unit, int least, int most) {
  return option->type_name(unit)->check(within(least, most))->capture_default_str();
}

// What is wrong with it, as a person would say it; or nothing.
std::string not_seconds(const std::string& text) {
  double seconds = 0;
  const bool number = CLI::detail::lexical_cast(text, seconds);
  if (number && seconds >= 0 && seconds <= kHourSeconds) return {};
  return "'" + text + "' is not a number of seconds, from 0 to " + std::to_string(kHourSeconds);
}

// An empty value is given as well: CLI11 by itself would leave an optional without one.
CLI::Option* add_hex(CLI::App* app, const char* name, std::optional<std::string>& text,
                     const char* what) {
  return app
      ->add_option_function<std::string>(
          name, [&text](const std::string& given) { text = given; }, what)
      ->type_name("HEX");
}

void add_global_options(CLI::App& app, Arguments& arguments, Texts& texts) {
  texts.endpoints = kDefaultEndpoints;
  app.add_option("--endpoints", texts.endpoints, "Some nodes of the cluster, or all")
      ->type_name("HOST:PORT,...")
      ->envname(kEndpointsVariable)
      ->each([&texts](const std::string&) { texts.endpoints_given = true; })
      ->capture_default_str();
  add_hex(&app, "--cluster-id", texts.cluster_id,
          "The cluster that is meant, as `onced format` was given; nodes of others are not used")
      ->envname(kClusterIdVariable);
  app.add_option(
         "--timeout", arguments.timeout_ms,
         "Milliseconds for the whole command, retries included (5000; status, explain: 2000)")
      ->type_name("MS")
      ->check(within(1, kDaySeconds * 1000))
      ->each([&arguments](const std::string&) { arguments.timeout_given = true; });
  app.add_flag("--json", arguments.json, "Print one JSON object (status: a list)");
  app.add_flag("--raw", arguments.raw,
               "Print values byte for byte on a terminal too, escape sequences included");
  app.set_version_flag("--version", version_text(), "Print the version");
  app.set_help_flag("-h,--help", "Print help; behind a command, of that command");
  app.footer(
      "Exit codes: 0 done, 1 other error, 2 usage, 3 refused (already set, conflict,\n"
      "            sealed, locked), 4 empty, 5 outcome unknown, 6 unavailable,\n"
      "            7 not yet (wait, run), 8 lock lost, 9 degraded (status) or retired,\n"
      "            10 denied.\n"
      "            run and lock pass on the exit code of the command.\n\n"
      "Examples:\n"
      "  once write leader node-7         # one caller wins; the others exit with 3\n"
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
  add_hex(command, "--request-id", texts.request_id,
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
      "After exit code 5 do not repeat it blindly: it would undo what came in between.\n"
      "Read NAME and decide.\nExamples:\n  once set greeting hello\n  once set config - < "
      "app.toml");
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
                                  "Is TOKEN the newest version of NAME? 0: yes, 3: no");
  add_version(check, texts, "TOKEN", "What `once next` printed")->required();
  check->footer(
      "No: a newer one was drawn since, or TOKEN was never drawn from NAME. Every\n"
      "change of NAME is a newer version, a lock's renewals too: do not check the\n"
      "token of a lock.\n"
      "Examples:\n  once check tickets \"$token\" || exit");
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
                  "Seconds to wait for the result of whoever runs it; 0: only look");
  in_units(run->get_option("--wait"), "SECONDS", 0, kDaySeconds);
  run->footer(
      "The first to claim NAME runs the command; its exit code is written down. All\n"
      "others say who won and exit with the same code. Exit code 3: NAME was set by\n"
      "something else; 7: it is claimed, and there is no result yet: the winner may\n"
      "still be at work, or have died; 5: not known whether it was claimed for us, the\n"
      "command was not run.\n"
      "Examples:\n  once run migrate-2026-11 -- ./migrate.sh --all\n"
      "  once run --wait 0 report-42 -- make report");
}

void add_lock(CLI::App& app, Arguments& arguments, Texts& texts) {
  CLI::App* lock = add_operation(app, arguments, Command::kLock, "lock",
                                 "Run a command while holding the lock NAME");
  add_program(lock, arguments);
  arguments.ttl_s = kLockTtlSeconds;
  lock->add_option("--ttl", arguments.ttl_s,
                   "Seconds without a renewal after which others may take it over");
  in_units(lock->get_option("--ttl"), "SECONDS", 1, kHourSeconds);
  lock->add_option_function<double>(
          "--grace", [&texts](const double& seconds) { texts.grace_s = seconds; },
          "Seconds from SIGTERM to SIGKILL for a command whose lock is not renewed; so long before "
          "others may take it, it is told to end (default: a third of --ttl)")
      ->type_name("SECONDS")
      ->check(not_seconds);
  lock->add_option("--wait", arguments.wait_s,
                   "Seconds to wait while others hold it, or no majority answers");
  in_units(lock->get_option("--wait"), "SECONDS", 0, kDaySeconds);
  lock->footer(
      "The command sees ONCE_LOCK_TOKEN and ONCE_LOCK_NAME; its exit code is passed on.\n"
      "It must show the token to what it touches: a lock alone is not safe\n"
      "(docs/locks.md). If the lock is lost, the command and all that it started are\n"
      "stopped. To overtake a holder that died, --wait must be longer than that\n"
      "holder's TTL. Exit code 8: the lock was lost; 3: others hold it, or NAME is no\n"
      "lock; 5, 6: not acquired. In these the command was not run, but for 8.\n"
      "Examples:\n  once lock nightly/backup --ttl 30 -- ./backup.sh\n"
      "  once lock --wait 0 report -- make report");
}

void add_list(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("list", "Print the names that one node knows");
  command->add_option("PREFIX", arguments.prefix, "Only names that begin so");
  arguments.limit = kListLimit;
  command->add_option("--limit", arguments.limit, "Names of one page; 0: all of them");
  in_units(command->get_option("--limit"), "N", 0, kMostListLimit);
  command->add_option("--after", arguments.after, "Go on where an earlier page ended, as it says")
      ->type_name("PLACE");
  command->add_flag("--long,-l", arguments.details, "Version, bytes of the value and state too");
  command->footer(
      "To look at, not to decide by: these are the names that the first node that\n"
      "answers knows at the moment, in no order that means anything; what others have\n"
      "just set may be missing. `once read` asks a majority. --timeout holds for each\n"
      "page. STATE: sealed, - (a variable), or open: a change was begun, and no majority\n"
      "told how it ended.\n"
      "Examples:\n  once list\n  once list job/ --long\n  once list --limit 0 | sort\n"
      "  once --json list --limit 100   # \"after\": where the next page begins, or null");
  command->callback([&arguments] { arguments.command = Command::kList; });
}

void add_explain(CLI::App& app, Arguments& arguments) {
  add_operation(app, arguments, Command::kExplain, "explain",
                "Ask every node what it holds of NAME, and say what that comes to")
      ->footer(
          "To see why a name stands as it does. It asks no majority and changes nothing,\n"
          "and does not show the value. PROMISED, ACCEPTED: ballots, as round.node.run.\n"
          "Exit code 0: a version is decided; 4: nobody wrote it; 5: something was begun,\n"
          "and a read would settle it; 6: too few nodes answer to tell.\n"
          "Examples:\n  once explain job-42\n  once --json explain job-42   # all there is to say");
}

void add_status(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("status", "Ask every node how it is");
  command->add_flag("--wide", arguments.wide, "All figures, in more than 80 columns");
  CLI::Option* watch =
      command
          ->add_option("--watch", arguments.watch_s, "Ask again every so many seconds, with rates")
          ->type_name("[SECONDS]")
          ->check(within(1, kDaySeconds))
          ->expected(0, 1)
          ->default_str(std::to_string(kDefaultWatchSeconds));
  command->add_option("--count", arguments.count, "With --watch: end after so many times")
      ->type_name("TIMES")
      ->check(within(1, 1'000'000))
      ->needs(watch);
  command->footer(
      "Exit code 0: every node is up and well; 9: a majority works, but a node is down\n"
      "or something else must be seen to; 6: no majority, nothing can be written.\n"
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
  command->add_option("SHELL", texts.shell, "bash, zsh or fish")
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

void add_words_about_it(CLI::App& app, Texts& texts) {
  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->callback([&texts] { texts.version_wanted = true; });
  CLI::App* help = app.add_subcommand("help", "Explain a command, or all of them");
  help->add_option("COMMAND", texts.topic, "The command, or nothing");
  help->footer("Examples:\n  once help\n  once help lock");
  help->callback([&texts] { texts.help_wanted = true; });
}

}  // namespace

std::string version_text() {
  return fmt::format("once {} (protocol {})", ONCE_VERSION, net::kProtocolVersion);
}

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
  add_explain(*app, arguments);
  add_status(*app, arguments);
  add_completion(*app, arguments, texts);
  add_words_about_it(*app, texts);
  for (CLI::App* command : app->get_subcommands({})) {
    command->fallthrough()->group("Commands");
    command->set_help_flag("-h,--help", "Print this help");
  }
  return app;
}

}  // namespace once::client
