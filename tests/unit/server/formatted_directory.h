// A node's data directory as the tests want it: the smallest segments, one cluster for all.
#pragma once

#include <string>

#include "server/data_directory.h"

namespace once::server {

inline auto format_directory(const std::string& path, const std::string& members,
                             uint16_t node = 1) {
  Configuration configuration;
  configuration.cluster = *parse_cluster_id("c0ffee");
  configuration.node = NodeId{node};
  configuration.segment_bytes = kMaxBatchBytes;
  configuration.members = *parse_members(members);
  return DataDirectory::format(path, configuration, false);
}

}  // namespace once::server
