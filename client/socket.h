// Non-blocking TCP sockets, and how to get one by HOST:PORT.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/descriptor.h"
#include "base/monotonic.h"
#include "base/name_resolver.h"
#include "base/result.h"

namespace once::client {

// Begins to connect; writable or in error once that is decided. Never blocks.
once::Result<Descriptor> begin_connect(const SocketAddress& where);
// Empty when the connection stands, otherwise why it failed.
std::string connect_failure(const Descriptor& socket);
// Empty when the socket is ready for `events` before the deadline.
std::string wait_for(const Descriptor& socket, short events, int64_t deadline_ns);

inline constexpr const char* kNameOverdue =
    "the name could not be looked up in time; check it and the name server";

// The addresses of a name, tried one after the other until a deadline. Never blocks.
class Dial {
 public:
  Dial() = default;
  Dial(SocketAddresses addresses, std::string address, int64_t deadline_ns);

  bool next();  // begins with the next address, the socket of the last one goes; false: none left
  void refused(const std::string& why);  // by the address under way
  const Descriptor& socket() const { return socket_; }
  Descriptor take() { return std::move(socket_); }
  int64_t turn_ends_ns() const { return turn_ends_ns_; }  // then it is the next address's
  bool has_more() const { return tried_ < addresses_.size(); }
  std::string why() const { return "cannot connect: " + refusals_; }

 private:
  SocketAddresses addresses_;
  std::string address_;  // as it was given
  int64_t deadline_ns_ = 0;
  size_t tried_ = 0;
  int64_t turn_ends_ns_ = 0;
  Descriptor socket_;
  std::string refusals_;
};

// A connection to HOST:PORT, made by the deadline. Blocks, look-up included, but not beyond it.
once::Result<Descriptor> connect_until(NameResolver& names, const std::string& address,
                                       int64_t deadline_ns);

}  // namespace once::client
