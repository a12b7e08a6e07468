// Ranks by Zipf's law: rank k comes in proportion to 1 / (k + 1)^0.99, as in YCSB.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/assert.h"
#include "base/prng.h"

namespace once::bench {

class Zipf {
 public:
  static constexpr double kExponent = 0.99;

  // REQUIRES: ranks > 0.
  explicit Zipf(size_t ranks) : up_to_(ranks) {
    ONCE_ASSERT(ranks > 0);
    double sum = 0;
    for (size_t k = 0; k < ranks; ++k) {
      sum += 1 / std::pow(static_cast<double>(k + 1), kExponent);
      up_to_[k] = sum;
    }
  }
  size_t ranks() const { return up_to_.size(); }
  // Of the first `ranks` ones. REQUIRES: 0 < ranks <= ranks().
  size_t draw(Prng& prng, size_t ranks) const {
    ONCE_ASSERT(ranks > 0 && ranks <= up_to_.size());
    const double at = uniform(prng) * up_to_[ranks - 1];
    const auto end = up_to_.begin() + static_cast<std::ptrdiff_t>(ranks);
    const auto rank =
        static_cast<size_t>(std::upper_bound(up_to_.begin(), end, at) - up_to_.begin());
    return std::min(rank, ranks - 1);
  }
  // In [0, 1).
  static double uniform(Prng& prng) { return static_cast<double>(prng.next() >> 11) * 0x1p-53; }

 private:
  std::vector<double> up_to_;  // the weight of that rank and all before it
};

}  // namespace once::bench
