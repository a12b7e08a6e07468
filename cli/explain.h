// Asks every node what it holds of one name. Blocks; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/name_resolver.h"
#include "base/types.h"
#include "client/results.h"
#include "paxos/explanation.h"

namespace once::client {

struct NodeExplanation {
  NodeStatus node;  // reachable: it has told
  uint16_t core = 0;
  paxos::Explanation told;
};

struct NameExplanation {
  std::vector<NodeExplanation> nodes;  // as of Survey
  size_t members = 0;
};

// All endpoints, and every member that one of them knows, at the same time; it is over when the
// time is. `expected`: the cluster that is meant, if one is.
NameExplanation explain_name(NameResolver& names, const std::vector<std::string>& endpoints,
                             const std::optional<ClusterId>& expected, const std::string& name,
                             int64_t timeout_ms);

// Of one node.
NodeExplanation ask_explanation(NameResolver& names, const std::string& address,
                                const std::optional<ClusterId>& expected, const std::string& name,
                                int64_t timeout_ms);

}  // namespace once::client
