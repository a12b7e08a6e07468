#include "paxos/hedge.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace hedge_test {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLong = 60'000 * kMs;

TEST(Hedge, BeginsShort) { EXPECT_EQ(Hedge{}.delay_ns(kLong, 0), 20 * kMs); }

TEST(Hedge, GivesSeveralTimesWhatAnAnswerTakes) {
  Hedge hedge;
  hedge.answered(100 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 400 * kMs) << "from the first one on";
  for (int n = 0; n < 100; ++n) hedge.answered(100 * kMs);
  EXPECT_NEAR(static_cast<double>(hedge.delay_ns(kLong, 0)), 200e6, 1e6);
}

TEST(Hedge, DoublesWhenItWasTooShort) {
  Hedge hedge;
  hedge.answered(5 * kMs);
  hedge.waited(20 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 40 * kMs);
  hedge.waited(45 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 90 * kMs);
}

TEST(Hedge, GrowsFasterWhileNothingIsKnown) {
  Hedge hedge;
  hedge.waited(20 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 80 * kMs);
}

TEST(Hedge, GuessesByItsOwnDiskUntilTheFirstAnswer) {
  Hedge hedge;
  EXPECT_EQ(hedge.delay_ns(kLong, 100 * kMs), 400 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, kLong), Hedge::kLongestGuessNs);
  hedge.answered(kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 100 * kMs), 20 * kMs);
}

// A hundred requests that waited for the same silence have not waited a hundred times.
TEST(Hedge, LearnsOneSilenceOnce) {
  Hedge hedge;
  for (int n = 0; n < 100; ++n) hedge.waited(20 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 80 * kMs);
}

TEST(Hedge, HasABound) {
  Hedge hedge;
  for (int n = 0; n < 100; ++n) hedge.waited(hedge.delay_ns(kLong, 0));
  EXPECT_EQ(hedge.delay_ns(kLong, 0), Hedge::kLongestNs);
  Hedge slow;
  slow.answered(kLong);
  EXPECT_EQ(slow.delay_ns(kLong, 0), Hedge::kLongestNs);
}

TEST(Hedge, ForgetsASilenceByAndBy) {
  Hedge hedge;
  hedge.answered(kMs);
  hedge.waited(2000 * kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 4000 * kMs);
  hedge.answered(kMs);
  EXPECT_GT(hedge.delay_ns(kLong, 0), 3000 * kMs) << "one answer is not enough";
  for (int n = 0; n < 60; ++n) hedge.answered(kMs);
  EXPECT_EQ(hedge.delay_ns(kLong, 0), 20 * kMs);
}

TEST(Hedge, LeavesHalfTheTimeForATakeover) {
  Hedge hedge;
  hedge.answered(1000 * kMs);
  EXPECT_EQ(hedge.delay_ns(5000 * kMs, 0), 2500 * kMs);
  EXPECT_EQ(hedge.delay_ns(kMs, 0), 20 * kMs);
}

}  // namespace hedge_test
}  // namespace once::paxos
