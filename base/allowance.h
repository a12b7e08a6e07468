// So many at once, and then one every so often: a bound on what others may cause, by the clock. The
// clock may stand still or jump ahead; after a jump back what was spent takes longer to come back.
#pragma once

#include <algorithm>
#include <cstdint>

namespace once {

class Allowance {
 public:
  // Of `wanted`, how many are allowed now; they are spent. REQUIRES: the same bounds each time.
  uint32_t spend(uint32_t wanted, uint32_t at_once, int64_t ns_each, int64_t now_ns) {
    used_until_ = std::max(used_until_, now_ns);
    const int64_t waiting = (used_until_ - now_ns + ns_each - 1) / ns_each;
    const int64_t allowed = std::clamp<int64_t>(at_once - waiting, 0, wanted);
    used_until_ += allowed * ns_each;
    return static_cast<uint32_t>(allowed);
  }

 private:
  int64_t used_until_ = 0;  // when everything that was spent has come back
};

}  // namespace once
