// The `once` command: the cluster from a shell. The exit code tells the outcome.
#include "client/arguments.h"
#include "client/commands/commands.h"

int main(int argc, char** argv) {
  using once::client::Command;
  const auto arguments = once::client::parse_arguments(argc, argv);
  if (!arguments) return once::say(arguments.error());
  switch (arguments->command) {
    case Command::kWrite:
      return once::client::write_command(*arguments);
    case Command::kRead:
      return once::client::read_command(*arguments);
    case Command::kStatus:
      return once::client::status_command(*arguments);
    case Command::kCompletion:
      return once::client::completion_command(*arguments);
  }
}
