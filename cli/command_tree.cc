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
constexpr int kAnyNumber = 1 << 20;  // of those before --, where one at most is right
constexpr int kListLimit = 1000;
constexpr int kMostListLimit = 1'000'000;

// Shown to people by the name of its unit.
template <class Number>
void add_in_units(CommandWord command, const char* name, Number& value, int least, int most,
                  const char* unit, const char* what) {
  command.add(name, value, what)
      .unit(unit)
      .within(least, most)
      .shown_default(std::to_string(value));
}

// What is wrong with it, as a person would say it; or nothing.
std::string not_seconds(const std::string& text) {
  double seconds = 0;
  const bool number = is_real_number(text, seconds);
  if (number && seconds >= 0 && seconds <= kHourSeconds) return {};
  return "'" + text + "' is not a number of seconds, from 0 to " + std::to_string(kHourSeconds);
}

// An empty value is given as well.
OptionWord add_hex(CommandWord command, const char* name, std::optional<std::string>& text,
                   const char* what) {
  return command
      .add_text(
          name, [&text](const std::string& given) { text = given; }, what)
      .unit("HEX");
}

void add_global_options(CommandWord app, Arguments& arguments, Texts& texts) {
  texts.endpoints = kDefaultEndpoints;
  app.add("--endpoints", texts.endpoints, "Some nodes of the cluster, or all")
      .unit("HOST:PORT,...")
      .environment(kEndpointsVariable)
      .on_given([&texts](const std::string&) { texts.endpoints_given = true; })
      .shown_default(texts.endpoints);
  add_hex(app, "--cluster-id", texts.cluster_id,
          "The cluster that is meant, as `onced format` was given; nodes of others are not used")
      .environment(kClusterIdVariable);
  app.add("--timeout", arguments.timeout_ms,
          "Milliseconds for an operation, retries included (5000; status, explain: 2000). list: of "
          "each page; lock, run: of each step, while --wait says how long others are waited for")
      .unit("MS")
      .within(1, kDaySeconds * 1000)
      .on_given([&arguments](const std::string&) { arguments.timeout_given = true; });
  app.add_flag("--json", arguments.json, "Print one JSON object (status: a list)");
  app.add_flag("--raw", arguments.raw,
               "Print values byte for byte on a terminal too, escape sequences included");
  app.version_flag(version_text());
  app.help_flag("Print help; behind a command, of that command");
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

void add_name(CommandWord command, Arguments& arguments) {
  command.add("NAME", arguments.name, "1 to 1024 bytes, not beginning with _").required();
}

void add_value(CommandWord command, Arguments& arguments) {
  command.add("VALUE", arguments.value, "The value, or - for standard input").required();
}

OptionWord add_version(CommandWord command, Texts& texts, const char* name, const char* what) {
  return command.add(name, texts.version, what);
}

void add_request_id(CommandWord command, Texts& texts) {
  add_hex(command, "--request-id", texts.request_id,
          "Repeat an earlier request: its id in hexadecimal");
}

const CommandWord add_operation(CommandWord app, Arguments& arguments, Command which,
                                const char* word, const char* what) {
  CommandWord command = app.add_command(word, what);
  add_name(command, arguments);
  command.on_chosen([&arguments, which] { arguments.command = which; });
  return command;
}

void add_write_once(CommandWord app, Arguments& arguments, Texts& texts) {
  const CommandWord write = add_operation(app, arguments, Command::kWrite, "write",
                                          "Set NAME, for ever, unless it is set already");
  add_value(write, arguments);
  add_request_id(write, texts);
  write.footer(
      "Examples:\n  once write job-42 worker-a\n"
      "  once write job-42 worker-a --request-id 0af3...   # after exit code 5\n"
      "  once write -- job-42 -5                           # a value that begins with -");
  add_operation(app, arguments, Command::kRead, "read", "Print the value of NAME")
      .footer("Examples:\n  once read job-42\n  once --json read job-42   # its version too");
}

void add_changes(CommandWord app, Arguments& arguments, Texts& texts) {
  const CommandWord set =
      add_operation(app, arguments, Command::kSet, "set",
                    "Give NAME a new value, whatever it holds, unless it is sealed");
  add_value(set, arguments);
  set.footer(
      "After exit code 5 do not repeat it blindly: it would undo what came in between.\n"
      "Read NAME and decide.\nExamples:\n  once set greeting hello\n  once set config - < "
      "app.toml");
  const CommandWord cas =
      add_operation(app, arguments, Command::kCas, "cas",
                    "Give NAME a new value if it still has the version EXPECTED");
  add_version(cas, texts, "EXPECTED", "The version that was read; 0: NAME is empty").required();
  add_value(cas, arguments);
  add_request_id(cas, texts);
  cas.footer(
      "A conflict (exit code 3) prints the value that stands there.\n"
      "Examples:\n  once cas config 7 - < app.toml\n  once cas owner 0 me   # only if it is empty");
  const CommandWord seal =
      add_operation(app, arguments, Command::kSeal, "seal",
                    "Freeze NAME for ever if it still has the version EXPECTED");
  add_version(seal, texts, "EXPECTED", "The version that was read").required();
  add_request_id(seal, texts);
  seal.footer("Examples:\n  once seal config 8");
}

void add_tokens(CommandWord app, Arguments& arguments, Texts& texts) {
  const CommandWord next =
      add_operation(app, arguments, Command::kNext, "next",
                    "Print a fencing token of NAME: higher than all before it");
  next.footer(
      "Tokens are unique and never come again; there may be gaps.\n"
      "Examples:\n  token=$(once next tickets)");
  const CommandWord check = add_operation(app, arguments, Command::kCheck, "check",
                                          "Is TOKEN the newest version of NAME? 0: yes, 3: no");
  add_version(check, texts, "TOKEN", "What `once next` printed").required();
  check.footer(
      "No: a newer one was drawn since, or TOKEN was never drawn from NAME. Every\n"
      "change of NAME is a newer version, a lock's renewals too: do not check the\n"
      "token of a lock.\n"
      "Examples:\n  once check tickets \"$token\" || exit");
}

void add_wait(CommandWord app, Arguments& arguments, Texts& texts) {
  const CommandWord wait =
      add_operation(app, arguments, Command::kWait, "wait",
                    "Wait until NAME has a version above AFTER; print its value");
  add_version(wait, texts, "AFTER", "The version that is known; 0: NAME is empty (the default)");
  wait.footer(
      "It waits for as long as --timeout says; exit code 7: nothing newer came.\n"
      "Examples:\n  once --timeout 60000 wait result-42\n"
      "  once --json --timeout 60000 wait config 7   # the new version too");
}

void add_program(CommandWord command, Arguments& arguments) {
  command.add("COMMAND", arguments.program, "What to run, behind --")
      .required()
      .values(1, kAnyNumber);
}

void add_run(CommandWord app, Arguments& arguments) {
  const CommandWord run = add_operation(app, arguments, Command::kRun, "run",
                                        "Run a command once and for all in the cluster");
  add_program(run, arguments);
  arguments.wait_s = kProgramWaitSeconds;
  add_in_units(run, "--wait", arguments.wait_s, 0, kDaySeconds, "SECONDS",
               "Seconds to wait for the result of whoever runs it; 0: only look");
  run.footer(
      "The first to claim NAME runs the command; its exit code is written down. All\n"
      "others say who won and exit with the same code. Exit code 3: NAME was set by\n"
      "something else; 7: it is claimed, and there is no result yet: the winner may\n"
      "still be at work, or have died; 5: not known whether it was claimed for us, the\n"
      "command was not run.\n"
      "Examples:\n  once run migrate-2026-11 -- ./migrate.sh --all\n"
      "  once run --wait 0 report-42 -- make report");
}

void add_lock(CommandWord app, Arguments& arguments, Texts& texts) {
  const CommandWord lock = add_operation(app, arguments, Command::kLock, "lock",
                                         "Run a command while holding the lock NAME");
  add_program(lock, arguments);
  arguments.ttl_s = kLockTtlSeconds;
  add_in_units(lock, "--ttl", arguments.ttl_s, 1, kHourSeconds, "SECONDS",
               "Seconds without a renewal after which others may take it over");
  lock.add_real(
          "--grace", [&texts](double seconds) { texts.grace_s = seconds; },
          "Seconds from SIGTERM to SIGKILL for a command whose lock is not renewed; so long before "
          "others may take it, it is told to end (default: a third of --ttl)")
      .unit("SECONDS")
      .check(not_seconds);
  add_in_units(lock, "--wait", arguments.wait_s, 0, kDaySeconds, "SECONDS",
               "Seconds to wait while others hold it, or no majority answers");
  lock.footer(
      "The command sees ONCE_LOCK_TOKEN and ONCE_LOCK_NAME; its exit code is passed on.\n"
      "It must show the token to what it touches: a lock alone is not safe\n"
      "(docs/locks.md). If the lock is lost, the command and all that it started are\n"
      "stopped. When the command has ended the lock is released: what it left in the\n"
      "background works on without it (flock(1) would hold it). To overtake a holder\n"
      "that died, --wait must be longer than that holder's TTL. Exit code 8: the lock\n"
      "was lost; 3: others hold it, or NAME is no lock; 5, 6: not acquired. In these\n"
      "the command was not run, but for 8.\n"
      "Examples:\n  once lock nightly/backup --ttl 30 -- ./backup.sh\n"
      "  once lock --wait 0 report -- make report");
}

void add_list(CommandWord app, Arguments& arguments) {
  CommandWord command = app.add_command("list", "Print the names that one node knows");
  command.add("PREFIX", arguments.prefix, "Only names that begin so");
  arguments.limit = kListLimit;
  add_in_units(command, "--limit", arguments.limit, 0, kMostListLimit, "N",
               "Names of one page; 0: all of them");
  command.add("--after", arguments.after, "Go on where an earlier page ended, as it says")
      .unit("PLACE");
  command.add_flag("--long,-l", arguments.details, "Version, bytes of the value and state too");
  command.add_flag("--null,-0", arguments.ends_in_nul,
                   "End each name with a NUL byte: a name may hold a line break");
  command.footer(
      "To look at, not to decide by: these are the names that the first node that\n"
      "answers knows at the moment, in no order that means anything; what others have\n"
      "just set may be missing. `once read` asks a majority. --timeout holds for each\n"
      "page. STATE: sealed, - (a variable), or open: a change was begun, and no majority\n"
      "told how it ended.\n"
      "Examples:\n  once list\n  once list job/ --long\n  once list --limit 0 -0 | sort -z\n"
      "  once --json list --limit 100   # \"after\": where the next page begins, or null");
  command.on_chosen([&arguments, app, command] {
    arguments.command = Command::kList;
    arguments.given_to_all = app.given();
    arguments.given = command.given();
  });
}

void add_explain(CommandWord app, Arguments& arguments) {
  add_operation(app, arguments, Command::kExplain, "explain",
                "Ask every node what it holds of NAME, and say what that comes to")
      .footer(
          "To see why a name stands as it does. It asks no majority and changes nothing,\n"
          "and does not show the value. PROMISED, ACCEPTED: ballots, as round.node.run.\n"
          "Exit code 0: a version is decided; 4: nobody wrote it; 5: something was begun,\n"
          "and a read would settle it; 6: too few nodes answer to tell.\n"
          "Examples:\n  once explain job-42\n  once --json explain job-42   # all there is to say");
}

void add_status(CommandWord app, Arguments& arguments) {
  CommandWord command = app.add_command("status", "Ask every node how it is");
  command.add_flag("--wide", arguments.wide, "All figures, in more than 80 columns");
  const OptionWord watch =
      command.add("--watch", arguments.watch_s, "Ask again every so many seconds, with rates")
          .unit("[SECONDS]")
          .within(1, kDaySeconds)
          .values(0, 1)
          .shown_default(std::to_string(kDefaultWatchSeconds));
  command.add("--count", arguments.count, "With --watch: end after so many times")
      .unit("TIMES")
      .within(1, 1'000'000)
      .needs(watch);
  command.footer(
      "Exit code 0: every node is up and well; 9: a majority works, but a node is down\n"
      "or something else must be seen to; 6: no majority, nothing can be written.\n"
      "Examples:\n  once --endpoints 10.0.0.1:7401 status\n"
      "  once status --watch          # in place on a terminal, else block after block\n"
      "  once --json status --watch 5 # one JSON document a line");
  command.on_chosen([&arguments, watch] {
    arguments.command = Command::kStatus;
    if (watch.given() && arguments.watch_s == 0) arguments.watch_s = kDefaultWatchSeconds;
  });
}

void add_completion(CommandWord app, Arguments& arguments, Texts& texts) {
  CommandWord command = app.add_command("completion", "Print the completion script of a shell");
  command.add("SHELL", texts.shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
  command.footer(
      "Examples:\n  source <(once completion bash)\n"
      "  once completion fish > ~/.config/fish/completions/once.fish");
  command.on_chosen([&arguments, &texts] {
    arguments.command = Command::kCompletion;
    arguments.shell = texts.shell == "bash"  ? Shell::kBash
                      : texts.shell == "zsh" ? Shell::kZsh
                                             : Shell::kFish;
  });
}

void add_words_about_it(CommandWord app, Texts& texts) {
  const CommandWord version = app.add_command("version", "Print the version");
  version.on_chosen([&texts] { texts.version_wanted = true; });
  const CommandWord help = app.add_command("help", "Explain a command, or all of them");
  help.add("COMMAND", texts.topic, "The command, or nothing");
  help.footer("Examples:\n  once help\n  once help lock");
  help.on_chosen([&texts] { texts.help_wanted = true; });
}

}  // namespace

std::string version_text() {
  return fmt::format("once {} (protocol {})", ONCE_VERSION, net::kProtocolVersion);
}

CommandLine make_command_tree(Arguments& arguments, Texts& texts) {
  CommandLine line("Talks to a once cluster: names that are set once, variables, tokens, locks.",
                   "once", Commands::kOne);
  const CommandWord app = line.all();
  add_global_options(app, arguments, texts);
  add_write_once(app, arguments, texts);
  add_changes(app, arguments, texts);
  add_tokens(app, arguments, texts);
  add_wait(app, arguments, texts);
  add_run(app, arguments);
  add_lock(app, arguments, texts);
  add_list(app, arguments);
  add_explain(app, arguments);
  add_status(app, arguments);
  add_completion(app, arguments, texts);
  add_words_about_it(app, texts);
  for (const CommandWord command : app.commands()) {
    command.takes_options_of_all();
    command.help_flag("Print this help");
  }
  return line;
}

}  // namespace once::client
