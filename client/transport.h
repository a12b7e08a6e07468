// What the session wants done to connections. A path is one connection to one core of one node.
// Calls return at once and never call back into the session; events are reported later.
#pragma once

#include <cstdint>
#include <string>

#include "net/hello.h"
#include "paxos/messages.h"

namespace once::client {

using PathId = uint32_t;
inline constexpr PathId kNoPath = 0xffffffff;
using net::kAnyCore;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void connect(PathId path, const std::string& address, uint16_t core) = 0;
  // False: the path's buffer is full and nothing of the request was or will be sent.
  virtual bool send(PathId path, uint64_t correlation, const paxos::ClientRequest& request) = 0;
  virtual void close(PathId path) = 0;  // no event follows
  // What keeps a path that is being connected, in words; empty: nothing that is known.
  virtual std::string delay(PathId) const { return {}; }
  // The same of a path that is connected, and has no hello; empty: it is not.
  virtual std::string silence(PathId) const { return {}; }
};

}  // namespace once::client
