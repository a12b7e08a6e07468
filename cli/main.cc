// The `once` command: the cluster from a shell. The exit code tells the outcome.
#include "base/guarded_main.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/commands/front.h"
#include "cli/commands/signals.h"
#include "cli/commands/standard_files.h"

namespace once::client {
namespace {

int run(int argc, const char* const* argv) {
  const auto arguments = parse_arguments(argc, argv);
  if (!arguments) return say(arguments.error());
  if (is_operation(arguments->command)) return operation_command(*arguments);
  switch (arguments->command) {
    case Command::kRun:
      return behind_front([&] { return run_command(*arguments); });
    case Command::kLock:
      return behind_front([&] { return lock_command(*arguments); });
    case Command::kList:
      return list_command(*arguments);
    case Command::kExplain:
      return explain_command(*arguments);
    case Command::kStatus:
      return status_command(*arguments);
    case Command::kCompletion:
      return completion_command(*arguments);
    default:
      return kExitError;
  }
}

}  // namespace
}  // namespace once::client

int main(int argc, char** argv) {
  using namespace once::client;
  hold_standard_files();
  prepare_signals();
  const int code = once::guarded_main("once", [&] { return run(argc, argv); });
  if (const int number = death_to_come(); number != 0) die_of(number);
  return code;
}
