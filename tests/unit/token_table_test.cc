// A token stands for one request: once that is answered it stands for nothing.
#include "server/token_table.h"

#include <gtest/gtest.h>

#include <set>

namespace once::server {
namespace {

Waiter waiter(uint64_t correlation) {
  Waiter made;
  made.correlation = correlation;
  return made;
}

TEST(TokenTable, GivesEachRequestATokenOfItsOwn) {
  TokenTable table(1);
  std::set<uint64_t> seen;
  for (uint64_t request = 0; request < 5; ++request) {
    const auto token = table.add(waiter(request));
    ASSERT_TRUE(token);
    EXPECT_TRUE(seen.insert(*token).second);
    EXPECT_EQ(table.used(), 1u);
    EXPECT_EQ(table.take(*token).correlation, request);
  }
}

TEST(TokenTable, RefusesPastItsBound) {
  TokenTable table(2);
  const auto first = table.add(waiter(1));
  ASSERT_TRUE(table.add(waiter(2)));
  EXPECT_FALSE(table.add(waiter(3)));
  table.take(*first);
  EXPECT_TRUE(table.add(waiter(3)));
}

TEST(TokenTableDeathTest, ASecondAnswerReachesNobody) {
  TokenTable table(1);
  const auto first = table.add(waiter(1));
  table.take(*first);
  EXPECT_DEATH(table.take(*first), "");
  ASSERT_TRUE(table.add(waiter(2)));
  EXPECT_DEATH(table.take(*first), "");
}

}  // namespace
}  // namespace once::server
