// DESIGN 3.4, 1.2: what a read may rest on.
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace read_test {

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

// Found by once-sim, seed 14869: on a slow disk those who joined such a round were too late for it,
// and for the next one, and gave up each time before it ended.
TEST(Read, JoiningARoundThatFindsNothingIsAnsweredWithoutAnotherRound) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(2);
  w.crash(2);
  w.write(0, name, "never proposed", kA, 10);
  w.sync(0);
  w.deliver(0);
  w.sync(1);
  ASSERT_EQ(w.count<Promise>(), 1u);
  w.tick(20);  // the write is given up, the round goes on

  std::vector<uint64_t> asked;
  ClientRequest request;
  request.timeout_ms = 1000;
  request.name = name;
  for (const Operation operation : {Operation::kRead, Operation::kCheck, Operation::kCas}) {
    request.operation = operation;
    request.version = takes_version(operation) ? 1 : 0;
    request.id = changes(operation) ? kB : RequestId{};
    asked.push_back(w.ask(0, request));
  }
  EXPECT_EQ(w.count<ReadState>(), 0u) << "they wait for the round";
  const uint64_t rounds = w.counters(0).classic_rounds;
  while (w.in_flight() > 0) w.deliver(0);  // and no disk is synced any more
  EXPECT_EQ(w.counters(0).classic_rounds, rounds);
  for (const uint64_t token : asked) ASSERT_TRUE(w.answered(token));
  EXPECT_EQ(w.answer(asked[0]).status, Status::kEmpty);
  EXPECT_EQ(w.answer(asked[1]).status, Status::kConflict);
  EXPECT_EQ(w.answer(asked[2]).status, Status::kConflict);
}

// A promise alone is nothing that a round would have to finish.
TEST(Read, AndARefusalOfWhatIsOnlyPromisedMakeNoRound) {
  World w(3);
  w.settle();
  const std::string name = w.name_at_home(0);
  w.inject(1, 0, Prepare{1, Ballot{Round{3}, NodeId{2}, Incarnation{1}}, name});
  w.settle();
  ClientRequest request;
  request.timeout_ms = 1000;
  request.name = name;
  request.operation = Operation::kCas;
  request.version = 1;
  request.id = kB;
  const uint64_t rounds = w.counters(0).classic_rounds;
  const uint64_t cas = w.ask(0, request);
  const uint64_t read = w.read(0, name);
  while (w.in_flight() > 0) w.deliver(0);
  EXPECT_EQ(w.counters(0).classic_rounds, rounds);
  ASSERT_TRUE(w.answered(cas) && w.answered(read));
  EXPECT_EQ(w.answer(cas).status, Status::kConflict);
  EXPECT_EQ(w.answer(read).status, Status::kEmpty);
}

}  // namespace read_test
}  // namespace once::paxos::test
