// A refusal at the node that keeps a name: its ballot is asked for once more (DESIGN 3.1, 3.4). One
// round trip, no log write, and never an answer from memory alone.
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace confirmation_test {

class AKeptName : public testing::Test {
 protected:
  AKeptName() {
    world.settle(10);
    ask(Operation::kSet, 0, "v");
    world.settle(50);
  }
  uint64_t ask(Operation operation, uint64_t version, const std::string& value) {
    ClientRequest request;
    request.operation = operation;
    request.id = request_id(1, ++ids);
    request.timeout_ms = 1000;
    request.name = name;
    request.value = value;
    request.version = version;
    return world.ask(0, request);
  }

  World world{3};
  const std::string name = world.name_at_home(0);
  uint64_t ids = 0;
};

TEST_F(AKeptName, RefusesInOneRoundTripWithoutALogWrite) {
  const uint64_t token = ask(Operation::kCas, 7, "x");
  EXPECT_FALSE(world.answered(token)) << "another node may have gone on";
  EXPECT_EQ(world.count<Accept>(), 2u);
  EXPECT_EQ(world.unsynced(0), 0u);
  while (world.in_flight() > 0) world.deliver(0);
  EXPECT_EQ(world.unsynced(1) + world.unsynced(2), 0u);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kConflict);
  EXPECT_EQ(world.answer(token).value, "v");
}

// Promised to somebody else meanwhile: what stands here may be old.
TEST_F(AKeptName, IsNotAnsweredByABallotThatWasOvertaken) {
  for (size_t node : {1, 2}) {
    world.inject(
        3 - node, node,
        Prepare{9, Ballot{Round{1}, NodeId{static_cast<uint16_t>(4 - node)}, Incarnation{1}},
                name});
    world.sync(node);
  }
  world.drop_all<Promise>();
  const uint64_t token = ask(Operation::kCas, 7, "x");
  EXPECT_FALSE(world.answered(token));
  EXPECT_EQ(world.counters(0).classic_rounds, 0u);
  world.settle(100);
  EXPECT_GT(world.counters(0).classic_rounds, 0u);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kConflict);
}

}  // namespace confirmation_test
}  // namespace once::paxos::test
