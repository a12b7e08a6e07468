// Descriptors 0 to 2 of `once` and of the command that it starts, and the terminal they share.
#pragma once

#include <sys/types.h>

namespace once::client {

// First of all. A descriptor that the caller had closed is held, and to use it fails as before.
void hold_standard_files();
// In the child, before it becomes the command: what was closed is /dev/null there, since programs
// rarely expect that the first file they open is standard error.
void give_sane_standard_files();

// Is the process group that has the terminal ours, or that of this process?
bool in_the_foreground(pid_t or_its);

}  // namespace once::client
