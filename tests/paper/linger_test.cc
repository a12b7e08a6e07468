// Lingering (core_linger.cc): after a proposal with many changes the next one waits a moment for
// those who were just answered. It may cost a moment, never an answer.
#include <gtest/gtest.h>

#include "paxos/core_state.h"
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace linger_test {

constexpr int64_t kUs = 1000;
constexpr size_t kCallers = 24;
constexpr size_t kAwaited = kCallers - kCallers / 8;

// Node 0 has made one change of its name, then those of many callers in one proposal, which took
// 400 us; now it lingers.
class ALingeringHome : public testing::Test {
 protected:
  ALingeringHome() {
    world.settle(10);
    crowd();
  }

  uint64_t next(const std::string& of, uint32_t timeout_ms = 1000) {
    ClientRequest request;
    request.operation = Operation::kNext;
    request.id = request_id(1, ++ids);
    request.timeout_ms = timeout_ms;
    request.name = of;
    return world.ask(0, request);
  }
  uint64_t next() { return next(name); }
  // What is under way is chosen, after the time that it takes.
  void choose() {
    world.pass(400 * kUs);
    world.drain();
  }
  void ask_as_a_crowd(const std::string& of) {
    for (size_t i = 0; i <= kCallers; ++i) next(of);
  }
  void crowd() {
    ask_as_a_crowd(name);
    const uint64_t before = world.counters(0).fast_path_writes;
    while (world.counters(0).fast_path_writes == before) {  // the first, who went alone
      for (size_t i = 0; i < 3; ++i) world.sync(i);
      world.deliver(0);
    }
    choose();
  }
  size_t proposals() const { return world.count<Accept>(); }
  void play(const Message& m) { world.inject(1, 0, m); }

  World world{3};
  const std::string name = world.name_at_home(0);
  uint64_t ids = 0;
};

TEST_F(ALingeringHome, ProposesOnceForAllWhoComeBack) {
  EXPECT_EQ(world.counters(0).lingered, 1u);
  std::vector<uint64_t> tokens;
  for (size_t i = 0; i + 1 < kAwaited; ++i) tokens.push_back(next());
  EXPECT_EQ(proposals(), 0u);
  tokens.push_back(next());
  ASSERT_NE(world.newest<Accept>(1), nullptr);
  EXPECT_EQ(world.newest<Accept>(1)->state.version, 1 + kCallers + kAwaited);
  world.drain();
  for (const uint64_t token : tokens) {
    ASSERT_TRUE(world.answered(token));
    EXPECT_EQ(world.answer(token).status, Status::kDone);
  }
}

TEST_F(ALingeringHome, AsksForAStepWhenItsTimeIsOver) {
  EXPECT_EQ(world.step_again_at(0), world.now() + 200 * kUs);
  const uint64_t token = next();
  world.pass(199 * kUs);
  world.step(0);
  EXPECT_EQ(proposals(), 0u);
  world.pass(1 * kUs);
  world.step(0);
  EXPECT_GT(proposals(), 0u);
  EXPECT_EQ(world.step_again_at(0), 0);
  world.drain();
  EXPECT_EQ(world.answer(token).status, Status::kDone);
}

TEST_F(ALingeringHome, LooksAtTheClockWithEveryTick) {
  next();
  world.tick(1);
  EXPECT_GT(proposals(), 0u);
}

TEST_F(ALingeringHome, NeverLingersLongAfterASlowProposal) {
  for (size_t i = 0; i < kAwaited; ++i) next();
  world.pass(40'000 * kUs);
  world.drain();
  EXPECT_EQ(world.step_again_at(0), world.now() + 500 * kUs);
}

TEST_F(ALingeringHome, WithNobodyThereIsFreeForTheNextCaller) {
  world.pass(200 * kUs);
  world.step(0);
  EXPECT_EQ(proposals(), 0u);
  next();
  EXPECT_GT(proposals(), 0u);
}

// In vain once, then twice: 1 and 2 proposals are not followed by it.
TEST_F(ALingeringHome, TriesItMoreRarelyWhenNobodyComesBack) {
  const auto lingers_after_a_crowd = [&] {
    world.tick(1);  // ends what goes on, in vain
    const uint64_t before = world.counters(0).lingered;
    crowd();
    return world.counters(0).lingered > before;
  };
  EXPECT_FALSE(lingers_after_a_crowd());
  EXPECT_TRUE(lingers_after_a_crowd());
  EXPECT_FALSE(lingers_after_a_crowd());
  EXPECT_FALSE(lingers_after_a_crowd());
  EXPECT_TRUE(lingers_after_a_crowd());
  for (size_t i = 0; i < kAwaited / 2; ++i) next();  // half of them are enough to go on with it
  world.tick(1);
  choose();
  crowd();
  EXPECT_EQ(world.counters(0).lingered, 4u);
}

TEST_F(ALingeringHome, AnswersReadsWhenItEnds) {
  const uint64_t token = world.read(0, name);
  EXPECT_FALSE(world.answered(token));
  world.tick(1);
  world.drain();
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).version, 1 + kCallers);
}

