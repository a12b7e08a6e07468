// Asks one node how it is, on a connection of its own. Blocks; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/name_resolver.h"
#include "base/types.h"
#include "client/results.h"

namespace once::client {

// `expected`: a node of another cluster does not count as reachable.
NodeStatus ask_status(NameResolver& names, const std::string& address, int64_t timeout_ms,
                      const std::optional<ClusterId>& expected);

}  // namespace once::client
