// Completion for shells, made from the command line's own tree, so that it cannot fall behind.
#pragma once

#include <string>

#include "cli/arguments.h"

namespace once::client {

std::string completion_script(Shell shell);

}  // namespace once::client
