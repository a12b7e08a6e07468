// A state and the ballot under which it was accepted, in as few bytes as they need: its version,
// the size of the value and the three parts of the ballot as variable-length integers (seven bits a
// byte, low ones first), the writer in 16 bytes, and the value. Five bytes for the numbers of most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "base/types.h"
#include "paxos/ballot.h"
#include "paxos/messages.h"

namespace once::paxos {

struct PackedState {
  static constexpr size_t kWriterBytes = 16;
  static constexpr size_t kMostBytesButValue = 10 + 5 + 5 + 3 + 5 + kWriterBytes;

  uint64_t version = 0;
  uint32_t value_size = 0;
  Ballot ballot;
  const char* rest = nullptr;  // the writer and the value

  RequestId writer() const {
    uint64_t high, low;
    std::memcpy(&high, rest, sizeof high);
    std::memcpy(&low, rest + sizeof high, sizeof low);
    return request_id(high, low);
  }
  std::string_view value() const { return {rest + kWriterBytes, value_size}; }
  const char* end() const { return rest + kWriterBytes + value_size; }

  // Of bytes that put() wrote. `rest` points into them.
  static PackedState at(const char* in) {
    PackedState state;
    uint64_t first;
    std::memcpy(&first, in, sizeof first);  // a state has 21 bytes at least
    if ((first & 0x8080808080) == 0) {
      state.version = first & 0x7f;
      state.value_size = first >> 8 & 0x7f;
      state.ballot.round.value = first >> 16 & 0x7f;
      state.ballot.node = node_of(first >> 24 & 0x7f);
      state.ballot.incarnation.value = first >> 32 & 0x7f;
      state.rest = in + 5;
      return state;
    }
    state.version = take(in);
    state.value_size = static_cast<uint32_t>(take(in));
    state.ballot.round.value = static_cast<uint32_t>(take(in));
    state.ballot.node = node_of(take(in));
    state.ballot.incarnation.value = static_cast<uint32_t>(take(in));
    state.rest = in;
    return state;
  }
  static size_t bytes(const Ballot& ballot, const State& state) {
    return length(state.version) + length(state.value.size()) + length(ballot.round.value) +
           length(ballot.node.value) + length(ballot.incarnation.value) + kWriterBytes +
           state.value.size();
  }
  // Writes bytes(ballot, state) of them.
  static void put(char* out, const Ballot& ballot, const State& state) {
    ONCE_ASSERT(!ballot.is_null() && state.version != 0);
    out = put(out, state.version);
    out = put(out, state.value.size());
    out = put(out, ballot.round.value);
    out = put(out, ballot.node.value);
    out = put(out, ballot.incarnation.value);
    std::memcpy(out, &state.writer.high, 8);
    std::memcpy(out + 8, &state.writer.low, 8);
    if (!state.value.empty()) {
      std::memcpy(out + kWriterBytes, state.value.data(), state.value.size());
    }
  }

 private:
  static NodeId node_of(uint64_t value) {
    return NodeId{static_cast<decltype(NodeId::value)>(value)};
  }
  static size_t length(uint64_t value) {
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7) ++bytes;
    return bytes;
  }
  static char* put(char* out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
    *out++ = static_cast<char>(value);
    return out;
  }
  static uint64_t take(const char*& in) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(*in++);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
  }
};

}  // namespace once::paxos
