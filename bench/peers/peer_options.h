// What peer-load was asked to do: the command line as a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/early_exit.h"

namespace once::bench::peers {

struct PeerOptions {
  std::string protocol = "resp";  // resp, zookeeper or etcd
  std::vector<std::string> endpoints;
  bool reads = false;
  size_t connections = 1;
  size_t in_flight = 1;  // over all connections together
  double seconds = 10;
  double warmup_seconds = 1;
  size_t value_bytes = 32;
  size_t read_names = 10'000;  // so many are written first, and read in turn
  uint32_t timeout_ms = 0;     // 0: a caller waits as long as the server lets him
};

tl::expected<PeerOptions, EarlyExit> parse_peer_options(int argc, const char* const* argv);

}  // namespace once::bench::peers
