// What is said of a change whose proposal was lost, or that was sent on, when this node can begin
// nothing more: no answer denies what may have happened, and nothing happens twice.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace lost_changes_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);
constexpr size_t kTasks = 64;  // of a Solo

// Reads take every task, until they are answered.
void take_all_tasks(Solo& solo, size_t home) {
  for (size_t i = 0; i < kTasks; ++i) solo.read(solo.name(home, 100 + static_cast<int>(i)));
  const auto one_more = solo.read(solo.name(home, 99));
  ASSERT_EQ(solo.answer(one_more).status, Status::kOverloaded);
}
void answer_reads(Solo& solo) {
  for (const ReadState& ask : solo.take<ReadState>()) {
    for (const size_t peer : {0u, 1u, 2u}) solo.receive(peer, ReadReply{ask.op, false, {}, {}});
  }
}

// --- at the home: another ballot came between
// ------------------------------------------------------

class LostRoundZero : public testing::Test {
 protected:
  // Proposes it in round 0 and loses that, while no task is free.
  uint64_t lose(Operation operation) {
    const auto token = solo.ask({0, operation, kA, 1000, x, "v", 0});
    const auto accepts = solo.take<Accept>();
    EXPECT_FALSE(accepts.empty());
    if (accepts.empty()) return token;
    take_all_tasks(solo, 1);
    solo.receive(1, Rejected{accepts[0].op, accepts[0].ballot, ballot(1, 1)});
    return token;
  }
  bool begins_a_round() {
    solo.take<Prepare>();
    answer_reads(solo);
    for (int ms = 0; ms < 20; ++ms) solo.wait(1);
    for (const Prepare& prepare : solo.take<Prepare>()) {
      if (prepare.name == x) return true;
    }
    return false;
  }

  Solo solo{0, 3};
  const std::string x = solo.name(0);
};

TEST_F(LostRoundZero, ASetIsUnknownAtOnceAndNeverMadeAgain) {
  const auto token = lose(Operation::kSet);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnknown);
  EXPECT_FALSE(begins_a_round());
}

TEST_F(LostRoundZero, AWriteWaitsUntilARoundCanBegin) {
  const auto token = lose(Operation::kWrite);
  EXPECT_FALSE(solo.answered(token));
  EXPECT_TRUE(begins_a_round());
}

TEST_F(LostRoundZero, ACasWaitsUntilARoundCanBegin) {
  const auto token = lose(Operation::kCas);
  EXPECT_FALSE(solo.answered(token));
  EXPECT_TRUE(begins_a_round());
}

TEST_F(LostRoundZero, AWriteIsUnknownWhenItsTimeIsOver) {
  const auto token = lose(Operation::kWrite);
  solo.link_down(1);
  solo.link_down(2);
  for (int ms = 0; ms < 1000; ms += 10) solo.wait(10);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnknown) << "who heard of it may accept it yet";
}

// --- elsewhere: the home does not answer
// ----------------------------------------------------------

class TakenOver : public testing::Test {
 protected:
  TakenOver() {
    token = solo.write(x, "v", kA, 200);
    EXPECT_EQ(solo.take<Forward>().size(), 1u);
    take_all_tasks(solo, 2);
    for (int ms = 0; ms < 40; ++ms) solo.wait(1);  // the hedge's delay is over
  }
  Solo solo{1, 3};
  const std::string x = solo.name(0);
  uint64_t token = 0;
};

TEST_F(TakenOver, NoWordDeniesWhatTheHomeMayHaveMade) {
  EXPECT_FALSE(solo.answered(token));
  for (int ms = 0; ms < 200; ++ms) solo.wait(1);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnknown);
}

TEST_F(TakenOver, ARoundBeginsAsSoonAsATaskIsFree) {
  answer_reads(solo);
  for (int ms = 0; ms < 20; ++ms) solo.wait(1);
  EXPECT_FALSE(solo.take<Prepare>().empty());
}

// The home says that nothing happened, so that much may be passed on.
TEST_F(TakenOver, TheHomesOverloadIsAnAnswerWhileNothingCanBeBegun) {
  const auto second = solo.write(solo.name(0, 7), "v", kB);
  const auto forwards = solo.take<Forward>();
  ASSERT_EQ(forwards.size(), 1u);
  solo.receive(0, ForwardReply{forwards[0].op, Status::kOverloaded, {}});
  EXPECT_EQ(solo.answer(second).status, Status::kOverloaded);
}

// --- a batch, and who asks again while it waits
// ----------------------------------------------------

class AskedAgain : public testing::Test {
 protected:
  AskedAgain() { world.settle(); }
  uint64_t ask(Operation operation, RequestId id, const std::string& value, uint64_t version = 0) {
    return world.ask(0, {0, operation, id, 1000, x, value, version});
  }
  World world{3, 1, 2};  // lingers after two changes
  const std::string x = world.name_at_home(0);
};

// Version 3 is this cas's own. The batch that is begun next hides it behind version 4.
TEST_F(AskedAgain, WhoMadeTheNewestVersionIsNotJudgedByWhatIsBuiltOnIt) {
  ask(Operation::kSet, request_id(2, 1), "1");
  ask(Operation::kSet, request_id(2, 2), "2");
  const auto cas = ask(Operation::kCas, kA, "3", 2);
  world.drain();
  ASSERT_EQ(world.answer(cas).status, Status::kDone);
  ASSERT_EQ(world.counters(0).lingered, 1u);
  const auto set = ask(Operation::kSet, kB, "4");
  const auto again = ask(Operation::kCas, kA, "3", 2);
  world.settle();
  EXPECT_EQ(world.answer(set).version, 4u);
  EXPECT_EQ(world.answer(again).status, Status::kDone);
  EXPECT_EQ(world.answer(again).version, 3u);
}

TEST_F(AskedAgain, NorIsItsTokenDrawnTwice) {
  ask(Operation::kSet, request_id(2, 1), "1");
  ask(Operation::kSet, request_id(2, 2), "2");
  const auto next = ask(Operation::kNext, kA, "");
  world.drain();
  const uint64_t drawn = world.answer(next).version;
  const auto set = ask(Operation::kSet, kB, "4");
  const auto again = ask(Operation::kNext, kA, "");
  world.settle();
  EXPECT_EQ(world.answer(again).version, drawn);
  EXPECT_EQ(world.answer(set).version, drawn + 1);
}

}  // namespace lost_changes_test
}  // namespace once::paxos::test
