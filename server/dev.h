// `onced dev`: a cluster on this machine, for trying things out. Formats what is missing, runs each
// node as a process of its own, and starts again those that die. On a terminal it takes commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/limits.h"

namespace once::server {

inline constexpr uint16_t kDefaultDevPort = 7400;
inline constexpr uint64_t kDefaultDevSegmentMib = kDefaultSegmentBytes / (1024 * 1024);

struct DevOptions {
  uint16_t nodes = 1;
  std::string data = "once-data";
  std::optional<uint16_t> port;  // none: that of the data, or kDefaultDevPort
  uint16_t cores = 1;
  std::string memory;  // of each node; empty: they share what one node alone would take
  std::string ready;   // of each node, as in StartOptions
  uint64_t segment_mib = kDefaultDevSegmentMib;
  bool no_restart = false;
  bool unsafe_buffered_log = false;
};

int run_dev(const DevOptions& options);

}  // namespace once::server
