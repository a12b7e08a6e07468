// SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; one round for each
// word, three at the end, as the hash tables of Rust and Python use it). Who does not know the key
// cannot write down names that collide, whatever seed or secret of another hash he has seen.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace once {

struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const SipKey&, const SipKey&) = default;
};

class SipState {
 public:
  explicit SipState(const SipKey& key)
      : a_(0x736f6d6570736575 ^ key.low),
        b_(0x646f72616e646f6d ^ key.high),
        c_(0x6c7967656e657261 ^ key.low),
        d_(0x7465646279746573 ^ key.high) {}

  void take(uint64_t word) {
    d_ ^= word;
    mix();
    a_ ^= word;
  }
  uint64_t finish() {
    c_ ^= 0xff;
    for (int i = 0; i < 3; ++i) mix();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void mix() {
    a_ += b_;
    b_ = std::rotl(b_, 13) ^ a_;
    a_ = std::rotl(a_, 32);
    c_ += d_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ += d_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ += b_;
    b_ = std::rotl(b_, 17) ^ c_;
    c_ = std::rotl(c_, 32);
  }

  uint64_t a_, b_, c_, d_;
};

inline uint64_t sip_hash(std::string_view bytes, const SipKey& key) {
  SipState state(key);
  const char* at = bytes.data();
  for (size_t words = bytes.size() / 8; words != 0; --words, at += 8) {
    state.take(load<uint64_t>(at));
  }
  // The rest, with the length's lowest byte above it.
  uint64_t last = uint64_t{bytes.size()} << 56;
  for (size_t i = 0; i < bytes.size() % 8; ++i) {
    last |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
  }
  state.take(last);
  return state.finish();
}

}  // namespace once
