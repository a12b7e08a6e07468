// One connection to a peer: a stream of the reactor below a session of its protocol. What it
// learns goes to its owner, on the thread of its Io.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/peers/session.h"
#include "reactor/io.h"

namespace once::bench::peers {

class PeerConnection;

class PeerConnectionOwner : public AnswerHandler {
 public:
  virtual void on_ready(PeerConnection& connection) = 0;
  // It may be opened again from the owner's next tick on.
  virtual void on_lost(PeerConnection& connection, std::string_view why) = 0;
};

class PeerConnection final : public reactor::StreamHandler {
 public:
  PeerConnection(reactor::Io& io, PeerConnectionOwner& owner, uint32_t index)
      : io_(io), owner_(owner), index_(index) {}

  // REQUIRES: is_closed().
  void open(const std::string& address, std::unique_ptr<Session> session);
  void close();  // says good-bye first
  void cut(std::string why);
  bool is_closed() const { return state_ == State::kClosed; }
  bool is_ready() const { return state_ == State::kReady; }
  uint32_t index() const { return index_; }
  // False: nothing was sent, the stream is going down.
  bool create(Caller caller, std::string_view name, std::string_view value);
  bool read(Caller caller, std::string_view name);

  // Kept by the owner.
  size_t endpoint = 0;
  int64_t opened_ns = 0;
  int64_t retry_at_ns = 0;

 private:
  enum class State : uint8_t { kClosed, kOpening, kReady, kClosing };

  void on_connected(reactor::StreamId stream) override;
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override;
  void on_closed(reactor::StreamId stream, std::string_view why) override;
  void look_whether_ready();

  reactor::Io& io_;
  PeerConnectionOwner& owner_;
  const uint32_t index_;
  State state_ = State::kClosed;
  reactor::StreamId stream_;
  std::unique_ptr<Session> session_;
  std::string why_cut_;
};

}  // namespace once::bench::peers
