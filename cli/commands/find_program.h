// Whether there is a program to run, asked before anything that cannot be undone rests on it.
#pragma once

#include <string>

namespace once::client {

// Why execvp() would not find it, as an error number: ENOENT, or EACCES where something of that
// name is no program; 0: it is there. What becomes of it later, nobody knows.
int why_no_program(const std::string& program);

}  // namespace once::client
