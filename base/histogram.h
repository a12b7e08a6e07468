// A log-linear histogram of non-negative integers (latencies in ns): fixed size, error below 0.4 %.
// Values below kSubBuckets are exact; above, each power of two is cut into kSubBuckets equal parts.
// Values of 2^kMaxBits and more count in the last bucket; min, max and mean stay exact. Not shared.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace once {

class Histogram {
 public:
  static constexpr int kSubBits = 7;
  static constexpr uint64_t kSubBuckets = 1u << kSubBits;
  static constexpr int kMaxBits = 42;  // of nanoseconds: over an hour
  static constexpr size_t kBuckets = (kMaxBits - kSubBits + 1) * kSubBuckets;

  Histogram() : counts_(kBuckets, 0) {}

  void record(uint64_t value) {
    ++counts_[index_of(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  // The smallest value that `percent` of all values do not exceed; 0 when nothing was recorded.
  uint64_t percentile(double percent) const {
    if (count_ == 0) return 0;
    double wanted =
        std::ceil(std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_));
    uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
    if (rank == count_) return max_;
    uint64_t seen = 0;
    size_t i = 0;
    while ((seen += counts_[i]) < rank) ++i;
    return std::clamp(middle_of(i), min_, max_);
  }

  // Calls visit(value, count) for each value that was recorded, in order, as exact as it is kept.
  template <class Visit>
  void for_each(Visit visit) const {
    for (size_t i = 0; i < kBuckets; ++i) {
      if (counts_[i] > 0) visit(std::clamp(middle_of(i), min_, max_), counts_[i]);
    }
  }

  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

 private:
  static size_t index_of(uint64_t value) {
    value = std::min(value, (uint64_t{1} << kMaxBits) - 1);
    if (value < kSubBuckets) return value;
    int shift = std::bit_width(value) - 1 - kSubBits;
    return (static_cast<size_t>(shift) + 1) * kSubBuckets + ((value >> shift) & (kSubBuckets - 1));
  }
  static uint64_t middle_of(size_t index) {
    if (index < kSubBuckets) return index;
    size_t shift = index / kSubBuckets - 1;
    uint64_t low = (kSubBuckets + index % kSubBuckets) << shift;
    return low + (uint64_t{1} << shift) / 2;
  }

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  double sum_ = 0;
  uint64_t min_ = ~uint64_t{0};
  uint64_t max_ = 0;
};

}  // namespace once
