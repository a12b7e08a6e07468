// DESIGN 3.4 and promise 2 of section 1: what a read may rest on.
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace {

const RequestId kA = request_id(1, 1);
const RequestId kB = request_id(2, 2);

// Nodes 1 and 2 get what they want of each other; what is older stays on its way to node 0, what is
// newer is lost.
void settle_without_node_0(World& w, size_t kept) {
  const auto lose = [&] {
    w.drop_all<Prepare>(0);
    w.drop_all<Accept>(0);
    w.drop_all<Decided>(0);
    w.drop_all<ClaimHome>(0);
  };
  for (int round = 0; round < 50; ++round) {
    w.sync(1);
    w.sync(2);
    for (lose(); w.in_flight() > kept; lose()) w.deliver(kept);
  }
}

// A promise given before a read began says nothing about what was written meanwhile. (Found by
// once-sim, seed 86: a read joined a round whose promises were older than a finished write.)
TEST(Read, JoiningARoundIsNotAnsweredByPromisesOlderThanItself) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(2);
  w.crash(2);
  const auto given_up = w.write(0, name, "never proposed", kA, 10);
  w.sync(0);
  w.deliver(0);
  w.sync(1);
  ASSERT_EQ(w.in_flight(), 1u);
  ASSERT_EQ(w.count<Promise>(), 1u);  // of nothing, and it takes its time
  w.tick(20);                         // the write is given up, the round goes on
  ASSERT_EQ(w.answer(given_up).status, Status::kUnavailable);
  w.start(2);
  const auto write = w.write(1, name, "v", kB);
  settle_without_node_0(w, 1);
  ASSERT_TRUE(w.answered(write));
  ASSERT_EQ(w.answer(write).status, Status::kDone);

  const auto read = w.read(0, name);
  w.settle();
  ASSERT_TRUE(w.answered(read));
  EXPECT_EQ(w.answer(read).status, Status::kDone);
  EXPECT_EQ(w.answer(read).value, "v");
}

}  // namespace
}  // namespace once::paxos::test
