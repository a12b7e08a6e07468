// write and read: one operation on one name.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "client/client.h"
#include "client/commands/commands.h"
#include "client/commands/terminal.h"
#include "client/output.h"

namespace once::client {
namespace {

void explain_write(const Result& result) {
  const std::string id = to_hex(result.request_id);
  switch (result.outcome) {
    case Outcome::kDone:
      fmt::print("done: version {}, request id {}\n", result.version, id);
      break;
    case Outcome::kRefused:
      fmt::print(stderr, "refused: already set by request {}, to this value:\n",
                 to_hex(result.writer));
      (void)write_stdout(result.value);
      if (isatty(STDOUT_FILENO)) std::fputc('\n', stdout);
      break;
    case Outcome::kUnknown:
      fmt::print(stderr,
                 "unknown: the write may have happened, or may still happen ({})\n"
                 "Repeat it safely with: --request-id {}\n",
                 result.message, id);
      break;
    case Outcome::kUnavailable:
      fmt::print(stderr, "unavailable: nothing was written ({})\n", result.message);
      break;
    default:
      fmt::print(stderr, "once: {}\n", result.message);
  }
}

}  // namespace

int write_command(const Arguments& arguments) {
  std::string value;
  if (!take_value(arguments.value, value)) return kExitError;
  const std::string wrong = check_value(value.size());
  if (!wrong.empty()) return usage_error(wrong);
  Client client(client_options(arguments));
  const Result result = client.write(arguments.name, value, {.id = arguments.request_id});
  if (arguments.json) {
    if (!write_stdout(result_json(arguments.name, result) + "\n")) return kExitError;
  } else {
    explain_write(result);
  }
  return exit_code(result.outcome);
}

int read_command(const Arguments& arguments) {
  Client client(client_options(arguments));
  const Result result = client.read(arguments.name);
  if (arguments.json) {
    if (!write_stdout(result_json(arguments.name, result) + "\n")) return kExitError;
  } else if (result.outcome == Outcome::kDone) {
    if (!write_stdout(result.value)) return kExitError;
    if (isatty(STDOUT_FILENO) && !write_stdout("\n")) return kExitError;
  } else if (result.outcome == Outcome::kEmpty) {
    fmt::print(stderr, "empty: {} was never written\n", arguments.name);
  } else {
    fmt::print(stderr, "{}: {}\n", outcome_name(result.outcome), result.message);
  }
  return exit_code(result.outcome);
}

}  // namespace once::client
