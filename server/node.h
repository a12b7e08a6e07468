// One node, built for `onced start`: data directory, probes, recovery, then one shard per core.
// Everything is built by the calling thread; core 0 then runs on it and the others on their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/command_line.h"

namespace once::server {

inline constexpr const char* kDefaultMemory = "75%";

struct StartOptions {
  std::string data;
  std::string listen;                   // HOST:PORT for clients
  std::string advertise;                // what clients are told to dial; empty: `listen`
  std::string admin;                    // HOST:PORT for metrics and health alone; empty: none
  std::vector<std::string> http_hosts;  // other names under which web pages may reach it
  uint16_t cores = 1;
  std::string io = "auto";  // or uring, epoll
  std::string memory = kDefaultMemory;
  std::string ready;  // of that, made ready for names to come; empty: see ready_for()
  bool unsafe_buffered_log = false;
  std::vector<GivenOption> given;  // all of the above that stood on the command line
};

// Serves until SIGTERM or SIGINT. Returns an exit code of server/exit_codes.h, having said why.
int run_node(const StartOptions& options);

}  // namespace once::server
