// Which nodes `onced dev` runs, where, and whether they can run there at all: what would only make
// them die again and again is found before the first of them starts. Blocking; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "server/data_directory.h"
#include "server/dev.h"

namespace once::server {

struct DevNode {
  NodeId node;
  std::string directory;
  std::string client_address;
  bool formatted = false;
};

struct DevPlan {
  Configuration configuration;  // of all, but for node and disk
  uint16_t port = 0;
  std::vector<DevNode> nodes;
};

// With onced's exit code for it; the message names the flags that `dev` has.
struct DevRefusal {
  int exit_code = 0;
  std::string message;
};

// Changes nothing. A new cluster gets a new id.
tl::expected<DevPlan, DevRefusal> plan_dev(const DevOptions& options);

// Exit codes of a node that the same start would only meet again.
bool is_hopeless(int exit_code);
// What to do about one, with the flags that `dev` has.
std::string dev_advice(int exit_code, const std::string& data);

}  // namespace once::server
