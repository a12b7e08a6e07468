// The figures of the nodes as a table for people.
#pragma once

#include <string>
#include <vector>

#include "cli/status_verdict.h"
#include "client/results.h"

namespace once::client {

// An earlier look at the same nodes: with it the table shows what happened per second since then.
struct Since {
  const std::vector<NodeStatus>* nodes = nullptr;
  double seconds = 0;
};

enum class Width : uint8_t { kScreen, kWide };  // 80 columns and the most important, or all
std::string status_table(const std::vector<NodeStatus>& nodes, const Since& since, Width width);
std::string verdict_text(const Verdict& verdict, bool colours);  // one line
// One line for each node that did not answer and each reason, and what to do. Empty: all is well.
std::string status_problems(const Survey& survey, const Verdict& verdict);

}  // namespace once::client
