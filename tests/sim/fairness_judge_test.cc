// The oracle of fairness: what it lets pass, and what it must not.
#include "tests/sim/fairness.h"

#include <gtest/gtest.h>

#include "tests/sim/report.h"

namespace once::sim {
namespace fairness_judge_test {

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
    const std::string all = world.violated() + judge.figures().first_starved;
    return all.find(about) != std::string::npos;
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

TEST_F(FairnessTest, UnknownWithoutANodeGoneIsCountedAmongTheChanges) {
  judge.on_answer(ask(Action::kNext), Status::kUnknown);
  judge.on_answer(ask(Action::kNext), Status::kDone);
  judge.on_answer(ask(Action::kCas), Status::kConflict);
  judge.on_answer(ask(Action::kSet), Status::kDone);
  judge.on_answer(ask(Action::kRead), Status::kDone);
  EXPECT_EQ(world.violated(), "");
  EXPECT_EQ(judge.figures().unexplained, 1u);
  EXPECT_EQ(judge.figures().changes, 4u);
  EXPECT_EQ(judge.figures().unexplained_share(), 0.25);
  EXPECT_EQ(judge.figures().unknown, 0u);
}

TEST_F(FairnessTest, ButItComesInTime) {
  const Question question = ask(Action::kNext);
  run_to(741);
  judge.on_answer(question, Status::kUnknown);
  EXPECT_TRUE(complains("waited 0.741 s")) << world.violated();
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
  EXPECT_EQ(judge.figures().changes, 0u);
  EXPECT_EQ(judge.figures().unexplained, 0u);
}

TEST_F(FairnessTest, ButNotOfOneThatCameWhenThatWasNoticed) {
  judge.went_away(2);
  run_to(3041);
  judge.on_answer(ask(Action::kNext), Status::kUnknown);
  EXPECT_EQ(judge.figures().unknown, 0u);
  EXPECT_EQ(judge.figures().unexplained, 1u);
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

TEST_F(FairnessTest, ComplainsOfEachOnce) {
  Question question = ask(Action::kNext);
  run_to(741);
  judge.on_waiting(question);
  EXPECT_EQ(judge.figures().starved, 1u);
  EXPECT_FALSE(judge.on_waiting(question)) << "it is done with";
  judge.on_answer(question, Status::kDone);
  EXPECT_EQ(judge.figures().starved, 1u);
  EXPECT_EQ(judge.figures().answers, 0u);
}

// A few worlds of many: which, the report tells.
TEST(Starved, IsBoundedOverAllSeeds) {
  Summary summary;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    RunResult result;
    result.seed = seed;
    result.waits.starved = seed % 100 == 0 ? 2 : 0;
    if (seed % 100 == 0) result.waits.first_starved = "next of x waits";
    summary.add(from_json(to_json(result)));
  }
  summary.judge();
  EXPECT_EQ(summary.starved_seeds, 4u);
  EXPECT_EQ(summary.sum.waits.starved, 8u);
  EXPECT_TRUE(summary.failed.empty()) << "1 % are the most, and four of a short range";
  RunResult one;
  one.seed = 401;
  one.waits.starved = 1;
  one.waits.first_starved = "set of y waits";
  EXPECT_NE(show(one, Options{}).find("1 questions; the first: set of y waits"), std::string::npos);
  summary.add(one);
  summary.judge();
  ASSERT_EQ(summary.failed.size(), 1u);
  EXPECT_EQ(summary.failed[0].seed, 100u) << "the first";
  EXPECT_NE(summary.failed[0].violation.find("next of x waits"), std::string::npos);
}

RunResult run_of(uint64_t seed, uint64_t changes, uint64_t unexplained) {
  RunResult result;
  result.seed = seed;
  result.waits.changes = changes;
  result.waits.unexplained = unexplained;
  return result;
}

TEST(UnexplainedShare, IsBoundedOverAllSeeds) {
  Summary summary;
  summary.add(run_of(1, 79'600, 0));
  summary.add(run_of(2, 400, 400));
  summary.judge();
  EXPECT_TRUE(summary.failed.empty()) << "0.5 % are the most";
  EXPECT_EQ(summary.most_unexplained_seed, 2u);
  EXPECT_EQ(summary.largest_unexplained_share, 1.0);
  summary.add(run_of(3, 10, 2));
  summary.judge();
  ASSERT_EQ(summary.failed.size(), 1u);
  EXPECT_EQ(summary.failed[0].seed, 2u) << "where there are most";
  EXPECT_NE(summary.failed[0].violation.find("402 of 80010 changes"), std::string::npos);
}

TEST(UnexplainedShare, OfFewChangesSaysNothing) {
  Summary summary;
  summary.add(run_of(1, 600, 300));
  summary.judge();
  EXPECT_TRUE(summary.failed.empty());
  summary.add(run_of(2, 1, 1));
  summary.judge();
  EXPECT_EQ(summary.failed.size(), 1u);
}

TEST(UnexplainedShare, IsReportedAndSurvivesAWorkersPipe) {
  const RunResult result = from_json(to_json(run_of(7, 40, 10)));
  EXPECT_EQ(result.waits.changes, 40u);
  EXPECT_EQ(result.waits.unexplained, 10u);
  EXPECT_NE(show(result, Options{}).find("unknown without a node gone: 10 of 40 changes (25.00 %)"),
            std::string::npos);
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

}  // namespace fairness_judge_test
}  // namespace once::sim
