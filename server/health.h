// Whether a node is well, in two senses, as its figures say. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "doors/node_view.h"
#include "server/node_figures.h"

namespace once::server {

// A loop that has not turned for so long hangs.
inline constexpr int64_t kLoopHangsNs = 10'000'000'000;

// Each loop turns. Asks for no quorum, no disk and no peers: a restart would help none of them.
// `silent_ns`: of each core.
doors::Health liveness(const std::vector<int64_t>& silent_ns);
// It can serve clients: it has read its log, votes, reaches a majority and was not told to stop.
doors::Health readiness(const NodeFigures& node);

}  // namespace once::server
