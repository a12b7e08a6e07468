// write, read, set, cas, seal, next, check, wait: one operation on one name.
#include <fmt/format.h>

#include <string>

#include "base/printable.h"
#include "client/client.h"
#include "client/commands/commands.h"
#include "client/commands/patience.h"
#include "client/commands/terminal.h"
#include "client/output.h"

namespace once::client {
namespace {

bool takes_value(Command command) {
  return command == Command::kWrite || command == Command::kSet || command == Command::kCas;
}

bool changes(Command command) {
  return takes_value(command) || command == Command::kSeal || command == Command::kNext;
}

Result ask(Client& client, const Arguments& a, const std::string& value) {
  const CallOptions options{.id = a.request_id};
  switch (a.command) {
    case Command::kWrite:
      return client.write(a.name, value, options);
    case Command::kSet:
      return client.set(a.name, value, options);
    case Command::kCas:
      return client.cas(a.name, a.version, value, options);
    case Command::kSeal:
      return client.seal(a.name, a.version, options);
    case Command::kNext:
      return client.next(a.name, options);
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
                                      to_hex(result.request_id)));
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
                         to_hex(result.writer));
    case Refusal::kConflict:
      if (a.command == Command::kCheck) return no_to_check(a, result);
      if (result.version == 0) return fmt::format("conflict: {} is empty (version 0)", a.name);
      return fmt::format("conflict: {} has version {}, not {}; its value:", a.name, result.version,
                         a.version);
    case Refusal::kSealed:
      return fmt::format("sealed: {} never changes again; version {}, by request {}, its value:",
                         a.name, result.version, to_hex(result.writer));
    default:
      return fmt::format(
          "refused: request id {} has made version {} of {} with something else; "
          "leave out --request-id for a new change",
          to_hex(result.request_id), result.version, a.name);
  }
}

// What somebody can do whose change may have happened.
std::string way_out(const Arguments& a, const Result& result) {
  switch (a.command) {
    case Command::kWrite:
    case Command::kSeal:
      return "Repeat it safely with: --request-id " + to_hex(result.request_id);
    case Command::kCas:
      return fmt::format(
          "If `once --json read {}` shows the writer {}, it has happened. Otherwise "
          "it may have been overtaken.",
          a.name, to_hex(result.request_id));
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

}  // namespace

int operation_command(const Arguments& arguments) {
  std::string value;
  if (takes_value(arguments.command)) {
    if (!take_value(arguments.value, value)) return kExitError;
    const std::string wrong = check_value(value.size());
    if (!wrong.empty()) return usage_error(wrong);
  }
  Client client(client_options(arguments));
  const Result result = [&] {
    const Patience patience(client, arguments);
    return ask(client, arguments, value);
  }();
  const bool shown = arguments.json ? write_stdout(result_json(arguments.name, result) + "\n")
                                    : explain(arguments, result);
  return shown ? exit_code(result.outcome) : kExitError;
}

}  // namespace once::client
