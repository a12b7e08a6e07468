// What the system says of this process, for whoever watches it. Any thread; reads /proc.
#pragma once

#include <cstdint>

namespace once::server {

struct ProcessFigures {
  double cpu_seconds = 0;  // of all threads
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_files = 0;
  uint64_t most_open_files = 0;
};

// Where /proc is not mounted, what is read there stays 0.
ProcessFigures process_figures();

}  // namespace once::server
