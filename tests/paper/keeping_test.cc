// When a proposer may go on under a ballot without a prepare (docs/decisions, whole register, rule
// 2): its own ballot of this run, the state decided, nothing higher promised.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace keeping_test {

class KeepingABallot : public testing::Test {
 protected:
  KeepingABallot() { world.settle(10); }
  uint64_t next(size_t node, uint32_t timeout_ms = 1000) {
    ClientRequest request;
    request.operation = Operation::kNext;
    request.id = request_id(1, ++ids);
    request.timeout_ms = timeout_ms;
    request.name = name;
    return world.ask(node, request);
  }
  void expect_a_prepare() {
    EXPECT_EQ(world.count<Accept>(), 0u);
    EXPECT_GT(world.count<Prepare>(), 0u);
  }

  World world{3};
  const std::string name = world.name_at_home(0);
  uint64_t ids = 0;
};

TEST_F(KeepingABallot, GoesOnInOneRoundTripInRoundZero) {
  next(0);
  world.settle(50);
  next(0);
  EXPECT_EQ(world.count<Accept>(), 2u);
  EXPECT_EQ(world.count<Prepare>(), 0u);
}

TEST_F(KeepingABallot, GoesOnInOneRoundTripAfterATakeover) {
  world.crash(0);
  next(1);
  world.settle(1500);
  next(1);
  EXPECT_EQ(world.count<Accept>(), 1u);
  EXPECT_EQ(world.count<Prepare>(), 0u);
}

TEST_F(KeepingABallot, NeedsAPrepareInANewRunOfTheHome) {
  next(0);
  world.settle(50);
  world.crash(0);
  world.start(0);
  world.sync(0);
  next(0);
  expect_a_prepare();
}

TEST_F(KeepingABallot, NeedsAPrepareInANewRunOfWhoTookItOver) {
  world.crash(0);
  next(1);
  world.settle(1500);
  world.crash(1);
  world.start(1);
  world.sync(1);
  next(1);
  expect_a_prepare();
}

// The answers to its proposal were lost, and nobody waited for it any more: it may not be chosen.
TEST_F(KeepingABallot, NeedsAPrepareIfItsLastProposalWasGivenUp) {
  world.crash(0);
  const uint64_t first = next(1, 300);
  for (int ms = 0; ms < 2500; ++ms) {
    world.tick(1);
    for (size_t node : {1, 2}) world.sync(node);
    while (world.in_flight() > world.count<Accept>()) {
      world.drop_all<Accept>();
      world.deliver(0);
    }
    world.drop_all<Accept>();
  }
  ASSERT_TRUE(world.answered(first));
  EXPECT_EQ(world.answer(first).status, Status::kUnknown);
  EXPECT_EQ(world.in_flight(), 0u);
  next(1);
  expect_a_prepare();
}

// What it proposes for others is chosen each time, but under a ballot that another has gone above
// by then: its own change waits for a ballot of its own. Two such proposers, each at once with its
// next ballot, would never let each other finish.
TEST(KeepingAlone, IsEverMorePatientWithWhoeverOvertakesIt) {
  World world(5);  // the last one overtakes, and cannot be reached: nothing can be sent on to it
  world.settle(10);
  const std::string name = world.name_at_home(0);
  world.crash(0);
  world.link(1, 4, false);
  ClientRequest request;
  request.operation = Operation::kNext;
  request.id = request_id(1, 1);
  request.timeout_ms = 60'000;
  request.name = name;
  const uint64_t token = world.ask(1, request);
  int longest_ms = 0;
  for (uint64_t version = 1; version <= 9; ++version) {
    int waited_ms = 0;
    for (; world.newest<Prepare>(2) == nullptr && waited_ms < 2000; ++waited_ms) {
      world.tick(1);
      world.sync(1);
    }
    if (version > 1) {
      EXPECT_GT(waited_ms, 0) << "at once";
    }
    longest_ms = std::max(longest_ms, waited_ms);
    ASSERT_NE(world.newest<Prepare>(2), nullptr);
    const Prepare prepare = *world.newest<Prepare>(2);
    const Ballot before{Round{prepare.ballot.round.value - 1}, NodeId{5}, Incarnation{1}};
    const State state{version, false, request_id(9, version), ""};
    world.inject(2, 1, Promise{prepare.op, prepare.ballot, before, state});
    world.inject(3, 1, Promise{prepare.op, prepare.ballot, before, state});
    world.sync(1);  // its own promise
    world.sync(1);  // its own accept
    ASSERT_NE(world.newest<Accept>(2), nullptr);
    const uint64_t handle = world.newest<Accept>(2)->op;
    world.inject(4, 1,
                 Prepare{1, Ballot{prepare.ballot.round.next(), NodeId{5}, Incarnation{1}}, name});
    world.drop_all<Prepare>();
    world.drop_all<Accept>();
    world.inject(2, 1, Accepted{handle, prepare.ballot, version});
    world.inject(3, 1, Accepted{handle, prepare.ballot, version});
    EXPECT_EQ(world.count<Prepare>(), 0u);
  }
  EXPECT_FALSE(world.answered(token));
  EXPECT_GT(longest_ms, 50) << "as long as a round takes on a slow disk";
}

// The same if it is overtaken only when it goes on with its own change.
TEST_F(KeepingABallot, IsEverMorePatientWithWhoeverOvertakesItsOwnChange) {
  world.crash(0);
  next(1, 60'000);
  int longest_ms = 0;
  for (uint64_t version = 1; version <= 9; ++version) {
    int waited_ms = 0;
    for (; world.newest<Prepare>(2) == nullptr && waited_ms < 2000; ++waited_ms) {
      world.tick(1);
      world.sync(1);
    }
    longest_ms = std::max(longest_ms, waited_ms);
    const Prepare prepare = *world.newest<Prepare>(2);
    const Ballot before{Round{prepare.ballot.round.value - 1}, NodeId{3}, Incarnation{1}};
    const State state{version, false, request_id(9, version), ""};
    world.inject(2, 1, Promise{prepare.op, prepare.ballot, before, state});
    world.sync(1);  // its own promise
    world.sync(1);  // its own accept
    ASSERT_NE(world.newest<Accept>(2), nullptr);
    world.inject(2, 1, Accepted{world.newest<Accept>(2)->op, prepare.ballot, version});
    const Accept* own = world.newest<Accept>(2);
    ASSERT_EQ(own->state.version, version + 1);
    const Rejected rejected{own->op, own->ballot,
                            Ballot{prepare.ballot.round.next(), NodeId{3}, Incarnation{1}}};
    world.inject(2, 1, rejected);
    world.drop_all<Prepare>();
    world.drop_all<Accept>();
  }
  EXPECT_GT(longest_ms, 50);
}

}  // namespace keeping_test
}  // namespace once::paxos::test
