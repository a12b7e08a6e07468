// A token stands for one request: once that is answered it stands for nothing.
#include "server/request_table.h"

#include <gtest/gtest.h>

#include <set>

namespace once::server {
namespace request_table_test {

Addressee addressee(uint64_t correlation) {
  Addressee made;
  made.correlation = correlation;
  return made;
}

TEST(RequestTable, GivesEachRequestATokenOfItsOwn) {
  RequestTable table(1);
  std::set<uint64_t> seen;
  for (uint64_t request = 0; request < 5; ++request) {
    const auto token = table.add(addressee(request));
    ASSERT_TRUE(token);
    EXPECT_TRUE(seen.insert(*token).second);
    EXPECT_EQ(table.used(), 1u);
    EXPECT_EQ(table.take(*token).correlation, request);
  }
}

TEST(RequestTable, RefusesPastItsBound) {
  RequestTable table(2);
  const auto first = table.add(addressee(1));
  ASSERT_TRUE(table.add(addressee(2)));
  EXPECT_FALSE(table.add(addressee(3)));
  table.take(*first);
  EXPECT_TRUE(table.add(addressee(3)));
}

TEST(RequestTable, TellsThoseOfItsOwnClientsApart) {
  RequestTable table(3);
  Addressee of_another_core = addressee(1);
  of_another_core.remote = true;
  const auto remote = table.add(of_another_core);
  EXPECT_EQ(table.own(), 0u);
  const auto own = table.add(addressee(2));
  EXPECT_EQ(table.own(), 1u);
  table.take(*remote);
  EXPECT_EQ(table.own(), 1u);
  table.take(*own);
  EXPECT_EQ(table.own(), 0u);
}

TEST(RequestTableDeathTest, ASecondAnswerReachesNobody) {
  RequestTable table(1);
  const auto first = table.add(addressee(1));
  table.take(*first);
  EXPECT_DEATH(table.take(*first), "");
  ASSERT_TRUE(table.add(addressee(2)));
  EXPECT_DEATH(table.take(*first), "");
}

}  // namespace request_table_test
}  // namespace once::server
