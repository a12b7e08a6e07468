// What a shard needs of its node. Called from every core's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"
#include "net/client_listener.h"
#include "net/peer_links.h"
#include "server/metrics.h"
#include "server/traffic.h"

namespace once::server {

class ShardHost {
 public:
  virtual ~ShardHost() = default;
  virtual net::ServerHello server_hello(CoreId core) = 0;
  // As PeerLinksHandler; without a vote, clients are told `unavailable` too.
  virtual bool may_vote() = 0;
  virtual net::DiskTable known_disks() = 0;
  virtual void on_contact(const net::PeerHello& hello) = 0;
  virtual net::Meeting meet(const net::PeerHello& hello) = 0;
  virtual void on_peer(const net::PeerHello& hello) = 0;
  virtual std::optional<net::SeatRefusal> take_seat(const net::PeerHello&) { return std::nullopt; }
  virtual void leave_seat(NodeId) {}
  virtual void on_other_disk(NodeId) {}
  virtual net::StatusReport status() = 0;
  virtual void publish(CoreId core, const CoreSnapshot& snapshot) = 0;
  virtual Traffic& traffic(CoreId core) = 0;  // for that core to count in
  virtual void on_started(CoreId core) = 0;   // the incarnation is durable: doors may open
  virtual void on_tick(CoreId core, int64_t now_ns) = 0;
  // What lay in the log of another core is durable in this one's; then: the same of every core.
  virtual void on_adopted(CoreId) {}
  virtual bool all_adopted() { return true; }
  virtual void set_full(CoreId, bool) {}  // the disk, as this core's log finds it
  virtual bool any_full() { return false; }
  virtual bool stop_requested() = 0;
  virtual void set_idle(CoreId core, bool idle) = 0;
  virtual bool all_idle() = 0;
  virtual void log_failed(std::string_view what) = 0;  // does not return in production
  virtual void log_corrupt(std::string_view what) { log_failed(what); }
  virtual void log_line(std::string_view line) = 0;
};

}  // namespace once::server
