// Fresh request ids, drawn many at a time: one call of the system for each would be dear.
// Single-threaded.
#pragma once

#include <array>
#include <cstddef>

#include "base/draw_ids.h"
#include "base/ids.h"

namespace once {

class DrawnIds {
 public:
  static constexpr size_t kAtOnce = 64;

  // 0, which everybody refuses: there are none, see draw_request_ids().
  RequestId next() {
    if (left_ == 0) {
      (void)draw_request_ids(ids_);
      left_ = kAtOnce;
    }
    return ids_[--left_];
  }

 private:
  std::array<RequestId, kAtOnce> ids_;
  size_t left_ = 0;
};

}  // namespace once
