// The door for clients of one core: hello, requests in, replies out, all bounded.
// Single-threaded, on its core's Io.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "doors/door.h"
#include "net/hello.h"
#include "paxos/explanation.h"
#include "paxos/listing.h"
#include "paxos/messages.h"
#include "reactor/io.h"

namespace once::net {

struct ClientConnectionId {
  uint64_t value = 0;  // slot and generation
};

struct StatusReport {
  NodeId node;
  uint64_t pid = 0;
  std::vector<std::pair<std::string, uint64_t>> counters;
};

// The names of the core that the connection is attached to, one page.
struct ListRequest {
  paxos::ListQuery query;
  uint32_t run = 0;  // ListReply::run of the page before, for places hold for one run; 0: the first
};

struct ExplainRequest {
  std::string_view name;
};
struct ExplainReply {
  paxos::Status status = paxos::Status::kDone;
  CoreId core;  // of this node; kConflict: the name belongs to it, ask there
  paxos::Explanation explanation;
};
struct ListReply {
  paxos::Status status = paxos::Status::kDone;  // kConflict: of another run; else nothing is known
  uint32_t run = 0;                             // of this node
  paxos::ListPage page;
};

class ClientListenerHandler {
 public:
  virtual ~ClientListenerHandler() = default;
  virtual ServerHello server_hello() = 0;
  // `request.token` is not set yet; answer with reply(connection, correlation, ...), in any order.
  virtual void on_request(ClientConnectionId connection, uint64_t correlation,
                          const paxos::ClientRequest& request) = 0;
  // The listener answered a request by itself, `overloaded`: its connection has too many in flight.
  virtual void on_turned_away(paxos::Operation operation) = 0;
  virtual void on_status(ClientConnectionId connection, uint64_t correlation) = 0;
  // As on_request; answer with reply_list().
  virtual void on_list(ClientConnectionId connection, uint64_t correlation,
                       const ListRequest& request) = 0;
  virtual void on_explain(ClientConnectionId connection, uint64_t correlation,
                          const ExplainRequest& request) = 0;
  // It is closed: nothing that is replied to it from now on reaches anybody.
  virtual void on_gone(ClientConnectionId connection) = 0;
  virtual void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) = 0;
  virtual void log_line(std::string_view line) = 0;
};

struct ClientListenerOptions {
  size_t max_connections = kMaxConnectionsPerCore;
  size_t max_per_address = kMaxConnectionsPerAddress;
  // Whoever is on this machine can do worse to a node than to take its places, and those who run
  // thousands of clients beside it (load generators, tests, proxies) need them.
  bool bound_loopback = false;
  // Streams beyond all places that are told why they are closed, and have not taken it in yet.
  // Those that are closed while there are so many are told nothing.
  size_t max_leaving = kMaxConnectionsPerCore;
  // For those who do not begin with the protocol of once. It outlives the listener. Null: they are
  // told that they must.
  const doors::DoorMaker* doors = nullptr;
};

// Since the start.
struct ClientDoorCounters {
  uint64_t turned_away = 0;          // found no place
  uint64_t closed_idle = 0;          // gave their place to somebody else
  uint64_t closed_before_hello = 0;  // likewise, or their time for a hello was over
};

class ClientListener {
 public:
  virtual ~ClientListener() = default;
  virtual reactor::ListenHandler* listen_handler() = 0;
  virtual void accept(std::unique_ptr<reactor::Handoff> handoff) = 0;
  // Nothing happens if the connection is gone. `operation`: of the request.
  virtual void reply(ClientConnectionId connection, uint64_t correlation,
                     paxos::Operation operation, const paxos::ClientReply& reply) = 0;
  virtual void reply_status(ClientConnectionId connection, uint64_t correlation,
                            const StatusReport& report) = 0;
  virtual void reply_list(ClientConnectionId connection, uint64_t correlation,
                          const ListReply& reply) = 0;
  virtual void reply_explain(ClientConnectionId connection, uint64_t correlation,
                             const ExplainReply& reply) = 0;
  virtual void on_tick(int64_t now_ns) = 0;  // closes connections that never said hello
  virtual void end_round() = 0;  // call from on_batch_end: views given to on_request die here
  virtual void drain() = 0;      // refuses new connections; replies still go out
  virtual size_t connections() const = 0;
  virtual ClientDoorCounters counters() const { return {}; }

  // Answers that wait for clients may be so many bytes in all; else who has most of them goes.
  virtual void bound_unread(size_t) {}
  // Memory is short: closes the client with most of them that does not read. False: there is none.
  virtual bool relieve() { return false; }
  virtual uint64_t closed_unread() const { return 0; }  // so many were closed for not reading
  // Allocated for what clients have said and what is not taken yet.
  virtual size_t input_bytes() const { return 0; }
  // Somebody has asked more than his share of this round: the rest is taken in the next ones.
  virtual bool takes_more() const { return false; }
  // Until when modest clients of this core are remembered; and that another node serves some.
  virtual int64_t modest_until_ns() const { return 0; }
  virtual void note_modest_elsewhere() {}
};

std::unique_ptr<ClientListener> make_client_listener(reactor::Io& io, CoreId self, uint16_t cores,
                                                     ClientListenerHandler* handler,
                                                     const ClientListenerOptions& options = {});

}  // namespace once::net
