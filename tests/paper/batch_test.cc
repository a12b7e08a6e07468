// What became of the changes that a lost ballot proposed (DESIGN 3.1, 3.5): nothing that was made
// is made again, and nothing is called lost before something else is chosen in its place.
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace batch_test {

constexpr RequestId kMine = request_id(1, 1);
constexpr RequestId kOfB = request_id(2, 1);
constexpr RequestId kOfE = request_id(5, 1);

// Node A (0) of five; the others are played by the test, message by message.
class ABatch : public testing::Test {
 protected:
  ABatch() {
    world.settle(10);
    ClientRequest request;
    request.operation = Operation::kSet;
    request.id = kMine;
    request.timeout_ms = 5000;
    request.name = name;
    request.value = "mine";
    token = world.ask(0, request);
    world.sync(0);
  }

  // A's proposal is lost to node `by`, which was promised `round`.
  void reject(size_t from, size_t by, uint32_t round) {
    const auto* accept = world.newest<Accept>(from);
    ASSERT_NE(accept, nullptr);
    const Rejected rejected{accept->op, accept->ballot, ballot(by, round)};
    world.inject(from, 0, rejected);
  }
  void promise(size_t from, const Ballot& accepted, const State& state) {
    const auto* prepare = world.newest<Prepare>(from);
    ASSERT_NE(prepare, nullptr);
    const Promise reply{prepare->op, prepare->ballot, accepted, state};
    world.inject(from, 0, reply);
  }
  void accept(size_t from) {
    const auto* accept = world.newest<Accept>(from);
    ASSERT_NE(accept, nullptr);
    const Accepted reply{accept->op, accept->ballot, accept->state.version};
    world.inject(from, 0, reply);
  }
  // A's next Prepare is on its way: after a back-off only a tick brings it.
  void await_prepare() {
    for (int i = 0; i < 2000 && world.newest<Prepare>(1) == nullptr; ++i) tick();
  }
  // Time passes for A alone.
  void tick() {
    world.tick(1);
    world.sync(0);
  }
  void forget() {
    world.drop_all<Prepare>();
    world.drop_all<Accept>();
  }
  static Ballot ballot(size_t node, uint32_t round) {
    return {Round{round}, NodeId{static_cast<uint16_t>(node + 1)}, Incarnation{1}};
  }

  World world{5};
  const std::string name = world.name_at_home(0);
  uint64_t token = 0;
};

// B's "b" is reported above A's "mine", but is not chosen; E, who holds "mine", adopts it, and
// builds on it. A, who is told only of what is built on it, must not make it again.
TEST_F(ABatch, IsNotLostWhenAnotherStateIsOnlyReported) {
  reject(4, 1, 1);
  await_prepare();
  promise(1, ballot(1, 1), State{1, false, kOfB, "b"});
  promise(2, Ballot{}, State{});
  promise(3, Ballot{}, State{});
  const auto* adopted = world.newest<Accept>(4);
  ASSERT_NE(adopted, nullptr);
  EXPECT_EQ(adopted->state.writer, kOfB);
  const Ballot of_e = ballot(4, adopted->ballot.round.value + 1);
  reject(4, 4, of_e.round.value);
  forget();
  await_prepare();
  for (size_t node : {2, 3, 4}) promise(node, of_e, State{2, false, kOfE, "e"});
  for (size_t node : {2, 3, 4}) accept(node);
  forget();
  for (int i = 0; i < 20 && !world.answered(token); ++i) tick();
  const auto* more = world.newest<Accept>(1);
  EXPECT_EQ(more, nullptr) << "made twice";
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kUnknown);
}

// Once B's state is chosen in A's own ballot, nobody can bring A's back: it is made on top, once.
TEST_F(ABatch, IsMadeAgainOnceAnotherStateIsChosenInItsPlace) {
  reject(4, 1, 1);
  await_prepare();
  promise(1, ballot(1, 1), State{1, false, kOfB, "b"});
  promise(2, Ballot{}, State{});
  promise(3, Ballot{}, State{});
  for (size_t node : {1, 2, 3}) accept(node);
  const auto* next = world.newest<Accept>(1);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->state.version, 2u);
  EXPECT_EQ(next->state.writer, kMine);
  for (size_t node : {1, 2, 3}) accept(node);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kDone);
  EXPECT_EQ(world.answer(token).version, 2u);
}

// Under its request id, used twice, B has made the same version of something else.
TEST_F(ABatch, IsToldThatItsIdMadeSomethingElse) {
  reject(4, 1, 1);
  await_prepare();
  promise(1, ballot(1, 1), State{1, false, kMine, "another's"});
  promise(2, Ballot{}, State{});
  promise(3, Ballot{}, State{});
  for (size_t node : {1, 2, 3}) accept(node);
  ASSERT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer(token).status, Status::kIdReused);
  EXPECT_EQ(world.answer(token).value, "another's");
}

// B's state has taken its place in A's own acceptor: the value must not be lost with it.
TEST_F(ABatch, KeepsItsValueWhenAnotherStateTakesItsPlaceHere) {
  world.inject(1, 0, Accept{9, ballot(1, 1), State{1, false, kOfB, "b"}, name});
  world.sync(0);
  for (int ms = 0; ms < 60; ++ms) tick();  // round 0 is found to be lost
  await_prepare();
  promise(1, ballot(1, 1), State{1, false, kOfB, "b"});
  promise(2, Ballot{}, State{});
  for (size_t node : {1, 2, 3}) accept(node);
  const auto* next = world.newest<Accept>(1);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->state.version, 2u);
  EXPECT_EQ(next->state.writer, kMine);
  EXPECT_EQ(next->state.value, "mine");
}

// Others answer before A's own disk: what A had proposed is proposed again all the same.
TEST_F(ABatch, IsProposedOnThoughNobodyElseHasSeenIt) {
  reject(4, 1, 1);
  ASSERT_GT(world.unsynced(0), 0u) << "its own promise is not durable yet";
  for (size_t node : {1, 2, 3}) promise(node, Ballot{}, State{});
  const auto* again = world.newest<Accept>(1);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->state.writer, kMine);
  EXPECT_EQ(again->state.version, 1u);
}

}  // namespace batch_test
}  // namespace once::paxos::test
