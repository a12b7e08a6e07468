// The `once` command: the cluster from a shell. The exit code tells the outcome.
#include "client/arguments.h"
#include "client/commands/commands.h"

int main(int argc, char** argv) {
  using once::client::Command;
  const auto arguments = once::client::parse_arguments(argc, argv);
  if (!arguments) return once::say(arguments.error());
  if (once::client::is_operation(arguments->command)) {
    return once::client::operation_command(*arguments);
  }
  switch (arguments->command) {
    case Command::kRun:
      return once::client::run_command(*arguments);
    case Command::kLock:
      return once::client::lock_command(*arguments);
    case Command::kList:
      return once::client::list_command(*arguments);
    case Command::kStatus:
      return once::client::status_command(*arguments);
    case Command::kCompletion:
      return once::client::completion_command(*arguments);
    default:
      return once::client::kExitError;
  }
}
