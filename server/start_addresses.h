// Where a node listens and what it tells clients to dial: whether others can use that, in words for
// whoever types the command line.
#pragma once

#include <functional>
#include <string>

#include "base/name_resolver.h"
#include "base/result.h"
#include "server/data_directory.h"
#include "server/node.h"

namespace once::server {

using LookUp = std::function<Result<SocketAddresses>(const std::string& address)>;
Result<SocketAddresses> look_up_to_listen(const std::string& address);

// What is wrong, with the line to type instead; nothing: others can dial it. `own` is the node's
// address among the members, if it is known: others reach the node there. Looks `listen` up if
// clients are told it, which the start does anyway; a name to advertise is for clients to look up.
std::string wrong_with_addresses(const StartOptions& options, const std::string& own,
                                 const LookUp& look_up = look_up_to_listen);

// For the log: only clients on this machine reach what they are told, and the members are on
// others.
std::string doubt_about_addresses(const StartOptions& options, const Configuration& configuration);

}  // namespace once::server
