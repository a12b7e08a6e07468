// completion: prints what a shell needs to complete this command's words.
#include "cli/completion.h"

#include "cli/commands/commands.h"
#include "cli/commands/terminal.h"

namespace once::client {

int completion_command(const Arguments& arguments) {
  return write_stdout(completion_script(arguments.shell)) ? 0 : not_shown();
}

}  // namespace once::client