// Nothing was proposed for it, so it certainly did not happen.
TEST_F(ALingeringHome, LetsARequestExpireAsNotMade) {
  const uint64_t token = next(name, 1);
  world.tick(10);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kUnavailable);
  EXPECT_EQ(proposals(), 0u);
}

TEST_F(ALingeringHome, TakesANewBallotIfItsOwnWasOvertaken) {
  const uint64_t token = next();
  play(Prepare{1, Ballot{Round{4}, NodeId{2}, Incarnation{1}}, name});
  world.tick(1);
  ASSERT_NE(world.newest<Prepare>(1), nullptr);
  EXPECT_GT(world.newest<Prepare>(1)->ballot, (Ballot{Round{4}, NodeId{2}, Incarnation{1}}));
  EXPECT_EQ(proposals(), 0u);
  world.settle();
  EXPECT_EQ(world.answer(token).version, 2 + kCallers);
}

TEST_F(ALingeringHome, TellsTheEndIfAnotherSealedTheName) {
  const uint64_t token = next();
  const Ballot ballot{Round{4}, NodeId{2}, Incarnation{1}};
  const State sealed{2 + kCallers, true, request_id(2, 1), "end"};
  play(Accept{1, ballot, sealed, name});
  world.sync(0);
  play(Decided{ballot, sealed.version, name});
  world.tick(1);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kSealed);
  EXPECT_EQ(world.answer(token).value, "end");
}

TEST_F(ALingeringHome, LingersForAFewNamesOnly) {
  for (size_t n = 1; n <= kMostLingering; ++n) {
    ask_as_a_crowd(world.name_at_home(0, static_cast<int>(n)));
  }
  world.drain();
  EXPECT_EQ(world.counters(0).lingered, kMostLingering);
}

TEST(Linger, IsNotForFewCallers) {
  World world{3};
  world.settle(10);
  const std::string name = world.name_at_home(0);
  for (uint64_t i = 1; i <= kLingerFrom; ++i) {  // the first goes alone
    ClientRequest request;
    request.operation = Operation::kNext;
    request.id = request_id(1, i);
    request.timeout_ms = 1000;
    request.name = name;
    world.ask(0, request);
  }
  world.drain();
  EXPECT_EQ(world.counters(0).lingered, 0u);
}

// Of contended changes only one is made each time: to wait for more losers is of no use.
TEST(Linger, IsNotForCallersWhoAreRefused) {
  World world{3};
  world.settle(10);
  const std::string name = world.name_at_home(0);
  for (uint64_t i = 1; i <= 2 * kLingerFrom; ++i) {
    ClientRequest request;
    request.operation = Operation::kCas;
    request.id = request_id(1, i);
    request.timeout_ms = 1000;
    request.name = name;
    request.value = "mine";
    world.ask(0, request);
  }
  world.drain();
  EXPECT_EQ(world.counters(0).lingered, 0u);
}

}  // namespace linger_test
}  // namespace once::paxos::test
