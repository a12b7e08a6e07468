// DESIGN 1.5, 2: one request makes at most one version, none after its answer, and an id is told
// "done" only for what its own operation asked.
#include <gtest/gtest.h>

#include "paxos/change.h"
#include "tests/paper/world.h"

namespace once::paxos::test {
namespace at_most_once_test {

const RequestId kMine = request_id(1, 1), kOther = request_id(1, 2);

ClientRequest request_for(Operation operation, std::string_view name, RequestId id,
                          uint32_t timeout_ms = 1000) {
  ClientRequest request;
  request.operation = operation;
  request.id = id;
  request.timeout_ms = timeout_ms;
  request.name = name;
  return request;
}

class AtMostOnce : public testing::TestWithParam<Operation> {
 protected:
  AtMostOnce() { world.settle(10); }
  uint64_t version_of(size_t node) {
    const uint64_t token = world.read(node, name);
    world.settle(20);
    return world.answered(token) ? world.answer(token).version : 99;
  }

  World world{3};
  const std::string name = world.name_at_home(0);
};

// The home sleeps with the request in its hands. Whoever asked is told that nobody knows, and
// nobody makes a second version of it, before or after.
TEST_P(AtMostOnce, OfAHomeThatSleeps) {
  const uint64_t token = world.ask(1, request_for(GetParam(), name, kMine));
  ASSERT_EQ(world.count<Forward>(), 1u);
  for (int ms = 0; ms < 1100; ms += 5) {  // longer than any hedge, and than its deadline
    world.tick(5);
    ASSERT_EQ(world.count<Prepare>(), 0u);
  }
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kUnknown);
  world.settle(50);  // it wakes up
  EXPECT_EQ(version_of(2), 1u);
}

TEST_P(AtMostOnce, OfAHomeThatIsLost) {
  const uint64_t token = world.ask(1, request_for(GetParam(), name, kMine));
  world.link(1, 0, false);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kUnknown);
  world.settle(200);
  EXPECT_LE(version_of(2), 1u);
}

// Another node overtakes the proposal half-way and goes on: what became of it nobody knows, and it
// is not made again.
TEST_P(AtMostOnce, OfAProposalThatIsOvertaken) {
  const uint64_t token = world.ask(0, request_for(GetParam(), name, kMine, 400));
  world.sync(0);
  world.drop_all<Accept>();
  world.inject(2, 0, Prepare{1, Ballot{Round{5}, NodeId{3}, Incarnation{1}}, name});
  world.inject(
      2, 0,
      Accept{1, Ballot{Round{5}, NodeId{3}, Incarnation{1}}, State{3, false, kOther, "x"}, name});
  world.inject(
      2, 1,
      Accept{1, Ballot{Round{5}, NodeId{3}, Incarnation{1}}, State{3, false, kOther, "x"}, name});
  world.settle(2000);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kUnknown);
  EXPECT_EQ(version_of(1), 3u);
}

INSTANTIATE_TEST_SUITE_P(Operations, AtMostOnce,
                         testing::Values(Operation::kSet, Operation::kNext));

// A request id belongs to one operation: `next` under the id of a `set` has drawn no token.
class UsedIds : public testing::TestWithParam<size_t> {  // which node is asked
 protected:
  UsedIds() { world.settle(10); }
  Answer ask(Operation operation, uint64_t version, const std::string& value) {
    ClientRequest request = request_for(operation, name, kMine);
    request.version = version;
    request.value = value;
    const uint64_t token = world.ask(GetParam(), request);
    world.settle(40);
    EXPECT_TRUE(world.answered(token));
    return world.answer(token);
  }
  void expect_reused(Operation operation, uint64_t version, const std::string& value) {
    const Answer answer = ask(operation, version, value);
    EXPECT_EQ(answer.status, Status::kIdReused) << static_cast<int>(operation);
  }
  void restart_all() {
    for (size_t i = 0; i < 3; ++i) world.crash(i);
    for (size_t i = 0; i < 3; ++i) world.start(i);
    world.settle(300);
  }

  World world{3};
  const std::string name = world.name_at_home(0);
};

TEST_P(UsedIds, OfASetAreOfNothingElse) {
  EXPECT_EQ(ask(Operation::kSet, 0, "").status, Status::kDone);
  for (int round = 0; round < 2; ++round) {
    expect_reused(Operation::kNext, 0, "");
    expect_reused(Operation::kCas, 0, "");
    expect_reused(Operation::kSeal, 0, "");
    expect_reused(Operation::kSet, 0, "x");
    EXPECT_EQ(ask(Operation::kSet, 0, "").status, Status::kDone);
    restart_all();
  }
}

TEST_P(UsedIds, OfANextAreOfNothingElse) {
  EXPECT_EQ(ask(Operation::kNext, 0, "").status, Status::kDone);
  for (int round = 0; round < 2; ++round) {
    expect_reused(Operation::kSet, 0, "");
    expect_reused(Operation::kCas, 0, "");
    EXPECT_EQ(ask(Operation::kNext, 0, "").version, 1u);
    restart_all();
  }
}

TEST_P(UsedIds, OfAWriteAreNotOfASeal) {
  EXPECT_EQ(ask(Operation::kWrite, 0, "v").status, Status::kDone);
  expect_reused(Operation::kSeal, 0, "");
  restart_all();
  expect_reused(Operation::kSeal, 0, "");
  EXPECT_EQ(ask(Operation::kWrite, 0, "v").status, Status::kDone);
}

INSTANTIATE_TEST_SUITE_P(Nodes, UsedIds, testing::Values(0u, 1u));

// What a log of an earlier release does not say is not held against anybody.
TEST(UsedId, OfAnOperationThatIsNotKnownIsJudgedByItsState) {
  const State state{1, false, kMine, "v"};
  EXPECT_EQ(judge(state, Change{Operation::kSet, kMine, 0, "v"}), Status::kDone);
  EXPECT_EQ(judge(state, Change{Operation::kSet, kMine, 0, "w"}), Status::kIdReused);
}

}  // namespace at_most_once_test
}  // namespace once::paxos::test
