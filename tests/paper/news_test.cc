// News of decisions are written down late, so nothing may wait for them: which records are news,
// and what rests on the records beside them.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace news_test {

const RequestId kA = request_id(1, 1);

// --- an acceptor, of names whose home is member 0

class News : public testing::Test {
 protected:
  void accept(uint64_t sequence, const std::string& name) {
    solo.receive(0, Accept{sequence, ballot(0, 0), state(kA, "v"), name});
  }
  void tell_progress(uint64_t sequence) {
    solo.receive(0, HomeProgress{Incarnation{1}, Sequence{sequence}});
  }

  Solo solo{1, 3};
  std::string x = solo.name(0, 1), y = solo.name(0, 2);
};

TEST_F(News, AreWhatTheHomeSaysOfItsDiskAndOfDecisions) {
  accept(1, x);
  EXPECT_EQ(solo.news(), 0u);
  tell_progress(1);
  EXPECT_EQ(solo.news(), 1u);
  solo.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_EQ(solo.news(), 2u);
  EXPECT_EQ(solo.unsynced(), 3u);
}

TEST_F(News, AreWhatAProposerSaysOfADecision) {
  solo.receive(2, Prepare{1, ballot(1, 2), x});
  solo.receive(2, Accept{1, ballot(1, 2), state(kA, "v"), x});
  EXPECT_EQ(solo.news(), 0u);
  solo.receive(2, Decided{ballot(1, 2), 1, x});
  EXPECT_EQ(solo.news(), 1u);
}

// It is waited for: by the home, before it uses round 0.
TEST_F(News, AreNoPromises) {
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  EXPECT_EQ(solo.unsynced(), 1u);
  EXPECT_EQ(solo.news(), 0u);
}

TEST_F(News, HoldUpNoAnswerToAClaim) {
  accept(1, x);
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  solo.sync();
  EXPECT_EQ(solo.take<ClaimReply>().size(), 1u);
  solo.receive(2, HomeProgress{Incarnation{1}, Sequence{5}});
  ASSERT_EQ(solo.unsynced(), 1u);
  solo.receive(0, ClaimHome{Incarnation{2}, 0, 0});  // the answer was lost
  EXPECT_EQ(solo.take<ClaimReply>().size(), 1u);
}

TEST_F(News, HoldUpNoVoteForARead) {
  accept(1, x);
  solo.receive(2, HomeProgress{Incarnation{1}, Sequence{5}});
  const uint64_t read = solo.read(x);
  const auto asked = solo.take<ReadState>();
  ASSERT_FALSE(asked.empty());
  solo.sync(1);
  ASSERT_EQ(solo.unsynced(), 1u);
  solo.receive(2, ReadReply{asked[0].op, false, ballot(0, 0), state(kA, "v")});
  EXPECT_TRUE(solo.answered(read));
}

// --- a home

TEST(NewsOfAHome, AreWhatItSaysOfItsOwnProposals) {
  Solo home{0, 3};
  EXPECT_EQ(home.news(), 0u) << "its run is no news";
  home.write(home.name(0), "v", kA);
  home.sync();
  home.receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_EQ(home.news(), 0u);
  home.wait(5);
  EXPECT_EQ(home.news(), 1u);
  EXPECT_EQ(home.unsynced(), 1u);
}

}  // namespace news_test
}  // namespace once::paxos::test
