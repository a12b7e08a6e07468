// The commands of `once`, one file each. Each returns the exit code.
#pragma once

#include "cli/arguments.h"

namespace once::client {

inline constexpr int kExitError = 1;
inline constexpr int kExitUnavailable = 6;
inline constexpr int kExitDegraded = 9;  // of status

int operation_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int lock_command(const Arguments& arguments);
int list_command(const Arguments& arguments);
int explain_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int completion_command(const Arguments& arguments);

}  // namespace once::client
