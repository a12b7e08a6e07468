#include "server/traffic.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace once::server {
namespace traffic_test {

DurationFigures figures_of(const Durations& durations) {
  DurationFigures figures;
  durations.add_to(figures);
  return figures;
}

TEST(Durations, CountInTheFirstBucketWhoseBoundIsNotBelow) {
  Durations durations;
  durations.add(0);
  durations.add(50'000);
  durations.add(50'001);
  durations.add(30'000'000'000);
  durations.add(30'000'000'001);
  const DurationFigures figures = figures_of(durations);
  EXPECT_EQ(figures.buckets[0], 2u);
  EXPECT_EQ(figures.buckets[1], 1u);
  EXPECT_EQ(figures.buckets[kDurationBounds - 1], 1u);
  EXPECT_EQ(figures.buckets[kDurationBounds], 1u);
  EXPECT_EQ(std::accumulate(figures.buckets.begin(), figures.buckets.end(), uint64_t{0}), 5u);
  EXPECT_EQ(figures.sum_ns, 60'000'100'002u);
}

TEST(Durations, FindTheBucketOfEveryLength) {
  std::vector<int64_t> lengths = {0, INT64_MAX};
  for (const int64_t bound : kDurationBoundsNs) {
    for (const int64_t off : {-1, 0, 1}) lengths.push_back(bound + off);
  }
  for (int bits = 0; bits < 63; ++bits) {
    for (const int64_t off : {-1, 0, 1}) lengths.push_back((int64_t{1} << bits) + off);
  }
  for (const int64_t ns : lengths) {
    size_t wanted = 0;
    while (wanted < kDurationBounds && ns > kDurationBoundsNs[wanted]) ++wanted;
    Durations durations;
    durations.add(ns);
    EXPECT_EQ(figures_of(durations).buckets[wanted], 1u) << ns;
  }
}

TEST(Durations, AClockThatStandsStillTakesNothingOffTheSum) {
  Durations durations;
  durations.add(70'000);
  durations.add(-5);
  const DurationFigures figures = figures_of(durations);
  EXPECT_EQ(figures.sum_ns, 70'000u);
  EXPECT_EQ(figures.buckets[0], 1u);
}

TEST(Durations, HaveAscendingBounds) {
  for (size_t i = 1; i < kDurationBounds; ++i) {
    EXPECT_LT(kDurationBoundsNs[i - 1], kDurationBoundsNs[i]);
  }
}

TEST(Traffic, CountsEachOperationAndOutcomeApart) {
  Traffic one, two;
  one.answered(paxos::Operation::kWrite, paxos::Status::kDone, 60'000);
  one.answered(paxos::Operation::kWait, paxos::kLastStatus, 1);
  two.answered(paxos::Operation::kWrite, paxos::Status::kDone, 60'000);
  two.answered(paxos::Operation::kWrite, paxos::Status::kUnknown, 1);
  two.synced(200'000);
  TrafficFigures figures;
  one.add_to(figures);
  two.add_to(figures);
  const auto& writes = figures.answers[place_of(paxos::Operation::kWrite)];
  EXPECT_EQ(writes[static_cast<size_t>(paxos::Status::kDone)], 2u);
  EXPECT_EQ(writes[static_cast<size_t>(paxos::Status::kUnknown)], 1u);
  EXPECT_EQ(figures.answers[kOperations - 1][kOutcomes - 1], 1u);
  EXPECT_EQ(figures.took[place_of(paxos::Operation::kWrite)].buckets[1], 2u);
  EXPECT_EQ(figures.took[place_of(paxos::Operation::kRead)].buckets[0], 0u);
  EXPECT_EQ(figures.log_sync.sum_ns, 200'000u);
  EXPECT_EQ(operation_at(place_of(paxos::Operation::kWait)), paxos::Operation::kWait);
}

}  // namespace traffic_test
}  // namespace once::server
