// The longest time without a success: of one caller, and of all together. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace once::bench::peers {

class Gaps {
 public:
  explicit Gaps(size_t callers) : last_ns_(callers, 0) {}

  void begin(int64_t now_ns) {
    std::fill(last_ns_.begin(), last_ns_.end(), now_ns);
    last_of_all_ns_ = now_ns;
  }
  // REQUIRES: begin() was called.
  void success(size_t caller, int64_t now_ns) {
    ONCE_ASSERT(caller < last_ns_.size());
    of_one_ns_ = std::max(of_one_ns_, now_ns - last_ns_[caller]);
    of_all_ns_ = std::max(of_all_ns_, now_ns - last_of_all_ns_);
    last_ns_[caller] = last_of_all_ns_ = now_ns;
  }
  // Who waits still has waited until now.
  void end(int64_t now_ns) {
    const auto waited = std::min_element(last_ns_.begin(), last_ns_.end());
    if (waited != last_ns_.end()) of_one_ns_ = std::max(of_one_ns_, now_ns - *waited);
    of_all_ns_ = std::max(of_all_ns_, now_ns - last_of_all_ns_);
  }
  int64_t of_one_ns() const { return of_one_ns_; }
  int64_t of_all_ns() const { return of_all_ns_; }

 private:
  std::vector<int64_t> last_ns_;  // by caller
  int64_t last_of_all_ns_ = 0;
  int64_t of_one_ns_ = 0;
  int64_t of_all_ns_ = 0;
};

}  // namespace once::bench::peers
