// What `changes` counts: each decided version once, by the node that proposed it, however many one
// round decides and whoever finishes it.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace counting_test {

TEST(Changes, OfOneRoundCountEach) {
  World world{3};
  world.settle(10);
  const std::string name = world.name_at_home(0);
  const auto set = [&](uint64_t id) {
    return world.ask(0, {0, Operation::kSet, request_id(1, id), 1000, name, "value"});
  };
  set(1);
  std::vector<uint64_t> queued;
  for (uint64_t id = 2; id <= 5; ++id) queued.push_back(set(id));
  world.drain();
  for (const uint64_t token : queued) ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(queued.back()).version, 5u);
  EXPECT_EQ(world.counters(0).fast_path_writes, 2u) << "two rounds";
  EXPECT_EQ(world.counters(0).composed, 1u);
  EXPECT_EQ(world.counters(0).changes, 5u) << "and five changes";
  EXPECT_EQ(world.counters(1).changes + world.counters(2).changes, 0u) << "each counted once";
}

TEST(Changes, AreNotCountedBeforeTheyAreDecided) {
  Solo home{0, 3};
  home.write(home.name(0), "mine", request_id(1, 1));
  home.sync();
  EXPECT_EQ(home.counters().changes, 0u) << "only this node's own vote";
  const auto accepts = home.take<Accept>();
  ASSERT_FALSE(accepts.empty());
  home.receive(1, AcceptedRange{Incarnation{1}, Sequence{accepts[0].op}, Sequence{accepts[0].op}});
  EXPECT_EQ(home.counters().changes, 1u);
  home.receive(2, AcceptedRange{Incarnation{1}, Sequence{accepts[0].op}, Sequence{accepts[0].op}});
  EXPECT_EQ(home.counters().changes, 1u) << "a vote more is no change more";
}

// A write of this node's, whose name another one takes over, and decides that state for it.
void is_overtaken(const State& decided, Status told, uint64_t counted) {
  Solo home{0, 3};
  const std::string name = home.name(0);
  const uint64_t token = home.write(name, "mine", request_id(1, 1));
  home.sync();
  const auto accepts = home.take<Accept>();
  ASSERT_FALSE(accepts.empty());
  const Ballot higher = ballot(1, 1);
  home.receive(1, Accept{7, higher, decided, name});
  home.receive(1, Decided{higher, 1, name});
  EXPECT_EQ(home.counters().changes, 0u);
  home.receive(2, Rejected{accepts[0].op, accepts[0].ballot, higher});
  ASSERT_TRUE(home.answered(token));
  EXPECT_EQ(home.answer(token).status, told);
  EXPECT_EQ(home.counters().changes, counted);
}

// It is still one change, of here.
TEST(Changes, ThatAnotherNodeFinishedAreCountedByTheirProposer) {
  is_overtaken(state(request_id(1, 1), "mine"), Status::kDone, 1);
}

// Where the other one put its own in its place, nothing was changed by this node.
TEST(Changes, ThatWereLostAreNotCounted) {
  is_overtaken(state(request_id(2, 1), "another's"), Status::kAlreadySet, 0);
}

}  // namespace counting_test
}  // namespace once::paxos::test
