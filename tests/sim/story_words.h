// What messages between nodes, and questions and answers of clients, say in plain words, for those
// who tell a story. Knows no rule of the protocol.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "paxos/messages.h"
#include "tests/sim/story.h"

namespace once::sim {

std::string show(const paxos::Ballot& ballot);
std::string show(const paxos::State& state);
std::string show(paxos::Operation operation, paxos::Status status, const paxos::State& state);
std::string show(paxos::Operation operation, std::string_view value, uint64_t version);
bool refuses(paxos::Status status);

// "A VERB BREST"; `kind` is what a script calls such a message, empty: housekeeping.
struct Words {
  std::string kind = {};
  Moment::Tone tone = Moment::Tone::kPlain;
  std::string label = {};  // short, for a picture
  std::string verb = {};
  std::string rest = {};
  std::string value = {};  // which it is about, if any
};
// `asked`: what a ForwardReply answers. `names`: what a claim is told. `why`: of an Accept.
Words words_of(HostId from, HostId to, const paxos::Message& message, paxos::Operation asked,
               const std::string& names, const std::string& why);

// All messages of a frame between nodes. What is no message, such as a ping, is passed over.
template <class Each>
void each_message(std::string_view frame, Each&& each) {
  auto content = net::open_peer_frame(frame);
  while (content && content->size() >= sizeof(uint32_t)) {
    std::string_view rest = *content;
    if (const auto message = net::take_message(rest)) {
      each(*message);
    } else {
      const size_t size = sizeof(uint32_t) + (load<uint32_t>(content->data()) >> 8);
      rest = content->substr(std::min(size, content->size()));
    }
    *content = rest;
  }
}

}  // namespace once::sim
