// How a cluster is, in one word and one line for people. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/status_survey.h"

namespace once::client {

enum class Health : uint8_t {
  kHealthy,     // every member is up, votes, and reaches all others
  kDegraded,    // a majority works, but something must be seen to
  kNoMajority,  // no majority of the members is up and linked: nothing can be written
  // Nothing is known of the cluster that is meant, since none of its nodes was asked:
  kOtherCluster,  // what answers is of another one
  kNoNode,        // what answers is no node, or not its port for clients
};
std::string_view health_name(Health health);  // "healthy", "no_majority", ...

struct Verdict {
  Health health = Health::kNoMajority;
  size_t up = 0;  // members that answer
  size_t members = 0;
  std::string line;                  // "2 of 3 up: one more failure stops writes"
  std::vector<std::string> reasons;  // what is wrong with nodes that are up, a line each
};
Verdict verdict_of(const Survey& survey);
// Whether everybody who was asked is not who was meant, and whom they are instead; nothing: some
// may be.
std::optional<Health> whom_we_asked(const std::vector<NodeStatus>& nodes);

// For people, where whom_we_asked() has an answer.
inline constexpr std::string_view kOnlyOtherClusters =
    "no node of the cluster that is meant: those that answer are of another one";
inline constexpr std::string_view kNoNodeThere =
    "no node answers: what is there is no port for clients";
inline constexpr std::string_view kWhichIsMeant =
    "--cluster-id (or ONCE_CLUSTER_ID) says which cluster is meant: correct it, or --endpoints";

// A counter of a node, or `otherwise` if it has none of that name.
uint64_t counter_or(const NodeStatus& node, std::string_view name, uint64_t otherwise);

}  // namespace once::client
