#include "base/fifo.h"

#include <gtest/gtest.h>

#include <memory>

namespace once {
namespace fifo_test {

TEST(Fifo, GivesBackInOrderWhateverTheMixOfPushesAndPops) {
  Fifo<uint64_t> fifo;
  uint64_t pushed = 0, popped = 0;
  for (uint64_t round = 0; round < 500; ++round) {
    for (uint64_t i = 0; i < round * 7 % 13; ++i) fifo.push(pushed++);
    EXPECT_EQ(fifo.size(), pushed - popped);
    for (uint64_t i = 0; i < round * 5 % 11 && !fifo.empty(); ++i) {
      ASSERT_EQ(fifo.front(), popped);
      ASSERT_EQ(fifo.back(), pushed - 1);
      ASSERT_EQ(fifo.pop(), popped++);
    }
  }
  while (!fifo.empty()) ASSERT_EQ(fifo.pop(), popped++);
  EXPECT_EQ(popped, pushed);
  EXPECT_EQ(fifo.size(), 0u);
}

TEST(Fifo, ForgetsWhatItIsToldTo) {
  Fifo<std::unique_ptr<int>> fifo;
  for (int i = 0; i < 3; ++i) fifo.push(std::make_unique<int>(i));
  fifo.pop();
  fifo.clear();
  EXPECT_TRUE(fifo.empty());
  fifo.push(std::make_unique<int>(9));
  EXPECT_EQ(*fifo.pop(), 9);
}

TEST(Fifo, IsNeverReadWhenEmpty) {
  Fifo<int> fifo;
  EXPECT_DEATH(fifo.pop(), "");
  EXPECT_DEATH(fifo.front(), "");
}

}  // namespace fifo_test
}  // namespace once
