// SplitMix64, for jitter: small, seedable, the same on every machine.
#pragma once

#include <cstdint>

namespace once::client {

class Prng {
 public:
  explicit Prng(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 50 % to 100 % of `delay_ns`.
  int64_t jitter(int64_t delay_ns) {
    return delay_ns / 2 + static_cast<int64_t>(next() % static_cast<uint64_t>(delay_ns / 2 + 1));
  }

 private:
  uint64_t state_;
};

}  // namespace once::client
