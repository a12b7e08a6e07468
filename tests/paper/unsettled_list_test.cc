// DESIGN 3.2: the list of what an acceptor must report to a claiming home, as it comes and goes.
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace unsettled_list_test {

class UnsettledList : public testing::Test {
 protected:
  UnsettledList() {
    world.settle();
    name = world.name_at_home(0);
  }
  // Node 3 proposes for the name at node 2, under a ballot above the one before.
  void propose() {
    ++round;
    world.inject(2, 1, Accept{0, newest(), State{round, false, request_id(9, round), "c"}, name});
  }
  // The home says that it holds all this.
  void settle_name() { world.inject(0, 1, Settled{newest(), newest(), name}); }
  Ballot newest() const { return Ballot{Round{round}, NodeId{3}, Incarnation{1}}; }
  uint64_t unsettled() { return world.counters(1).unsettled; }

  World world{3};
  std::string name;
  uint32_t round = 0;
};

TEST_F(UnsettledList, HoldsANameFromItsAcceptUntilItsHomeConfirms) {
  propose();
  EXPECT_EQ(unsettled(), 1u);
  settle_name();
  EXPECT_EQ(unsettled(), 0u);
}

TEST_F(UnsettledList, AnOlderConfirmationSettlesNothing) {
  propose();
  const Settled old{newest(), newest(), name};
  propose();
  world.inject(0, 1, old);
  EXPECT_EQ(unsettled(), 1u);
}

TEST_F(UnsettledList, DoesNotGrowByOneNameThatComesAndGoes) {
  world.crash(0);  // so that nobody but this test settles the name
  for (int i = 0; i < 100; ++i) {
    propose();
    settle_name();
    propose();
    EXPECT_EQ(unsettled(), 1u);
    world.tick(60);  // the list is compacted, with the name on it
    EXPECT_EQ(unsettled(), 1u);
  }
  settle_name();
  EXPECT_EQ(unsettled(), 0u);
}

// Whatever was cut out of the list, a claim finds what is still on it, once.
TEST_F(UnsettledList, IsReportedWholeAfterItWasCompacted) {
  for (int i = 0; i < 5; ++i) {
    propose();
    settle_name();
  }
  propose();
  world.crash(0);  // so that nobody settles the name while the list is compacted
  world.settle();
  EXPECT_EQ(unsettled(), 1u);
  world.crash(2);
  world.start(0);  // node 2 is the one other node that can answer its claim
  for (int i = 0; i < 4; ++i) world.drain();
  EXPECT_EQ(world.counters(0).claimed, 1u);
  const auto token = world.write(0, name, "a", request_id(1, 1));
  world.settle();
  EXPECT_EQ(world.answer(token).status, Status::kAlreadySet) << "what it held is finished";
  EXPECT_EQ(world.counters(0).fast_path_writes, 0u) << "the name was closed to round 0";
}

// A promise alone refuses round 0 by itself, here and at whoever else made it.
TEST_F(UnsettledList, DoesNotHoldAPromiseAlone) {
  world.inject(2, 1, Prepare{0, Ballot{Round{1}, NodeId{3}, Incarnation{1}}, name});
  EXPECT_EQ(unsettled(), 0u);
  world.sync(1);
  world.crash(1);
  world.start(1);
  EXPECT_EQ(unsettled(), 0u) << "nor after a restart";
}

// Nor does one on top of what the home holds put the name back, or keep it there: settling it again
// would take a round each time, which pre-empts whoever was promised.
TEST_F(UnsettledList, APromiseOnTopOfWhatIsSettledChangesNothing) {
  propose();
  world.inject(2, 1, Prepare{0, Ballot{Round{round + 1}, NodeId{3}, Incarnation{1}}, name});
  settle_name();
  EXPECT_EQ(unsettled(), 0u);
  world.inject(2, 1, Prepare{0, Ballot{Round{round + 2}, NodeId{3}, Incarnation{1}}, name});
  EXPECT_EQ(unsettled(), 0u);
}

// What a restarted home does not know of a promise alone, its acceptors do: round 0 is refused by
// them, and whoever was promised may still have his state chosen.
TEST_F(UnsettledList, RoundZeroLosesToAPromiseAlone) {
  world.crash(0);
  const Ballot held{Round{1}, NodeId{3}, Incarnation{1}};
  world.inject(2, 1, Prepare{0, held, name});
  world.drain();
  world.crash(2);
  world.start(0);  // claims from node 2 alone, which reports nothing
  for (int i = 0; i < 4; ++i) world.drain();
  ASSERT_EQ(world.counters(0).claimed, 1u);
  const auto token = world.write(0, name, "a", request_id(1, 1));
  world.drain();
  EXPECT_EQ(world.counters(0).fast_path_writes, 0u);
  world.settle();
  EXPECT_EQ(world.answer(token).status, Status::kDone) << "by a round of its own";
  EXPECT_EQ(world.counters(0).fast_path_writes, 0u);
}

// The home was away while many of its names were written.
TEST(AHomeThatWasAway, ClaimsCatchesUpAndLeavesShortLists) {
  constexpr int kNames = 600;
  World world{3, 1, kLingerFrom, 20'000};
  world.settle();
  world.crash(0);
  for (int n = 0; n < kNames; ++n) {
    const auto id = request_id(1, static_cast<uint64_t>(n) + 1);
    world.write(1, world.name_at_home(0, n), "v", id);
    if (n % 50 == 0) world.settle(10);
  }
  world.settle(2'000);
  const uint64_t listed = world.counters(1).unsettled + world.counters(2).unsettled;
  EXPECT_GE(listed, 2u * kNames) << "both others must tell it";
  const uint64_t rounds = world.counters(1).classic_rounds + world.counters(2).classic_rounds;
  world.start(0);
  for (int i = 0; i < 200 && world.counters(0).claimed == 0; ++i) world.settle(10);
  EXPECT_EQ(world.counters(0).claimed, 1u);
  world.settle(15'000);
  EXPECT_EQ(world.counters(0).catch_up.in_sync, 1u);
  EXPECT_EQ(world.counters(1).unsettled + world.counters(2).unsettled, 0u);
  EXPECT_LE(world.counters(0).classic_rounds, 10u) << "it learned them, and made no rounds";
  EXPECT_EQ(world.counters(1).classic_rounds + world.counters(2).classic_rounds, rounds);
}

}  // namespace unsettled_list_test
}  // namespace once::paxos::test
