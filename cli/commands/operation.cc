// write, read, set, cas, seal, next, check, wait: one operation on one name.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/guarded_main.h"
#include "base/hex.h"
#include "base/printable.h"
#include "cli/commands/asker.h"
#include "cli/commands/commands.h"
#include "cli/commands/patience.h"
#include "cli/commands/terminal.h"
#include "cli/output.h"
#include "client/client.h"

namespace once::client {
namespace {

bool takes_value(Command command) {
  return command == Command::kWrite || command == Command::kSet || command == Command::kCas;
}

// Whether it may have happened is then a question that somebody has to be able to ask.
bool changes(Command command) {
  return takes_value(command) || command == Command::kSeal || command == Command::kNext;
}

OperationId begin(Client& client, const Arguments& a, const std::string& value, Callback done) {
  const CallOptions options{.id = a.request_id};
  switch (a.command) {
    case Command::kWrite:
      return client.write_async(a.name, value, options, std::move(done));
    case Command::kSet:
      return client.set_async(a.name, value, options, std::move(done));
    case Command::kCas:
      return client.cas_async(a.name, a.version, value, options, std::move(done));
    case Command::kSeal:
      return client.seal_async(a.name, a.version, options, std::move(done));
    default:
      return client.next_async(a.name, options, std::move(done));
  }
}

Result ask(Client& client, const Arguments& a) {
  const CallOptions options{.id = a.request_id};
  switch (a.command) {
    case Command::kCheck:
      return client.check(a.name, a.version, options);
    case Command::kWait:
      return client.wait(a.name, a.version, options);
    default:
      return client.read(a.name, options);
  }
}

bool show_done(const Arguments& a, const Result& result) {
  switch (a.command) {
    case Command::kRead:
    case Command::kWait:
      return show_value(a, result.value);
    case Command::kNext:
      return write_stdout(fmt::format("{}\n", result.version));
    case Command::kCheck:
      return write_stdout(
          a.version == 0
              ? fmt::format("yes: nothing was ever drawn from {}\n", printable(a.name))
              : fmt::format("yes: {} is the newest version of {}\n", a.version, printable(a.name)));
    default:
      return write_stdout(fmt::format("done: version {}, request id {}\n", result.version,
                                      hex_of(result.request_id)));
  }
}

// No conflict of two writers, as of cas and seal: an answer to a question.
std::string no_to_check(const Arguments& a, const Result& result) {
  if (result.version > a.version) {
    return fmt::format("no: {} has version {} by now, newer than {}: whoever holds {} must stop",
                       a.name, result.version, a.version, a.version);
  }
  return fmt::format(
      "no: {} was never drawn from {}, which {}: is it of another name or cluster?", a.version,
      a.name, result.version == 0 ? "is empty" : fmt::format("has version {}", result.version));
}

std::string refusal_of(const Arguments& a, const Result& result) {
  switch (result.refusal) {
    case Refusal::kAlreadySet:
      return fmt::format("refused: {} is already set, by request {}, to this value:", a.name,
                         hex_of(result.writer));
    case Refusal::kConflict:
      if (a.command == Command::kCheck) return no_to_check(a, result);
      if (result.version == 0) return fmt::format("conflict: {} is empty (version 0)", a.name);
      return fmt::format("conflict: {} has version {}, not {}; its value:", a.name, result.version,
                         a.version);
    case Refusal::kSealed:
      return fmt::format("sealed: {} never changes again; version {}, by request {}, its value:",
                         a.name, result.version, hex_of(result.writer));
    default:
      return fmt::format(
          "refused: request id {} has made version {} of {} with something else; "
          "leave out --request-id for a new change",
          hex_of(result.request_id), result.version, a.name);
  }
}

// What somebody can do whose change may have happened.
std::string way_out(const Arguments& a, const Result& result) {
  switch (a.command) {
    case Command::kWrite:
    case Command::kSeal:
      return "Repeat it safely with: --request-id " + hex_of(result.request_id);
    case Command::kCas:
      return fmt::format(
          "If `once --json read {}` shows the writer {}, it has happened. Otherwise "
          "it may have been overtaken.",
          a.name, hex_of(result.request_id));
    case Command::kNext:
      return "Draw another token: one that nobody has heard of is only a gap.";
    default:
      return fmt::format("Do not repeat it: read {} and decide.", a.name);
  }
}

bool explain(const Arguments& a, const Result& result) {
  switch (result.outcome) {
    case Outcome::kDone:
      return show_done(a, result);
    case Outcome::kRefused:
      complain(refusal_of(a, result));
      if (result.refusal == Refusal::kIdReused || result.version == 0) return true;
      return a.command == Command::kCheck || show_value(a, result.value);
    case Outcome::kEmpty:
      complain(fmt::format("empty: {} was never written", a.name));
      return true;
    case Outcome::kNotYet:
      complain(fmt::format("not yet: {} had no version above {} in {} ms", a.name, a.version,
                           a.timeout_ms));
      return true;
    case Outcome::kUnknown:
      complain(
          fmt::format("unknown: it may have happened, or may still happen ({})", result.message));
      complain(way_out(a, result));
      return true;
    case Outcome::kCancelled:
      complain(fmt::format("cancelled: nothing happened ({})", result.message));
      return true;
    case Outcome::kRetired:
      complain(fmt::format("retired: {} ({})", a.name, result.message));
      return true;
    case Outcome::kDenied:
      complain(fmt::format("denied: {}", result.message));
      return true;
    case Outcome::kUnavailable:
      complain(changes(a.command)
                   ? fmt::format("unavailable: nothing happened ({})", result.message)
                   : fmt::format("unavailable: {}", result.message));
      return true;
    default:
      complain(fmt::format("once: {}", result.message));
      return true;
  }
}

bool show(const Arguments& a, const Result& result) {
  return a.json ? write_stdout(result_json(a.name, result) + "\n") : explain(a, result);
}

// The exit code tells what became of the name. That nobody could read more about it changes that
// only where what could not be shown was what had been asked for.
int code_of(const Arguments& a, const Result& result, bool shown) {
  if (shown || result.outcome != Outcome::kDone) return exit_code(result.outcome);
  if (a.command == Command::kRead || a.command == Command::kWait) return not_shown();
  if (a.command != Command::kNext) return exit_code(result.outcome);
  complain(fmt::format("once: token {} was drawn, and could not be printed", result.version));
  return exit_code(Outcome::kUnknown);
}

int question(const Arguments& a) {
  Client client(client_options(a));
  const Result result = [&] {
    const Patience patience(client, a);
    return ask(client, a);
  }();
  return code_of(a, result, show(a, result));
}

int change(Arguments a, const std::string& value) {
  Signals signals;  // before the client has a thread
  Client client(client_options(a));
  Asker asker(signals, client);
  // Known before anything is sent: whoever breaks off must be told it.
  if (!a.request_id) a.request_id = client.new_request_id();
  code_of_surprise = exit_code(Outcome::kUnknown);
  Asked asked = [&] {
    const Patience patience(client, a);
    return asker.ask([&](Callback done) { return begin(client, a, value, std::move(done)); });
  }();
  Result& result = asked.result;
  const bool answered = result.outcome == Outcome::kDone || result.outcome == Outcome::kRefused;
  if (asked.signal != 0 && !answered) {
    result.request_id = *a.request_id;
    result.message = fmt::format("interrupted by signal {}; its request id was {}", asked.signal,
                                 hex_of(result.request_id));
    if (!a.json) leave_echo(asked.signal);
  }
  const int code = code_of(a, result, show(a, result));
  return result.outcome == Outcome::kCancelled && asked.signal != 0 ? die_after(asked.signal)
                                                                    : code;
}

}  // namespace

int operation_command(const Arguments& arguments) {
  if (!changes(arguments.command)) return question(arguments);
  std::string value;
  if (takes_value(arguments.command)) {
    if (!take_value(arguments.value, value)) return kExitError;
    const std::string wrong = check_value(value.size());
    if (!wrong.empty()) return usage_error(wrong);
  }
  return change(arguments, value);
}

}  // namespace once::client
