#include "server/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace once::server {
namespace mailbox_test {

TEST(Mailbox, RefusesWhenFullAndLeavesTheValue) {
  Mailbox<std::unique_ptr<int>> box(2);
  for (int i = 0; i < 2; ++i) {
    auto value = std::make_unique<int>(i);
    ASSERT_TRUE(box.push(value));
    EXPECT_EQ(value, nullptr);
  }
  auto third = std::make_unique<int>(2);
  EXPECT_FALSE(box.push(third));
  ASSERT_NE(third, nullptr);
  std::unique_ptr<int> out;
  ASSERT_TRUE(box.pop(out));
  EXPECT_EQ(*out, 0);
  EXPECT_TRUE(box.push(third));
}

TEST(Mailbox, IsEmptyAtFirstAndAgain) {
  Mailbox<int> box(4);
  int out = 0;
  EXPECT_FALSE(box.pop(out));
  int value = 7;
  ASSERT_TRUE(box.push(value));
  ASSERT_TRUE(box.pop(out));
  EXPECT_EQ(out, 7);
  EXPECT_FALSE(box.pop(out));
}

TEST(Mailbox, CarriesEverythingInOrderBetweenTwoThreads) {
  constexpr uint64_t kCount = 200'000;
  Mailbox<uint64_t> box(64);
  std::thread producer([&box] {
    for (uint64_t i = 0; i < kCount; ++i) {
      uint64_t value = i;
      while (!box.push(value)) std::this_thread::yield();
    }
  });
  uint64_t expected = 0;
  while (expected < kCount) {
    uint64_t value = 0;
    if (!box.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(value, expected);
    ++expected;
  }
  producer.join();
}

}  // namespace mailbox_test
}  // namespace once::server
