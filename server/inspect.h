// `onced inspect`: what a data directory holds, read without its lock and without voting.
#pragma once

#include <string>

namespace once::server {

// With a name: every record about it, oldest first. Prints to standard output.
int run_inspect(const std::string& data, const std::string& name, bool direct);

}  // namespace once::server
