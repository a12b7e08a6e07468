// One client connection: hello, requests out, replies in. Everything it learns goes to its owner.
// Single-threaded, on the Io of its owner, which outlives it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/client_channel.h"
#include "reactor/io.h"

namespace once::bench {

class Connection;

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_hello(Connection& connection, const net::ServerHello& hello) = 0;
  virtual void on_reply(Connection& connection, uint64_t correlation,
                        const paxos::ClientReply& reply) = 0;
  virtual void on_protocol_error(Connection& connection, std::string what) = 0;
  // It may be opened again from the owner's next round on.
  virtual void on_lost(Connection& connection, std::string_view why) = 0;
};

class Connection final : public reactor::StreamHandler, private net::ClientChannelHandler {
 public:
  Connection(reactor::Io& io, ConnectionOwner& owner, uint32_t index)
      : io_(io), owner_(owner), index_(index) {}

  void open(const std::string& address, const net::ClientHello& hello);
  void close();
  bool is_closed() const { return state_ == State::kClosed; }
  bool is_ready() const { return state_ == State::kOpen && channel_.ready(); }
  // Connected, and the other end has said nothing.
  bool is_ignored() const { return state_ == State::kOpen && greeted_ && !channel_.ready(); }
  uint32_t index() const { return index_; }
  // False: nothing was sent, the stream is going down.
  bool send(uint64_t correlation, const paxos::ClientRequest& request);

  size_t in_flight = 0;     // kept by the owner
  int64_t retry_at_ns = 0;  // kept by the owner

 private:
  enum class State { kClosed, kOpen, kClosing };

  void on_connected(reactor::StreamId stream) override;
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override;
  void on_closed(reactor::StreamId stream, std::string_view why) override;
  void on_hello(const net::ServerHello& hello) override;
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override;

  reactor::Io& io_;
  ConnectionOwner& owner_;
  uint32_t index_;
  State state_ = State::kClosed;
  bool greeted_ = false;
  reactor::StreamId stream_;
  net::ClientHello hello_;
  net::ClientChannel channel_;
};

}  // namespace once::bench
