// run: a command that runs once and for all in the cluster. Whoever writes NAME first runs it; what
// came of it is written beside, under the id of that run; all others wait for that.
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "client/client.h"
#include "client/commands/child.h"
#include "client/commands/commands.h"
#include "client/commands/patience.h"
#include "client/commands/program.h"
#include "client/commands/terminal.h"
#include "client/output.h"
#include "client/run_record.h"

namespace once::client {
namespace {

constexpr int64_t kRecordMs = 60'000;  // how long it is tried to write down what came of it
constexpr int kExitNoResult = 7;

std::string host_name() {
  char text[256] = "";
  (void)gethostname(text, sizeof text - 1);
  return text[0] == '\0' ? "unknown" : text;
}

void say(const std::string& text) { complain("once run: " + text); }

int fail(const Arguments& a, Outcome outcome, const std::string& message) {
  if (a.json) {
    fmt::print(stderr, "{}\n", run_failure_json(a.name, outcome_name(outcome), message));
  } else {
    say(message);
  }
  return exit_code(outcome);
}

void report(const Arguments& a, bool winner, const RunClaim& claim, const RunResult* result,
            const std::string& not_recorded = {}) {
  if (a.json) fmt::print(stderr, "{}\n", run_json(a.name, winner, claim, result, not_recorded));
}

int win(Client& client, Child& child, const Arguments& a, const RunClaim& claim) {
  if (!a.json) say(fmt::format("{} is ours, run {}", a.name, claim.run));
  const RunResult result =
      run_program(child, a.program, {{"ONCE_RUN_NAME", a.name}, {"ONCE_RUN_ID", claim.run}});
  if (!result.error.empty() && !a.json) say("cannot start " + result.error);
  const Result written = client.write(result_name(a.name, claim.run), to_text(result),
                                      {.id = {}, .timeout_ms = kRecordMs});
  std::string not_recorded;
  if (written.outcome != Outcome::kDone) {
    not_recorded = fmt::format("{}: {}", outcome_name(written.outcome), written.message);
    if (!a.json) {
      say(
          fmt::format("the command has run ({}), but that could not be written down ({}); others "
                      "see the claim without a result",
                      described(result), not_recorded));
    }
  }
  report(a, true, claim, &result, not_recorded);
  return code_of(result);
}

int no_result(const Arguments& a, const RunClaim& claim) {
  if (!a.json) {
    say(fmt::format(
        "claimed, no result yet: {} on host {} (pid {}, since {}) may still be running, "
        "or have died. Look there; if it died, use another name to run it again.",
        a.name, claim.host, claim.pid, claim.time));
  }
  report(a, false, claim, nullptr);
  return kExitNoResult;
}

int lose(Client& client, const Arguments& a, const Result& claimed) {
  const auto claim = read_claim(claimed.value);
  if (!claim) {
    const int code = fail(a, Outcome::kRefused,
                          fmt::format("{} was set by something else than `once run`{}", a.name,
                                      a.json ? "" : ", to this value:"));
    if (!a.json) (void)show_value(a, claimed.value, "\n");
    return code;
  }
  if (!a.json) {
    say(fmt::format("{} was claimed by host {} (pid {}) at {}", a.name, claim->host, claim->pid,
                    claim->time));
  }
  const std::string name = result_name(a.name, claim->run);
  const Result found = a.wait_s == 0
                           ? client.read(name)
                           : client.wait(name, 0, {.id = {}, .timeout_ms = a.wait_s * 1000});
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
  if (!a.json) say(fmt::format("{} at {}", described(*result), result->time));
  report(a, false, *claim, &*result);
  return code_of(*result);
}

}  // namespace

int run_command(const Arguments& arguments) {
  const std::string wrong = check_name(result_name(arguments.name, std::string(32, '0')));
  if (!wrong.empty()) return usage_error("with what `once run` appends to it, " + wrong);
  Child child;  // before the client has a thread
  Client client(client_options(arguments));
  const RequestId id = client.new_request_id();
  const RunClaim claim{host_name(), getpid(), now_utc(), to_hex(id)};
  std::optional<Patience> patience(std::in_place, client, arguments);
  const Result claimed = client.write(arguments.name, to_text(claim), {.id = id});
  patience.reset();
  switch (claimed.outcome) {
    case Outcome::kDone:
      return win(client, child, arguments, claim);
    case Outcome::kRefused:
      child.give_signals_back();  // there is nothing to pass them on to
      return lose(client, arguments, claimed);
    case Outcome::kUnknown:
      return fail(arguments, claimed.outcome,
                  fmt::format("unknown ({}): {} may be claimed for this process, which did not run "
                              "the command and will not. If `once read {}` shows run {}, nobody "
                              "will: use another name.",
                              claimed.message, arguments.name, arguments.name, claim.run));
    default:
      return fail(arguments, claimed.outcome,
                  fmt::format("{}: the command was not run ({})", outcome_name(claimed.outcome),
                              claimed.message));
  }
}

}  // namespace once::client
