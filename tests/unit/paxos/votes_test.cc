#include "paxos/votes.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace votes_test {

Votes of_first(size_t members) {
  Votes votes;
  for (size_t i = 0; i < members; ++i) votes.add(Votes::of(i));
  return votes;
}

TEST(Votes, AMajorityIsMoreThanHalf) {
  struct Row {
    size_t members, most_without, least_with;
  };
  for (const auto& [members, without, with] :
       {Row{1, 0, 1}, Row{2, 1, 2}, Row{3, 1, 2}, Row{4, 2, 3}, Row{5, 2, 3}, Row{15, 7, 8}}) {
    EXPECT_FALSE(of_first(without).is_majority_of(members)) << members;
    EXPECT_TRUE(of_first(with).is_majority_of(members)) << members;
    EXPECT_GT(2 * Votes::majority_of(members), members) << "two of them have a member in common";
  }
}

TEST(Votes, AMemberCountsOnceHoweverOftenItVotes) {
  Votes votes;
  for (int again = 0; again < 3; ++again) votes.add(Votes::of(kMaxNodes - 1));
  EXPECT_EQ(votes.count(), 1u);
  EXPECT_TRUE(votes.has(kMaxNodes - 1));
  EXPECT_TRUE(votes.has(Votes::of(kMaxNodes - 1)));
  EXPECT_FALSE(votes.has(0));
  EXPECT_FALSE(votes.has(Votes{}));
}

}  // namespace votes_test
}  // namespace once::paxos
