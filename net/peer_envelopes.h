// The envelopes of one core's links: messages to one core are gathered in a frame with one
// checksum, which is sealed at the end of the round, or when it has reached its goal. Private to
// net/.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "net/peer_link.h"
#include "paxos/messages.h"
#include "reactor/io.h"

namespace once::net {

// A message of the links themselves; paxos numbers its own from 1.
struct LinkMessage {
  enum Type : uint8_t { kPing = 200, kPong = 201, kModestHere = 202 };
  Type type = kPing;
  int64_t time_ns = 0;  // of a ping, and given back; else 0
};
static_assert(std::variant_size_v<paxos::Message> < LinkMessage::kPing);
// Takes it off `messages`. False: they begin with something else.
bool take_own(std::string_view& messages, LinkMessage& message);

class PeerEnvelopes {
 public:
  // `on_slow`: the link's outbox is full, and what was to go into it is dropped.
  PeerEnvelopes(reactor::Io& io, std::function<void(const PeerLink&)> on_slow)
      : io_(io), on_slow_(std::move(on_slow)) {}

  void put(PeerLink& link, const paxos::Message& message);
  // Messages that encode_message has encoded, one after the other.
  void put_encoded(PeerLink& link, std::string_view messages);
  void put_own(PeerLink& link, LinkMessage::Type type, int64_t time_ns);
  void seal(PeerLink& link);
  void seal_all();  // at the end of each round

 private:
  std::vector<char>* open(PeerLink& link);

  reactor::Io& io_;
  const std::function<void(const PeerLink&)> on_slow_;
  std::vector<PeerLink*> open_;
};

}  // namespace once::net
