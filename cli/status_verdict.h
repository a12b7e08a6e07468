// How a cluster is, in one word and one line for people. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/status_survey.h"

namespace once::client {

enum class Health : uint8_t {
  kHealthy,     // every member is up, votes, and reaches all others
  kDegraded,    // a majority works, but something must be seen to
  kNoMajority,  // no majority of the members is up and linked: nothing can be written
};
std::string_view health_name(Health health);  // "healthy", "degraded", "no_majority"

struct Verdict {
  Health health = Health::kNoMajority;
  size_t up = 0;  // members that answer
  size_t members = 0;
  std::string line;                  // "2 of 3 up: one more failure stops writes"
  std::vector<std::string> reasons;  // what is wrong with nodes that are up, a line each
};
Verdict verdict_of(const Survey& survey);

// A counter of a node, or `otherwise` if it has none of that name.
uint64_t counter_or(const NodeStatus& node, std::string_view name, uint64_t otherwise);

}  // namespace once::client
