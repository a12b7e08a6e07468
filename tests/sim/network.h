// The simulated network: byte streams between hosts, as TCP gives them. A stream keeps its bytes
// whole and in order until it ends; it ends in order, or cut in the middle of a frame. Between
// nodes, whole frames may be lost, doubled and overtake each other as well: peers frame what they
// send and must bear it (a stream that breaks and is dialled again does the same to them).
// A blocked or clogged direction holds its bytes back, as a kernel that sends again does.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/world.h"

namespace once::sim {

using HostId = uint32_t;

// Who holds one end of a connection. `tag` is the holder's own name for it.
class Plug {
 public:
  virtual ~Plug() = default;
  virtual void plug_connected(uint64_t tag) = 0;
  virtual void plug_bytes(uint64_t tag, std::string bytes) = 0;
  virtual void plug_closed(uint64_t tag, const char* why) = 0;  // last call
};

class Acceptor {
 public:
  virtual ~Acceptor() = default;
  // Takes side 1 of the connection: plug it in with Network::plug.
  virtual void incoming(uint64_t connection, const std::string& address) = 0;
};

// Sees what nodes send to clients, at the moment that they do.
class Wiretap {
 public:
  virtual ~Wiretap() = default;
  virtual void on_node_sends(HostId client, std::string_view frames) = 0;
};

// Sees all bytes but greetings, as they are sent and as they arrive, and may lose what nodes send
// each other. With none, nothing is different.
class Observer {
 public:
  virtual ~Observer() = default;
  // True: it is lost. Of a client's bytes that has no meaning.
  virtual bool on_sent(HostId from, HostId to, std::string_view bytes) = 0;
  virtual void on_arrived(HostId from, HostId to, std::string_view bytes) = 0;
};

struct NetworkRates {  // per million, of frames between nodes
  uint32_t loss = 0;
  uint32_t duplicate = 0;
  uint32_t reordering = 0;     // of connections, on which frames overtake each other
  uint32_t reorder = 0;        // of frames on such a connection: much later than its fellows
  uint32_t split = 0;          // of deliveries that come in two pieces
  int64_t late_ns = 20 * kMs;  // the most that a reordered frame comes late
  int64_t delay_ns = 100 * kUs;
  int64_t jitter_ns = 100 * kUs;
};

class Network final : public Actor {
 public:
  // Hosts 0..nodes-1 are nodes, the rest are clients.
  Network(World& world, size_t nodes, size_t hosts, const NetworkRates& rates);

  void listen(HostId host, const std::string& address, Acceptor* acceptor);
  // The process of a host ends. `silent`: the machine is gone, nobody is told.
  void kill_host(HostId host, bool silent);
  void set_wiretap(Wiretap* wiretap) { wiretap_ = wiretap; }
  void set_observer(Observer* observer) { observer_ = observer; }
  void host_up(HostId host) { hosts_[host].up = true; }

  uint64_t connect(HostId from, const std::string& address, Plug* plug, uint64_t tag);
  // Side 0 dialled. The two are named together: end_of(connection, side).
  void plug(uint64_t end, Plug* plug, uint64_t tag);
  void send(uint64_t end, std::string_view bytes);
  void close(uint64_t end);  // in order, behind what was sent; no plug_closed follows here
  size_t in_transit(uint64_t end) const;
  static uint64_t end_of(uint64_t connection, int side) {
    return connection << 1 | static_cast<uint64_t>(side);
  }

  // Faults. The matrix is of directions; blocking is counted, so that partitions may overlap.
  void block(HostId from, HostId to) { ++at(from, to).blocked; }
  void unblock(HostId from, HostId to) { --at(from, to).blocked; }
  void clog(HostId from, HostId to, int64_t until) { at(from, to).clogged_until = until; }
  bool cut_one();  // some connection, in the middle of what is on its way
  void calm();     // no more loss, duplication, reordering, clogs
  void set_pace(int64_t delay_ns, int64_t jitter_ns) {  // of what is sent from now on
    rates_.delay_ns = delay_ns;
    rates_.jitter_ns = jitter_ns;
  }
  const NetworkRates& rates() const { return rates_; }
  size_t hosts() const { return hosts_.size(); }
  size_t nodes() const { return nodes_; }

  void on_event(uint64_t what, uint64_t detail) override;

 private:
  struct Piece {
    int64_t due = 0;
    bool end = false;  // the sender has closed
    std::string bytes;
  };
  struct Side {
    HostId host = 0;
    Plug* plug = nullptr;
    uint64_t tag = 0;
    bool open = false;     // its holder wants to hear of it
    std::deque<Piece> to;  // on their way to this side
    size_t bytes_to = 0;
    int64_t last_due = 0;
    int64_t pump_at = 0;  // when an event is coming; 0: none
  };
  struct Connection {
    Side side[2];
    std::string address;
    bool peers = false;  // between nodes: frames
    bool reordering = false;
    bool established = false;
    bool dead = false;
  };
  struct Direction {
    int blocked = 0;
    int64_t clogged_until = 0;
  };
  struct Host {
    bool up = true;
  };
  struct Door {
    HostId host;
    Acceptor* acceptor;
  };

  Direction& at(HostId from, HostId to) { return matrix_[from * hosts_.size() + to]; }
  int64_t held_until(HostId from, HostId to);
  int64_t draw_delay();
  void send_frames(uint64_t end, std::string_view bytes);
  void enqueue(uint64_t connection, int to, std::string_view bytes, bool overtakes);
  void wake(uint64_t connection, int to, int64_t when);
  void pump(uint64_t connection, int to);
  void deliver(uint64_t connection, int to, Piece piece);
  void finish_connect(uint64_t connection);
  void end_side(uint64_t connection, int side, const char* why);
  void reset(uint64_t connection, const char* why);
  void forget(uint64_t connection);

  World& world_;
  NetworkRates rates_;
  Wiretap* wiretap_ = nullptr;
  Observer* observer_ = nullptr;
  size_t nodes_;
  std::vector<Host> hosts_;
  std::vector<Direction> matrix_;
  std::map<std::string, Door> doors_;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t next_connection_ = 1;
};

}  // namespace once::sim
