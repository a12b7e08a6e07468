// The longest time without a success, of one caller and of all.
#include "bench/peers/gaps.h"

#include <gtest/gtest.h>

namespace once::bench::peers {
namespace gaps_test {

TEST(Gaps, TheFirstSuccessIsCountedFromTheBeginning) {
  Gaps gaps(2);
  gaps.begin(100);
  gaps.success(0, 130);
  EXPECT_EQ(gaps.of_one_ns(), 30);
  EXPECT_EQ(gaps.of_all_ns(), 30);
}

TEST(Gaps, OneCallerMayWaitWhileAnotherGoesOn) {
  Gaps gaps(2);
  gaps.begin(100);
  for (int64_t now = 110; now <= 200; now += 10) gaps.success(0, now);
  gaps.success(1, 205);
  EXPECT_EQ(gaps.of_one_ns(), 105);
  EXPECT_EQ(gaps.of_all_ns(), 10);
}

TEST(Gaps, WhoWaitsAtTheEndHasWaitedUntilThen) {
  Gaps gaps(2);
  gaps.begin(100);
  gaps.success(0, 110);
  gaps.success(1, 120);
  gaps.end(200);
  EXPECT_EQ(gaps.of_one_ns(), 90);
  EXPECT_EQ(gaps.of_all_ns(), 80);
}

}  // namespace gaps_test
}  // namespace once::bench::peers
