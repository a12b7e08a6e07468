// What clients of a shard asked and the replica is not: questions about names, which wait for their
// turn, and requests that were refused at the door.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/client_listener.h"

namespace once::server {

struct Question {  // that waits for its turn
  net::ClientConnectionId connection;
  uint64_t correlation;
  std::string text;  // the name, or the prefix, whose own bytes died with their round
  std::optional<net::ListRequest> list;  // or the name is to be explained
};

struct Refusal {  // of what never reached the replica; told at the end of the round
  net::ClientConnectionId connection;
  uint64_t correlation;
  paxos::Operation operation;
  paxos::Status status;
};

}  // namespace once::server
