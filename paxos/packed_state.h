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
  [[gnu::always_inline]] static PackedState at(const char* in) {
    PackedState state;
    uint32_t four;
    std::memcpy(&four, in, sizeof four);
    const auto fifth = static_cast<uint8_t>(in[sizeof four]);
    if ((four & 0x80808080) == 0 && fifth < 0x80) {
      state.version = four & 0x7f;
      state.value_size = four >> 8 & 0x7f;
      state.ballot.round.value = four >> 16 & 0x7f;
      state.ballot.node = node_of(four >> 24);
      state.ballot.incarnation.value = fifth;
      state.rest = in + sizeof four + 1;
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
    const uint64_t any = state.version | state.value.size() | ballot.round.value |
                         ballot.node.value | ballot.incarnation.value;
    if (any < 0x80) {
      // Written as at() reads it: what is read in other pieces waits until all of them are in the
      // cache.
      const auto four = static_cast<uint32_t>(state.version | state.value.size() << 8 |
                                              uint64_t{ballot.round.value} << 16 |
                                              uint64_t{ballot.node.value} << 24);
      std::memcpy(out, &four, sizeof four);
      out[sizeof four] = static_cast<char>(ballot.incarnation.value);
      out += sizeof four + 1;
    } else {
      out = put(out, state.version);
      out = put(out, state.value.size());
      out = put(out, ballot.round.value);
      out = put(out, ballot.node.value);
      out = put(out, ballot.incarnation.value);
    }
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
