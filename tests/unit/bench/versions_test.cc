// The load generator's own check of what it is told: each wrong answer is noticed, no right one is.
#include "bench/versions.h"

#include <gtest/gtest.h>

namespace once::bench {
namespace versions_test {

class VersionsTest : public testing::Test {
 protected:
  Versions versions{100};
};

TEST_F(VersionsTest, AreContentWithAnyOrderOfWhatIsConcurrent) {
  EXPECT_EQ(versions.made(3, 0), nullptr);
  EXPECT_EQ(versions.made(1, 0), nullptr) << "asked before 3 was answered";
  EXPECT_EQ(versions.made(5, 3), nullptr) << "gaps are allowed";
  EXPECT_EQ(versions.shown(3, 3), nullptr) << "asked before 5 was answered";
  EXPECT_EQ(versions.shown(5, 5), nullptr);
  EXPECT_EQ(versions.conflicted(7, 5, 5), nullptr) << "made by somebody who is not answered yet";
  EXPECT_EQ(versions.made(7, 5), nullptr);
  EXPECT_EQ(versions.highest(), 7u);
}

TEST_F(VersionsTest, SeeOneThatWasMadeTwice) {
  EXPECT_EQ(versions.made(2, 0), nullptr);
  EXPECT_NE(versions.made(2, 0), nullptr);
}

TEST_F(VersionsTest, SeeAChangeThatIsNotAboveWhatWasKnown) {
  EXPECT_EQ(versions.made(4, 0), nullptr);
  EXPECT_NE(versions.made(3, 4), nullptr);
  EXPECT_NE(versions.made(4, 4), nullptr);
}

TEST_F(VersionsTest, SeeAnAnswerThatIsOlderThanWhatWasKnown) {
  EXPECT_EQ(versions.made(4, 0), nullptr);
  EXPECT_NE(versions.shown(3, 4), nullptr);
  EXPECT_NE(versions.conflicted(3, 4, 4), nullptr);
}

TEST_F(VersionsTest, SeeAConflictThatIsNone) { EXPECT_NE(versions.conflicted(4, 4, 0), nullptr); }

TEST_F(VersionsTest, LearnFromWhatIsShown) {
  EXPECT_EQ(versions.shown(9, 0), nullptr);
  EXPECT_EQ(versions.highest(), 9u);
}

TEST_F(VersionsTest, SayWhenTheyCanCompareNoMore) {
  EXPECT_EQ(versions.made(99, 0), nullptr);
  EXPECT_FALSE(versions.is_full());
  EXPECT_EQ(versions.made(100, 99), nullptr);
  EXPECT_TRUE(versions.is_full());
  EXPECT_EQ(versions.made(uint64_t{1} << 63, 100), nullptr) << "no memory for it";
}

}  // namespace versions_test
}  // namespace once::bench
