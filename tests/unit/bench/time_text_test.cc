#include "bench/time_text.h"

#include <gtest/gtest.h>

namespace once::bench {
namespace time_text_test {

TEST(TimeText, InTheUnitThatPeopleRead) {
  EXPECT_EQ(time_text(0), "0.0 us");
  EXPECT_EQ(time_text(812'340), "812.3 us");
  EXPECT_EQ(time_text(999'949), "999.9 us");
  EXPECT_EQ(time_text(999'951), "1.00 ms");
  EXPECT_EQ(time_text(12'345'678), "12.35 ms");
  EXPECT_EQ(time_text(999'990'000), "999.99 ms");
  EXPECT_EQ(time_text(999'999'000), "1.00 s");
  EXPECT_EQ(time_text(61'500'000'000), "61.50 s");
}

}  // namespace time_text_test
}  // namespace once::bench
