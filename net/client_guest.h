// A client connection that does not speak the protocol of once: the door that serves it, and what
// it has said of a command that is not whole yet. Private to net/.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "doors/door.h"

namespace once::net {

class Listener;
struct Connection;

struct Guest final : doors::DoorHost {
  // It has so long for one command, from its first byte on.
  static constexpr int64_t kPatienceNs = 30'000'000'000;

  Guest(Listener& listener_in, Connection& connection_in)
      : listener(listener_in), connection(connection_in) {}
  void ask(uint64_t ticket, const paxos::ClientRequest& request) override;
  std::string_view keep(std::vector<char>&& bytes) override;
  RequestId draw_id() override;
  std::vector<char>* out() override;
  const doors::NodeView& node() override;
  CoreId core() const override;
  bool is_stopping() const override;

  size_t kept_bytes() const { return partial.capacity() + door_bytes(); }
  size_t door_bytes() const { return door ? door->kept_bytes() : 0; }

  Listener& listener;
  Connection& connection;
  std::unique_ptr<doors::Door> door;  // null: who it is has not shown yet
  std::vector<char> partial;          // of the next command
  int64_t partial_since_ns = 0;
  size_t wanted = 0;    // bytes from there on, before the door is asked again
  bool taking = false;  // the door is in take()
  bool last = false;    // nothing more is taken: it is closed when all is answered
};

}  // namespace once::net
