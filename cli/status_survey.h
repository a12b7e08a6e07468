// Every node of a cluster, asked how it is. Blocks; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"

namespace once::client {

struct Survey {
  std::vector<NodeStatus> nodes;  // by their numbers; those whose number is not known come last
  size_t members = 0;             // of the cluster; if nobody answered: as many as were asked
};

// All endpoints, and every member that one of them knows, at the same time: a node that hangs holds
// up no other, and it is over when the time is.
Survey survey(const Client& client, const std::vector<std::string>& endpoints, int64_t timeout_ms);

// The same of something else than how they are: `ask` is called on several threads at a time, and
// bounds itself by the time that it is given.
using AskNode = std::function<NodeStatus(const std::string& address, int64_t timeout_ms)>;
Survey survey(const AskNode& ask, const std::vector<std::string>& endpoints, int64_t timeout_ms);

// What the answers (in the order of the asking, the endpoints first) say together: about one
// cluster, that of the first which answered, and with one line for a node. Pure.
Survey settle(std::vector<NodeStatus> answers, size_t endpoint_count);

}  // namespace once::client
