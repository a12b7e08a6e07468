// How long a request is left to the node that it was forwarded to, before this one does the work
// itself: several times what an answer usually takes, so that load alone makes no takeovers; and
// longer each time that it was too short, for an answer that nobody waits for any more teaches
// nothing: a home behind a slow disk or a wide network would be taken over for ever.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/assert.h"

namespace once::paxos {

class Hedge {
 public:
  static constexpr int64_t kShortestNs = 20'000'000;
  // A node that is gone is known by its link, within two seconds; this is for those that are slow.
  static constexpr int64_t kLongestNs = 4'000'000'000;
  static constexpr int64_t kLongestGuessNs = 2'000'000'000;

  // An answer came after this time.
  void answered(int64_t took_ns) {
    if (smoothed_ns_ == 0) {
      smoothed_ns_ = took_ns;
      variation_ns_ = took_ns / 2;
    } else {
      variation_ns_ += (std::abs(took_ns - smoothed_ns_) - variation_ns_) / 4;
      smoothed_ns_ += (took_ns - smoothed_ns_) / 8;
    }
    patience_ns_ -= patience_ns_ / 8;
  }

  // None came in this time. Many requests may say so of one silence: it is learned once. Of whom
  // nothing is known yet there is more to learn.
  void waited(int64_t waited_ns) {
    const int64_t longer = (smoothed_ns_ == 0 ? 4 : 2) * waited_ns;
    patience_ns_ = std::max(patience_ns_, std::min(longer, kLongestNs));
    ONCE_ASSERT(patience_ns_ >= 0 && patience_ns_ <= kLongestNs);
  }

  // With so much left until the deadline, half of which belongs to a takeover. Of whom nothing is
  // known yet it is guessed that a log write takes as long as here.
  int64_t delay_ns(int64_t left_ns, int64_t log_write_ns) const {
    const int64_t guess = smoothed_ns_ == 0 ? std::min(4 * log_write_ns, kLongestGuessNs) : 0;
    const int64_t usual = std::max({smoothed_ns_ * 2 + 4 * variation_ns_, patience_ns_, guess});
    const int64_t left = std::max(left_ns / 2, kShortestNs);
    const int64_t delay = std::min(std::clamp(usual, kShortestNs, kLongestNs), left);
    ONCE_ASSERT(delay >= kShortestNs && delay <= kLongestNs);
    return delay;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  int64_t smoothed_ns_ = 0;
  int64_t variation_ns_ = 0;
  int64_t patience_ns_ = 0;
};

}  // namespace once::paxos
