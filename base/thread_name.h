// What `top -H`, `ps -T` and a debugger call the calling thread. Never of a process's first thread:
// that one carries the name of the program.
#pragma once

#include <sys/prctl.h>

namespace once {

// At most 15 characters; the kernel cuts what is more.
inline void name_thread(const char* name) { ::prctl(PR_SET_NAME, name); }

}  // namespace once
