#include "base/histogram.h"

#include <gtest/gtest.h>

#include <random>

namespace once {
namespace histogram_test {

TEST(Histogram, EmptyIsZero) {
  Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentile(50), 0u);
  EXPECT_EQ(h.min(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0.0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (uint64_t v = 1; v <= 100; ++v) h.record(v);
  EXPECT_EQ(h.percentile(0), 1u);
  EXPECT_EQ(h.percentile(50), 50u);
  EXPECT_EQ(h.percentile(99), 99u);
  EXPECT_EQ(h.percentile(100), 100u);
  EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(Histogram, ErrorStaysBelowOnePercentAtEveryScale) {
  std::mt19937_64 random(7);
  for (int bits = 1; bits < Histogram::kMaxBits; ++bits) {
    uint64_t value = (uint64_t{1} << bits) | (random() & ((uint64_t{1} << bits) - 1));
    Histogram h;
    h.record(value);
    h.record(~uint64_t{0} >> 20);  // keeps the exact maximum out of the way
    h.record(0);
    double got = static_cast<double>(h.percentile(60));
    EXPECT_NEAR(got, static_cast<double>(value), static_cast<double>(value) * 0.01) << value;
  }
}

TEST(Histogram, PercentilesOfARandomSampleMatchTheSortedSample) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(11, 1.5);
  Histogram h;
  std::vector<uint64_t> sample;
  for (int i = 0; i < 50000; ++i) {
    sample.push_back(static_cast<uint64_t>(latency(random)));
    h.record(sample.back());
  }
  std::sort(sample.begin(), sample.end());
  for (double p : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    size_t rank = static_cast<size_t>(std::ceil(p / 100 * static_cast<double>(sample.size())));
    double want = static_cast<double>(sample[rank - 1]);
    EXPECT_NEAR(static_cast<double>(h.percentile(p)), want, want * 0.01) << p;
  }
  EXPECT_EQ(h.max(), sample.back());
  EXPECT_EQ(h.min(), sample.front());
}

TEST(Histogram, MergeEqualsRecordingEverythingInOne) {
  std::mt19937_64 random(13);
  Histogram a, b, all;
  for (int i = 0; i < 10000; ++i) {
    uint64_t value = random() >> (random() % 60);
    (i % 3 == 0 ? a : b).record(value);
    all.record(value);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.min(), all.min());
  EXPECT_EQ(a.max(), all.max());
  for (double p = 0; p <= 100; p += 0.5) EXPECT_EQ(a.percentile(p), all.percentile(p));
  Histogram empty;
  a.merge(empty);
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.min(), all.min());
}

TEST(Histogram, HugeValuesAreHeldInTheLastBucket) {
  Histogram h;
  h.record(~uint64_t{0});
  h.record(1);
  EXPECT_EQ(h.max(), ~uint64_t{0});
  EXPECT_EQ(h.percentile(100), ~uint64_t{0});
  EXPECT_EQ(h.percentile(50), 1u);
}

}  // namespace histogram_test
}  // namespace once
