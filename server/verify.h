// `onced verify`: whether the log of a stopped node is whole, every block and every record of it.
#pragma once

#include <string>

namespace once::server {

// Reads all of it with the directory's lock held, as a start would, and changes nothing. Prints a
// line for each log stream and a verdict. Returns an exit code: kExitDone, kExitCorrupt,
// kExitDirectory.
int run_verify(const std::string& data, bool direct);

}  // namespace once::server
