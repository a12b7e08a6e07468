// Where a node listens and what it tells clients to dial: whether others can use that, in words for
// whoever types the command line.
#pragma once

#include <string>

#include "server/data_directory.h"
#include "server/node.h"

namespace once::server {

// What is wrong, with the line to type instead; nothing: others can dial it. `own` is the node's
// address among the members, if it is known: others reach the node there. Looks `listen` up, which
// the start does anyway.
std::string wrong_with_addresses(const StartOptions& options, const std::string& own);

// For the log: only clients on this machine reach what they are told, and the members are on
// others.
std::string doubt_about_addresses(const StartOptions& options, const Configuration& configuration);

}  // namespace once::server
