// DESIGN 3.2: the list of what an acceptor must report to a claiming home, as it comes and goes.
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace {

class UnsettledList : public testing::Test {
 protected:
  UnsettledList() {
    world.settle();
    name = world.name_at_home(0);
  }
  // Node 3 prepares the name at node 2, with a ballot above the one before.
  void promise() { world.inject(2, 1, Prepare{0, Ballot{++round, NodeId{3}, 1}, name}); }
  // The home says that it holds all this.
  void settle_name() { world.inject(0, 1, Settled{Ballot{round, NodeId{3}, 1}, Ballot{}, name}); }
  uint64_t unsettled() { return world.counters(1).unsettled; }

  World world{3};
  std::string name;
  uint32_t round = 0;
};

TEST_F(UnsettledList, HoldsANameFromItsPromiseUntilItsHomeConfirms) {
  promise();
  EXPECT_EQ(unsettled(), 1u);
  settle_name();
  EXPECT_EQ(unsettled(), 0u);
}

TEST_F(UnsettledList, AnOlderConfirmationSettlesNothing) {
  promise();
  const Settled old{Ballot{round, NodeId{3}, 1}, Ballot{}, name};
  promise();
  world.inject(0, 1, old);
  EXPECT_EQ(unsettled(), 1u);
}

TEST_F(UnsettledList, DoesNotGrowByOneNameThatComesAndGoes) {
  world.crash(0);  // so that nobody but this test settles the name
  for (int i = 0; i < 100; ++i) {
    promise();
    settle_name();
    promise();
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
    promise();
    settle_name();
  }
  promise();
  world.crash(0);  // so that nobody settles the name while the list is compacted
  world.settle();
  EXPECT_EQ(unsettled(), 1u);
  world.crash(2);
  world.start(0);  // node 2 is the one other node that can answer its claim
  for (int i = 0; i < 4; ++i) world.drain();
  EXPECT_EQ(world.counters(0).claimed, 1u);
  const auto token = world.write(0, name, "a", request_id(1, 1));
  world.settle();
  EXPECT_EQ(world.answer(token).status, Status::kDone);
  EXPECT_EQ(world.counters(0).fast_path_writes, 0u) << "the name was closed to round 0";
}

}  // namespace
}  // namespace once::paxos::test
