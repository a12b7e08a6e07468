// `onced dev`: a cluster on this machine, for trying things out. Formats what is missing, runs each
// node as a process of its own, and starts again those that die.
#pragma once

#include <cstdint>
#include <string>

namespace once::server {

struct DevOptions {
  uint16_t nodes = 1;
  std::string data = "once-data";
  uint16_t port = 7400;
  uint16_t cores = 1;
  std::string memory;  // of each node; empty: they share what one node alone would take
  bool unsafe_buffered_log = false;
};

int run_dev(const DevOptions& options);

}  // namespace once::server
