// Whether the next proposal of a hot name should wait for more changes (core_linger.cc).
#pragma once

#include <cstdint>

#include "base/assert.h"

namespace once::paxos {

// Whether lingering pays. Each time in vain it is left out twice as often, up to 64 times.
class LingerLuck {
 public:
  bool is_tried() { return skips_ == 0 || skips_-- == 0; }
  void learn(bool in_vain) {
    skips_ = in_vain ? static_cast<uint8_t>(1u << doublings_) : 0;
    ONCE_ASSERT(skips_ <= 64);
    doublings_ = in_vain ? static_cast<uint8_t>(doublings_ + (doublings_ < 6 ? 1 : 0)) : 0;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  uint8_t doublings_ = 0;
  uint8_t skips_ = 0;
};

}  // namespace once::paxos
