// Whose batch was it? One request, asked at two nodes, is the last of a batch at each. What a
// proposer took over from the other stays the other's, also once it stands under its own ballot.
#include <gtest/gtest.h>

#include "tests/paper/world.h"

namespace once::paxos::test {
namespace adopted_batch_test {

constexpr size_t kA = 0, kB = 1, kHome = 2;

class AdoptedBatch : public testing::Test {
 protected:
  uint64_t ask(size_t node, Operation operation, uint64_t id, const std::string& value) {
    ClientRequest r;
    r.operation = operation;
    r.id = request_id(7, id);
    r.timeout_ms = 5000;
    r.name = name_;
    r.value = value;
    return world_.ask(node, r);
  }
  // As the home sends it on: B does it itself, and does not pass it to whom it promised.
  void forward_to_b(Operation operation, uint64_t id, const std::string& value) {
    world_.inject(kHome, kB,
                  Forward{++forwards_, Incarnation{1}, forwards_, operation, request_id(7, id),
                          5000, name_, value, 0});
  }
  template <class M>
  bool deliver(size_t to) {
    const M* found = world_.newest<M>(to);
    if (found == nullptr) return false;
    const M message = *found;
    const Parcel kept({}, {}, message);
    world_.inject(to == kA ? kB : kA, to, kept.message);
    world_.drop_all<M>(to);
    return true;
  }
  void sync() {
    for (size_t i = 0; i < 3; ++i) world_.sync(i);
  }
  void silence() {
    while (world_.in_flight() > 0) world_.drop(0);
  }
  // Until the node asks for promises again: its accepts are refused, and it has waited.
  template <class M>
  void tick_until(size_t to) {
    for (int i = 0; i < 400 && world_.newest<M>(to) == nullptr; ++i) {
      world_.tick(5);
      sync();
      world_.drop_all<Prepare>(kHome);
      world_.drop_all<Accept>(kHome);
    }
    ASSERT_NE(world_.newest<M>(to), nullptr);
  }
  // The round of `node` loses to what `other` has promised, and it asks `other` anew.
  void lose_and_prepare(size_t node, size_t other) {
    silence();
    tick_until<Accept>(other);
    world_.drop_all<Prepare>(node);
    world_.drop_all<Accept>(node);
    ASSERT_TRUE(deliver<Accept>(other));
    sync();
    ASSERT_TRUE(deliver<Rejected>(node));
    silence();
    tick_until<Prepare>(other);
    ASSERT_TRUE(deliver<Prepare>(other));
    sync();
  }

  World world_{3};
  uint64_t forwards_ = 0;
  const std::string name_ = world_.name_at_home(kHome);
};

TEST_F(AdoptedBatch, UnderOnesOwnBallotIsStillTheOthers) {
  sync();
  silence();
  world_.link(kA, kHome, false);
  world_.link(kB, kHome, false);
  // A proposes its two changes under (1, A), and nobody hears of them.
  const uint64_t mine = ask(kA, Operation::kSet, 1, "a");
  const uint64_t shared_a = ask(kA, Operation::kNext, 9, "");
  sync();
  ASSERT_TRUE(deliver<Prepare>(kB));
  sync();
  ASSERT_TRUE(deliver<Promise>(kA));
  sync();
  silence();
  // B asks the home, and proposes its two, the last of them the same request.
  world_.link(kB, kHome, true);
  forward_to_b(Operation::kSet, 2, "b");
  forward_to_b(Operation::kNext, 9, "");
  for (int i = 0; i < 400 && world_.newest<Prepare>(kHome) == nullptr; ++i) {
    sync();
    world_.tick(5);
    world_.drop_all<Prepare>(kA);
    world_.drop_all<Accept>(kB);
  }
  ASSERT_NE(world_.newest<Prepare>(kHome), nullptr);
  const Parcel prepare({}, {}, *world_.newest<Prepare>(kHome));
  world_.inject(kB, kHome, prepare.message);
  sync();
  ASSERT_NE(world_.newest<Promise>(kB), nullptr);
  const Promise promise = *world_.newest<Promise>(kB);
  world_.inject(kHome, kB, promise);
  sync();
  silence();
  world_.crash(kHome);
  silence();
  // A takes it over under (3, A), loses that ballot to B, and tries again: now what it reports
  // itself is the newest, and stands under its own name.
  lose_and_prepare(kA, kB);
  ASSERT_TRUE(deliver<Promise>(kA));
  sync();
  lose_and_prepare(kB, kA);
  lose_and_prepare(kA, kB);
  world_.settle(1500);

  ASSERT_TRUE(world_.answered(mine) && world_.answered(shared_a));
  const uint64_t read = world_.read(kA, name_);
  world_.settle();
  ASSERT_EQ(world_.answer(read).value, "b");
  EXPECT_EQ(world_.answer(mine).status, Status::kUnknown);
  EXPECT_EQ(world_.answer(shared_a).status, Status::kDone);
  EXPECT_EQ(world_.answer(shared_a).version, 2u);
}

}  // namespace adopted_batch_test
}  // namespace once::paxos::test
