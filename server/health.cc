#include "server/health.h"

#include <fmt/format.h>

#include <string>

namespace once::server {
namespace {

void check(doors::Health& health, std::string_view what, bool well, std::string_view why_not) {
  health.well = health.well && well;
  health.text +=
      well ? fmt::format("[+]{} ok\n", what) : fmt::format("[-]{} failed: {}\n", what, why_not);
}

std::string why_it_does_not_vote(const NodeFigures& node) {
  return node.withdrawn ? "it was formatted as a cluster of one and called by others"
                        : "not every member has met its disk yet";
}

}  // namespace

doors::Health liveness(const std::vector<int64_t>& silent_ns) {
  doors::Health health{true, {}};
  for (size_t core = 0; core < silent_ns.size(); ++core) {
    check(health, fmt::format("core-{}", core), silent_ns[core] < kLoopHangsNs,
          fmt::format("its loop has not turned for {} s", silent_ns[core] / 1'000'000'000));
  }
  return health;
}

doors::Health readiness(const NodeFigures& node) {
  doors::Health health{true, {}};
  check(health, "log", node.log_read, "it is being read");
  check(health, "vote", node.admitted, why_it_does_not_vote(node));
  check(health, "majority", node.has_quorum(),
        fmt::format("{} of {} nodes are reached, {} are needed", node.reached(), node.members(),
                    node.members() / 2 + 1));
  check(health, "stopping", !node.stopping, "it was told to stop");
  return health;
}

}  // namespace once::server
