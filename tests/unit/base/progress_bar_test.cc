// What the line says at its ends, before a rate can be told, and on a narrow terminal.
#include "base/progress_bar.h"

#include <gtest/gtest.h>

namespace once {
namespace progress_bar_test {

constexpr uint64_t kMebibyte = 1024 * 1024;
constexpr int64_t kSecond = 1'000'000'000;

TEST(ProgressLine, SaysHowMuchIsDone) {
  EXPECT_EQ(progress_line({0, 100 * kMebibyte, 0}, 80),
            "[....................]   0 %  0 MiB of 100 MiB");
  EXPECT_EQ(progress_line({45 * kMebibyte, 100 * kMebibyte, 0}, 80),
            "[#########...........]  45 %  45 MiB of 100 MiB");
}

TEST(ProgressLine, TellsRateAndRestAfterASecond) {
  EXPECT_EQ(progress_line({1024 * kMebibyte, 4096 * kMebibyte, 2 * kSecond}, 80),
            "[#####...............]  25 %  1.0 GiB of 4.0 GiB, 512 MiB/s, 6 s left");
  EXPECT_EQ(progress_line({kMebibyte, 4 * kMebibyte, kSecond - 1}, 80),
            "[#####...............]  25 %  1 MiB of 4 MiB");
}

TEST(ProgressLine, IsNeverBeyondTheEnd) {
  EXPECT_EQ(progress_line({7, 5, 0}, 80), "[####################] 100 %  0 MiB of 0 MiB");
  EXPECT_EQ(progress_line({0, 0, 0}, 80), "[####################] 100 %  0 MiB of 0 MiB");
}

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(progress_line({kMebibyte, 4 * kMebibyte, kSecond}, 24), "[#####...............]  ");
}

}  // namespace progress_bar_test
}  // namespace once
