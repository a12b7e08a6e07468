// Asks one node how it is, on a connection of its own. Blocks; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/name_resolver.h"
#include "base/types.h"
#include "client/conversation.h"
#include "client/results.h"

namespace once::client {

// `expected`: a node of another cluster does not count as reachable.
NodeStatus ask_status(NameResolver& names, const std::string& address, int64_t timeout_ms,
                      const std::optional<ClusterId>& expected);

// The first part of it: greets, and notes in `status` who answers there, or why nobody does.
std::optional<Conversation> greet(NameResolver& names, const std::string& address,
                                  const std::optional<ClusterId>& expected, uint16_t core,
                                  int64_t deadline_ns, NodeStatus& status);

}  // namespace once::client
