// Whose log lies in a data directory, and where its streams are: for all who read or write one.
#pragma once

#include <cstdint>
#include <string>

#include "server/data_directory.h"
#include "wal/log.h"

namespace once::server {

inline wal::Identity log_identity(const Configuration& configuration) {
  return {configuration.cluster, configuration.node, configuration.disk};
}

// How it is written is the writer's to add.
inline wal::LogOptions log_place(const Configuration& configuration, const std::string& directory,
                                 uint32_t stream) {
  wal::LogOptions options;
  options.directory = directory;
  options.stream = stream;
  options.segment_bytes = configuration.segment_bytes;
  return options;
}

}  // namespace once::server
