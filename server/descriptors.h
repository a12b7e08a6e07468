// How many clients fit into the limit of open files, so that peers and the log never lack one.
// Stateless; at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/client_listener.h"

namespace once::server {

struct DescriptorNeeds {
  uint64_t limit = 0;  // of the process, RLIMIT_NOFILE
  uint64_t open = 0;   // already: standard streams, the directory's lock, what was inherited
  uint16_t cores = 1;
  size_t peers = 0;
  uint64_t admin = 0;  // the listener of --admin and its connections
};

struct DescriptorPlan {
  net::ClientListenerOptions clients;  // of each core
  size_t greetings = 0;                // of peers, at once: at the core that hears their port
  int highest_of_streams = 0;          // above it, numbers are left for files
  std::string warning;                 // not empty: fewer clients fit than a core could take
  std::string refusal;                 // not empty: too few, a node must not start
};

DescriptorPlan plan_descriptors(const DescriptorNeeds& needs);

// The soft limit is raised to the hard one; what it is now.
uint64_t raise_descriptor_limit();
uint64_t open_descriptors();

}  // namespace once::server
