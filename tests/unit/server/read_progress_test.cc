// What a start says of how far it is: nothing if it is short, else a line now and then.
#include "server/read_progress.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace once::server {
namespace read_progress_test {

constexpr uint64_t kMib = 1024 * 1024;
int64_t now = 1'000'000'000'000;

class ReadProgressTest : public testing::Test {
 protected:
  // Reads so much, and that time passes before.
  void read(uint64_t mib, int64_t ms) {
    now += ms * 1'000'000;
    progress_.add(mib * kMib);
  }
  std::vector<std::string> lines_;
  ReadProgress progress_{200 * kMib, [] { return now; },
                         [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(ReadProgressTest, SaysNothingOfAShortOne) {
  for (int n = 0; n < 100; ++n) read(2, 49);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(ReadProgressTest, SaysALineOncePerFiveSeconds) {
  for (int n = 0; n < 100; ++n) read(2, 150);
  EXPECT_EQ(lines_, (std::vector<std::string>{"reading the log: 34 % of 200 MiB",
                                              "reading the log: 68 % of 200 MiB"}));
}

// A log of which more is read than was thought: it is read anew.
TEST_F(ReadProgressTest, NeverSaysMoreThanAll) {
  read(150, 1);
  read(150, 6'000);
  read(150, 6'000);
  EXPECT_EQ(lines_, (std::vector<std::string>{"reading the log: 100 % of 200 MiB",
                                              "reading the log: 100 % of 200 MiB"}));
}

TEST(ReadProgress, OfNothingSaysNothing) {
  std::vector<std::string> lines;
  ReadProgress progress(
      0, [] { return now; }, [&](std::string_view line) { lines.emplace_back(line); });
  now += 60'000'000'000;
  progress.add(4096);
  EXPECT_TRUE(lines.empty());
}

}  // namespace read_progress_test
}  // namespace once::server
