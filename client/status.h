// Asks one node how it is, on a connection of its own. Blocks; any thread.
#pragma once

#include <string>

#include "client/client.h"

namespace once::client {

NodeStatus ask_status(const std::string& address, int64_t timeout_ms);

}  // namespace once::client
