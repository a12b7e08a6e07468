// The figures of the nodes as a table for people.
#pragma once

#include <string>
#include <vector>

#include "client/client.h"

namespace once::client {

// An earlier look at the same nodes: with it the table shows what happened per second since then.
struct Since {
  const std::vector<NodeStatus>* nodes = nullptr;
  double seconds = 0;
};

std::string status_table(const std::vector<NodeStatus>& nodes, const Since& since);
// One line for each node that did not answer, and one if too few did. Empty when all is well.
std::string status_problems(const std::vector<NodeStatus>& nodes, bool majority);

}  // namespace once::client
