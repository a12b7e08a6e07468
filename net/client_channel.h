// The asking side of one client connection, without its socket: hello, then requests out and
// replies in. Bytes arrive in pieces of any size; what it keeps of them is below one frame and one
// piece. Single-threaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/client_codec.h"

namespace once::net {

class ClientChannelHandler {
 public:
  virtual ~ClientChannelHandler() = default;
  virtual void on_hello(const ServerHello& hello) = 0;
  // Views live until this returns.
  virtual void on_reply(uint64_t correlation, const paxos::ClientReply& reply) = 0;
  // The node closes this connection, and has taken nothing of what it did not answer.
  virtual void on_dismissed() {}
};

// Who is there instead of a node, by the first bytes that he said.
std::string words_about_stranger(std::string_view first_bytes);
// Of who takes connections, and says nothing where a hello is due: many services wait for a line of
// their own protocol. A node that hangs does the same.
inline constexpr const char* kWordsAboutSilence =
    "something listens there but does not speak once's protocol: is it another service's port, or "
    "--admin? (A node that hangs is as silent.)";
inline constexpr const char* kWordsAboutSilentEnd =
    "it closed the connection without a word: another service's port, or a node that ends";

class ClientChannel {
 public:
  // A fresh connection; appends the hello to `out`.
  void open(const ClientHello& hello, std::vector<char>& out);
  void close();  // from a callback too: then no further one follows
  bool ready() const { return state_ == State::kReady; }

  // Whoever said the bytes of the last feed() is no node of this protocol at all.
  bool stranger() const { return stranger_; }

  // Empty, or why the connection must be closed: the node broke the protocol, or said goodbye.
  std::string feed(std::string_view bytes, ClientChannelHandler& handler);

 private:
  enum class State : uint8_t { kClosed, kHello, kReady };
  std::string on_frame(const Frame& frame, ClientChannelHandler& handler);

  State state_ = State::kClosed;
  bool stranger_ = false;
  uint32_t opened_ = 0;  // how often: tells a reopened channel from the one that bytes came for
  std::vector<char> partial_;
};

}  // namespace once::net
