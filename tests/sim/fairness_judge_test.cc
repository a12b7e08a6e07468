// The oracle of fairness: what it lets pass, and what it must not.
#include "tests/sim/fairness.h"

#include <gtest/gtest.h>

namespace once::sim {
namespace {

using check::Action;
using paxos::Status;

// A round takes 20 ms, so the bound is 0.74 s, a fault is noticed within 3.04 s, and a node has
// settled 5.2 s after its return.
class FairnessTest : public testing::Test {
 protected:
  FairnessTest() { judge.begin(pace, false); }
  void run_to(int64_t ms) { world.run_until(ms * kMs); }
  Question ask(Action action, size_t node = 0, uint64_t version = 0) {
    return {node, action, "name", version, world.now(), world.now() + 60 * kSecond};
  }
  bool complains(const std::string& about) {
    return world.violated().find(about) != std::string::npos;
  }
  const Pace pace{3 * kMs, 2 * kMs};
  World world{1};
  FairnessJudge judge{world, 3};
};

TEST_F(FairnessTest, TheBoundGrowsWithTheLinksAndTheDisks) {
  EXPECT_EQ(pace.round_ns(), 20 * kMs);
  EXPECT_EQ(pace.bound_ns(), 740 * kMs);
  EXPECT_GT((Pace{4 * kMs, 2 * kMs}.bound_ns()), pace.bound_ns());
  EXPECT_GT((Pace{3 * kMs, 3 * kMs}.bound_ns()), pace.bound_ns());
}

TEST_F(FairnessTest, AnAnswerIsInTimeUpToTheBound) {
  Question question = ask(Action::kNext);
  run_to(740);
  EXPECT_TRUE(judge.on_waiting(question));
  judge.on_answer(question, Status::kDone);
  EXPECT_EQ(world.violated(), "");
  EXPECT_EQ(judge.figures().longest_ns, 740 * kMs);
  EXPECT_EQ(judge.figures().worst_share, 1000u);
  EXPECT_EQ(judge.figures().answers, 1u);
}

TEST_F(FairnessTest, ALaterOneIsNot) {
  Question question = ask(Action::kNext);
  run_to(741);
  judge.on_answer(question, Status::kDone);
  EXPECT_TRUE(complains("waited 0.741 s")) << world.violated();
}

TEST_F(FairnessTest, NorIsNoneAtAll) {
  Question question = ask(Action::kRead);
  run_to(741);
  judge.on_waiting(question);
  EXPECT_TRUE(complains("without an answer")) << world.violated();
}

TEST_F(FairnessTest, UnavailableHasNoCauseWhileAMajorityIsHealthy) {
  judge.went_away(1);
  judge.on_answer(ask(Action::kNext), Status::kUnavailable);
  EXPECT_TRUE(complains("\"unavailable\"")) << world.violated();
}

TEST_F(FairnessTest, OverloadedHasNoneWhileThereIsRoom) {
  judge.begin(pace, true);
  judge.on_answer(ask(Action::kNext), Status::kOverloaded);
  EXPECT_EQ(world.violated(), "");
  judge.begin(pace, false);
  judge.on_answer(ask(Action::kNext), Status::kOverloaded);
  EXPECT_TRUE(complains("\"overloaded\"")) << world.violated();
}

TEST_F(FairnessTest, UnknownNeedsANodeThatWentAway) {
  judge.on_answer(ask(Action::kNext), Status::kUnknown);
  EXPECT_TRUE(complains("no node went away")) << world.violated();
}

TEST_F(FairnessTest, UnknownIsTheTruthOfAChangeUnderWayWhenANodeWentAway) {
  Question early = ask(Action::kNext);
  run_to(100);
  judge.went_away(2);
  run_to(200);
  Question unnoticed = ask(Action::kSet);
  run_to(3000);
  judge.on_answer(early, Status::kUnknown);
  judge.on_answer(unnoticed, Status::kUnknown);
  EXPECT_EQ(world.violated(), "");
  EXPECT_EQ(judge.figures().unknown, 2u);
}

TEST_F(FairnessTest, ButNotOfOneThatCameWhenThatWasNoticed) {
  judge.went_away(2);
  run_to(3041);
  judge.on_answer(ask(Action::kNext), Status::kUnknown);
  EXPECT_TRUE(complains("no node went away")) << world.violated();
}

TEST_F(FairnessTest, NorOfARead) {
  judge.went_away(2);
  judge.on_answer(ask(Action::kRead), Status::kUnknown);
  EXPECT_TRUE(complains("\"unknown\"")) << world.violated();
}

TEST_F(FairnessTest, WhoIsCaughtByAFaultHasTheTimeThatItTakesToNotice) {
  Question question = ask(Action::kRead);
  run_to(100);
  judge.went_away(2);
  run_to(100 + 3040 + 740);
  EXPECT_TRUE(judge.on_waiting(question));
  EXPECT_EQ(world.violated(), "");
  run_to(100 + 3040 + 741);
  judge.on_waiting(question);
  EXPECT_TRUE(complains("without an answer")) << world.violated();
}

TEST_F(FairnessTest, ClientsOfANodeThatIsAwayAreNotJudgedUntilItHasSettled) {
  judge.went_away(2);
  Question away = ask(Action::kNext, 2);
  run_to(1000);
  judge.came_back(2);
  Question soon = ask(Action::kNext, 2);
  run_to(1000 + 5200);
  Question settled = ask(Action::kNext, 2);
  run_to(20'000);
  EXPECT_FALSE(judge.on_waiting(away));
  EXPECT_FALSE(judge.on_waiting(soon));
  judge.on_answer(away, Status::kUnavailable);
  judge.on_closed(soon);
  EXPECT_EQ(world.violated(), "");
  judge.on_waiting(settled);
  EXPECT_TRUE(complains("node 3")) << world.violated();
}

TEST_F(FairnessTest, AHealthyNodeDoesNotCloseItsConnections) {
  judge.on_closed(ask(Action::kNext));
  EXPECT_TRUE(complains("closed the connection")) << world.violated();
}

TEST_F(FairnessTest, AWaitIsOwedItsNewsFromWhenSomebodyWasToldThem) {
  judge.shown("name", 4);
  Question question = ask(Action::kWait, 0, 4);
  run_to(2000);
  EXPECT_TRUE(judge.on_waiting(question));
  judge.shown("another", 5);
  judge.shown("name", 5);
  run_to(2740);
  judge.on_waiting(question);
  EXPECT_EQ(world.violated(), "");
  run_to(2741);
  judge.on_waiting(question);
  EXPECT_TRUE(complains("a wait of name") || complains("wait of name")) << world.violated();
}

TEST_F(FairnessTest, AWaitForWhatIsThereAlreadyIsLikeARead) {
  judge.shown("name", 4);
  run_to(100);
  Question question = ask(Action::kWait, 0, 3);
  run_to(841);
  judge.on_answer(question, Status::kNotYet);
  EXPECT_TRUE(complains("waited 0.741 s")) << world.violated();
}

TEST_F(FairnessTest, AWaitInVainEndsAtItsDeadline) {
  Question question = ask(Action::kWait, 0, 4);
  question.deadline_ns = 500 * kMs;
  run_to(1240);
  EXPECT_TRUE(judge.on_waiting(question));
  EXPECT_EQ(world.violated(), "");
  run_to(1241);
  judge.on_waiting(question);
  EXPECT_TRUE(complains("without an answer")) << world.violated();
}

TEST_F(FairnessTest, CountsEachComplaintOnceAndGoesOnIfToldTo) {
  judge.only_count();
  Question question = ask(Action::kNext);
  Question refused = ask(Action::kNext);
  judge.on_answer(refused, Status::kUnavailable);
  run_to(741);
  judge.on_waiting(question);
  EXPECT_FALSE(judge.on_waiting(question)) << "it is done with";
  judge.on_answer(question, Status::kDone);
  EXPECT_EQ(world.violated(), "");
  EXPECT_EQ(judge.figures().complaints, 2u);
}

TEST_F(FairnessTest, FiguresAddUp) {
  WaitFigures one, other;
  one.take(3 * kMs, 100 * kMs);
  one.take(90 * kMs, 100 * kMs);
  other.take(200 * kMs, kSecond);
  one.add(other);
  EXPECT_EQ(one.longest_ns, 200 * kMs);
  EXPECT_EQ(one.bound_ns, kSecond);
  EXPECT_EQ(one.worst_share, 900u);
  EXPECT_EQ(one.answers, 3u);
  EXPECT_EQ(one.histogram[2], 1u) << "3 ms are within 4 ms";
  EXPECT_EQ(one.histogram[7], 1u);
  EXPECT_EQ(one.histogram[8], 1u);
}

}  // namespace
}  // namespace once::sim
