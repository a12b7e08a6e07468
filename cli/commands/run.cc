// run: a command that runs once and for all in the cluster. Whoever writes NAME first runs it; what
// came of it is written beside, under the id of that run; all others wait for that.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/guarded_main.h"
#include "base/hex.h"
#include "base/output.h"
#include "cli/commands/asker.h"
#include "cli/commands/child.h"
#include "cli/commands/commands.h"
#include "cli/commands/find_program.h"
#include "cli/commands/front.h"
#include "cli/commands/patience.h"
#include "cli/commands/program.h"
#include "cli/commands/terminal.h"
#include "cli/output.h"
#include "cli/run_claim.h"
#include "client/client.h"

namespace once::client {
namespace {

constexpr int64_t kRecordMs = 60'000;  // how long it is tried to write down what came of it
constexpr int kExitNoResult = 7;

void say_of_run(const std::string& text) { complain("once run: " + text); }

int fail(const Arguments& a, Outcome outcome, const std::string& message) {
  if (a.json) {
    tell_people(run_failure_json(a.name, outcome_name(outcome), message) + "\n");
  } else {
    say_of_run(message);
  }
  return exit_code(outcome);
}

void report(const Arguments& a, bool winner, const JobClaim& claim, const RunResult* result,
            const std::string& not_recorded = {}) {
  if (a.json) tell_people(run_json(a.name, winner, claim, result, not_recorded) + "\n");
}

std::string in_vain(const RunResult& result, const std::string& why) {
  return fmt::format(
      "the command has run ({}), but that could not be written down ({}); others "
      "see the claim without a result",
      described(result), why);
}

std::string perhaps_in_vain(const RunResult& result) {
  return fmt::format(
      "the command has run ({}), but that may not be written down ({}); if it is not, others see "
      "the claim without a result",
      described(result), kKeeperKilledLater);
}

// For the front, should this process be killed while it writes down what came of the command.
void leave_word(const Arguments& a, const JobClaim& claim, const RunResult& result) {
  command_has_ended(code_of(result),
                    a.json ? run_json(a.name, true, claim, &result, kKeeperKilledLater)
                           : "once run: " + perhaps_in_vain(result));
}

// The claim is for ever: from here on nothing but the end of this process keeps the command from
// being run, and its result from being written down.
int record(Client& client, Asker& asker, const Arguments& a, const JobClaim& claim,
           const RunResult& result) {
  const std::string name = result_name(a.name, claim.run);
  const Asked asked = asker.ask_after_the_end([&](Callback done) {
    const CallOptions options{.id = {}, .timeout_ms = kRecordMs};
    return client.write_async(name, to_text(result), options, std::move(done));
  });
  const Result& written = asked.result;
  all_is_told();  // from here on
  std::string not_recorded;
  if (written.outcome != Outcome::kDone) {
    not_recorded = fmt::format("{}: {}", outcome_name(written.outcome), written.message);
    if (!a.json) say_of_run(in_vain(result, not_recorded));
  }
  report(a, true, claim, &result, not_recorded);
  return code_of(result);
}

int win(Client& client, Asker& asker, Child& child, const Arguments& a, const JobClaim& claim) {
  if (!a.json) say_of_run(fmt::format("{} is ours, run {}", a.name, claim.run));
  will_run_command(kExitError, Term{}.grace_ms,
                   a.json ? run_json(a.name, true, claim, nullptr, kKeeperKilled) : "");
  const RunResult result =
      run_program(child, a.program, {{"ONCE_RUN_NAME", a.name}, {"ONCE_RUN_ID", claim.run}});
  leave_word(a, claim, result);
  if (!result.error.empty() && !a.json) say_of_run("cannot start " + result.error);
  return record(client, asker, a, claim, result);
}

// The claim was won in the moment of a signal: as if that had killed the command at once.
int won_too_late(Client& client, Asker& asker, const Arguments& a, const JobClaim& claim,
                 int signal) {
  RunResult result;
  result.signal = signal;
  result.time = now_utc();
  if (!a.json) {
    leave_echo(signal);
    say_of_run(
        fmt::format("signal {} while {} was claimed, run {}; the command was not run, and never "
                    "will be under this name",
                    signal, a.name, claim.run));
  }
  return record(client, asker, a, claim, result);
}

// The exit code of somebody who broke off before anything was claimed.
int interrupted(const Arguments& a, int signal) {
  if (!a.json) leave_echo(signal);
  (void)fail(a, Outcome::kCancelled,
             fmt::format("signal {} while {} was being claimed: nothing was claimed, the command "
                         "was not run",
                         signal, a.name));
  return die_after(signal);
}

int interrupted_loser(const Arguments& a, int signal) {
  if (!a.json) leave_echo(signal);
  (void)fail(a, Outcome::kCancelled,
             fmt::format("signal {} while the result of {} was waited for", signal, a.name));
  return die_after(signal);
}

int no_result(const Arguments& a, const JobClaim& claim) {
  if (!a.json) {
    say_of_run(fmt::format(
        "claimed, no result yet: {} on host {} (pid {}, since {}) may still be running, "
        "or have died. Look there; if it died, use another name to run it again.",
        a.name, claim.host, claim.pid, claim.time));
  }
  report(a, false, claim, nullptr);
  return kExitNoResult;
}

int lose(Client& client, Asker& asker, const Arguments& a, const Result& claimed) {
  const auto claim = read_claim(claimed.value);
  if (!claim) {
    const int code = fail(a, Outcome::kRefused,
                          fmt::format("{} was set by something else than `once run`{}", a.name,
                                      a.json ? "" : ", to this value:"));
    if (!a.json) (void)show_value(a, claimed.value, "\n");
    return code;
  }
  if (!a.json) {
    say_of_run(fmt::format("{} was claimed by host {} (pid {}) at {}", a.name, claim->host,
                           claim->pid, claim->time));
  }
  const std::string name = result_name(a.name, claim->run);
  const Asked asked = asker.ask_question([&](Callback done) {
    if (a.wait_s == 0) return client.read_async(name, {}, std::move(done));
    return client.wait_async(name, 0, {.id = {}, .timeout_ms = a.wait_s * 1000}, std::move(done));
  });
  const Result& found = asked.result;
  if (asked.signal != 0 && found.outcome != Outcome::kDone) {
    return interrupted_loser(a, asked.signal);
  }
  if (found.outcome == Outcome::kEmpty || found.outcome == Outcome::kNotYet) {
    return no_result(a, *claim);
  }
  if (found.outcome != Outcome::kDone) {
    return fail(a, found.outcome,
                fmt::format("what came of it cannot be read ({}: {})", outcome_name(found.outcome),
                            found.message));
  }
  const auto result = read_run_result(found.value);
  if (!result) {
    return fail(a, Outcome::kError,
                fmt::format("{} holds something that `once run` never wrote", name));
  }
  if (!a.json) say_of_run(fmt::format("{} at {}", described(*result), result->time));
  report(a, false, *claim, &*result);
  return code_of(*result);
}

}  // namespace

int run_command(const Arguments& arguments) {
  const std::string wrong = check_name(result_name(arguments.name, std::string(32, '0')));
  if (!wrong.empty()) return usage_error("with what `once run` appends to it, " + wrong);
  if (const int error = why_no_program(arguments.program.front()); error != 0) {
    (void)fail(arguments, Outcome::kError, no_program(arguments.program.front(), error));
    return cannot_start_code(error);
  }
  Child child;  // before the client has a thread
  if (const int error = child.prepare(arguments.program); error != 0) {
    return fail(arguments, Outcome::kError, cannot_prepare(error));
  }
  Client client(client_options(arguments));
  Asker asker(child.signals(), client);
  const RequestId id = client.new_request_id();
  const JobClaim claim{host_name(), shown_pid(), now_utc(), hex_of(id)};
  code_of_surprise = exit_code(Outcome::kUnknown);
  const Asked asked = [&] {
    const Patience patience(client, arguments);
    return asker.ask([&](Callback done) {
      return client.write_async(arguments.name, to_text(claim), {.id = id}, std::move(done));
    });
  }();
  const Result& claimed = asked.result;
  switch (claimed.outcome) {
    case Outcome::kDone:
      if (asked.signal != 0) {
        return won_too_late(client, asker, arguments, claim, asked.signal);
      }
      return win(client, asker, child, arguments, claim);
    case Outcome::kRefused:
      if (asked.signal != 0) return interrupted(arguments, asked.signal);
      return lose(client, asker, arguments, claimed);
    case Outcome::kUnknown:
      if (!arguments.json) leave_echo(asked.signal);
      return fail(
          arguments, claimed.outcome,
          fmt::format("unknown ({}): {} may be claimed for this process, which did not run "
                      "the command and will not. If `once read {}` shows run {}, nobody "
                      "will: use another name.",
                      asked.signal == 0 ? claimed.message
                                        : fmt::format("interrupted by signal {}", asked.signal),
                      arguments.name, arguments.name, claim.run));
    default:
      if (asked.signal != 0) return interrupted(arguments, asked.signal);
      return fail(arguments, claimed.outcome,
                  fmt::format("{}: the command was not run ({})", outcome_name(claimed.outcome),
                              claimed.message));
  }
}

}  // namespace once::client
