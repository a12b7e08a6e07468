// Messages that no honest member sends: fields drawn from the input, and answers to what is on its
// way that say whatever the input wants, so that they pass for answers.
#pragma once

#include <deque>
#include <string>

#include "net/peer_codec.h"
#include "paxos/messages.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {

inline constexpr const char* kNames[] = {"a", "b", "c", "dd", "eee"};

inline std::string_view any_name(Input& input) {
  const uint8_t which = input.byte();
  return which < 240 ? kNames[which % std::size(kNames)] : input.bytes(which - 239);
}

// Mostly small, sometimes at a border.
inline uint64_t any_number(Input& input) {
  const uint8_t byte = input.byte();
  if (byte < 200) return byte % 20;
  switch (byte) {
    case 200:
      return UINT64_MAX;
    case 201:
      return UINT32_MAX;
    case 202:
      return 1u << 20;
    case 203:
      return (1u << 20) + 1;
    case 204:
      return UINT64_MAX - 1;
    default:
      return input.number<uint64_t>();
  }
}

inline paxos::Operation any_operation(uint8_t byte) {
  return static_cast<paxos::Operation>(1 + byte % static_cast<int>(paxos::kLastOperation));
}

class Forger {
 public:
  Forger(Input& input, NodeId from) : input_(input), from_(from) {}

  paxos::Message any_message();
  // An answer to `request` with its handle and, mostly, its ballot. Else any message.
  paxos::Message answer_to(const paxos::Message& request);

 private:
  paxos::Ballot ballot();
  paxos::State state();
  paxos::Status status();
  uint32_t number32() { return static_cast<uint32_t>(any_number(input_)); }
  uint16_t number16() { return static_cast<uint16_t>(any_number(input_)); }
  std::string_view names();
  std::string_view buckets();
  std::string_view digests(uint16_t shards);
  std::string_view told();  // a page, mostly whole

  Input& input_;
  NodeId from_;
  std::deque<std::string> kept_;  // what views of messages point into
};

}  // namespace once::fuzz
