// Who may look into a data directory, and who could change it: its values are for its owner alone,
// and whoever can write to a directory on its path could put another one in its place. Blocking;
// called at format and at start.
#pragma once

#include <string>

#include "base/result.h"

namespace once::server {

// Refuses a path that others than root and this user can change: a directory on it (through links
// too) that belongs to somebody else, or that a group or everybody can write to and that is not
// sticky. What does not exist yet is no reason.
Result<void> check_path(const std::string& path);

// Makes it, and what is missing above it, whatever the umask: it is 0700, also if it was there.
Result<void> make_private_directory(const std::string& path);

// An earlier version left it as the umask was: now it is 0700, and each file in it 0600. What was
// changed, in one line for people; empty: nothing.
Result<std::string> make_private(const std::string& directory);

// An error only if this user may not look into the directory, or read that file in it: whose it is,
// and what to do.
Result<void> check_readable(const std::string& directory, const std::string& file);

}  // namespace once::server
