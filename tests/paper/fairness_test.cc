// DESIGN 1.7 and 3.5: while a majority is up and connected, every client is answered within a
// bound, whoever else asks for the name; and nobody takes over what only takes long.
#include <optional>

#include "tests/paper/timed.h"

namespace once::paxos::test {
namespace fairness_test {

constexpr int64_t kMilli = Timed::kMilli;

struct Served {
  size_t done = 0, failed = 0;
  int64_t longest_ns = 0;
};

// Clients of each node that ask for one name, each again as soon as it is answered.
class Crowd {
 public:
  Crowd(Timed& world, std::string name, uint32_t timeout_ms = 5000)
      : world_(world), name_(std::move(name)), timeout_ms_(timeout_ms), served_(world.size()) {}

  void join(size_t node, Operation operation) {
    const int64_t asked = world_.now();
    ClientRequest request{0, operation, request_id(7, ++id_), timeout_ms_, name_, {}};
    if (takes_value(operation)) request.value = "value";
    world_.ask(node, request, [this, node, operation, asked](Status status) {
      const bool good = status == Status::kDone || status == Status::kEmpty;
      ++(good ? served_[node].done : served_[node].failed);
      served_[node].longest_ns = std::max(served_[node].longest_ns, world_.now() - asked);
      // Who is turned away at once would else never let time pass.
      good ? join(node, operation) : world_.later(kMilli, [=, this] { join(node, operation); });
    });
  }
  const Served& served(size_t node) const { return served_[node]; }
  void forget() { std::fill(served_.begin(), served_.end(), Served{}); }
  void expect_all_served_within(int64_t ns, size_t first = 0) const {
    for (size_t i = first; i < served_.size(); ++i) {
      EXPECT_GT(served_[i].done, 0u) << "node " << i + 1;
      EXPECT_EQ(served_[i].failed, 0u) << "node " << i + 1;
      EXPECT_LT(served_[i].longest_ns, ns) << "node " << i + 1;
    }
  }

 private:
  Timed& world_;
  const std::string name_;
  const uint32_t timeout_ms_;
  uint64_t id_ = 0;
  std::vector<Served> served_;
};

// The home, the last member, is away.
void home_away(size_t members, size_t in_flight, Operation first, Operation others) {
  Timed world(members, members - 1, 1);
  Crowd crowd(world, world.name_at_home(members - 1));
  for (size_t i = 0; i + 1 < members; ++i) {
    for (size_t n = 0; n < in_flight; ++n) crowd.join(i, i == 0 ? first : others);
  }
  world.run_for(4000 * kMilli);
  crowd.expect_all_served_within(100 * kMilli);
}

TEST(HomeAway, TwoNodesBothDraw) { home_away(3, 1, Operation::kNext, Operation::kNext); }
TEST(HomeAway, TwoNodesBothSet) { home_away(3, 8, Operation::kSet, Operation::kSet); }
TEST(HomeAway, FourNodesOfFiveAllDraw) { home_away(5, 1, Operation::kNext, Operation::kNext); }
TEST(HomeAway, ABusyNameIsStillRead) { home_away(3, 1, Operation::kNext, Operation::kRead); }
TEST(HomeAway, ABusyNameIsStillReadByTheOneInCharge) {
  home_away(3, 1, Operation::kRead, Operation::kNext);
}

// One link of those that are left is cut: two nodes hold themselves to be the first behind the
// home, and cannot send each other anything. They duel; each serves its clients all the same,
// though of what was proposed and lost it may not be known what became of it.
TEST(HomeAway, TwoWhoCannotReachEachOtherBothServe) {
  Timed world(5, 4, 1);
  world.link(0, 1, false);
  Crowd crowd(world, world.name_at_home(4));
  for (size_t i = 0; i < 4; ++i) crowd.join(i, Operation::kSet);
  world.run_for(2000 * kMilli);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GT(crowd.served(i).done, 50u);
    EXPECT_LT(crowd.served(i).longest_ns, 1000 * kMilli);
  }
}

// Three nodes of which the home and one other meet only through the third, on slow disks.
TEST(HomeAway, BothSidesOfACutLinkAreServed) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Timed world(3, 3, seed, {500'000, 5 * kMilli});
    world.link(0, 2, false);
    Crowd crowd(world, world.name_at_home(2), 20'000);
    for (size_t i = 0; i < 3; ++i) {
      for (int n = 0; n < 2; ++n) crowd.join(i, Operation::kNext);
    }
    world.run_for(4000 * kMilli);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_GT(crowd.served(i).done, 10u) << "node " << i + 1;
      EXPECT_LT(crowd.served(i).longest_ns, 1000 * kMilli) << "node " << i + 1;
    }
  }
}

// The home has one link left and sees no majority. Whoever it can reach has one.
TEST(HomeAway, WhoeverStillReachesItAsksSomebodyElse) {
  for (const size_t reaches : {0, 1, 2, 3}) {
    Timed world(5, 5, 1);
    for (size_t i = 0; i < 4; ++i) {
      if (i != reaches) world.link(i, 4, false);
    }
    Crowd crowd(world, world.name_at_home(4));
    for (size_t i = 0; i < 4; ++i) crowd.join(i, i % 2 == 0 ? Operation::kSet : Operation::kRead);
    world.run_for(1000 * kMilli);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_GT(crowd.served(i).done, 0u);
      EXPECT_EQ(crowd.served(i).failed, 0u);
      EXPECT_LT(crowd.served(i).longest_ns, 1000 * kMilli);
    }
  }
}

// It comes and goes: what must not happen twice may end as unknown when its link breaks, and the
// others go on.
TEST(HomeAway, AHomeThatComesAndGoesStopsNobody) {
  Timed world(3, 3, 1);
  Crowd crowd(world, world.name_at_home(2));
  for (size_t i : {0, 1}) crowd.join(i, i == 0 ? Operation::kSet : Operation::kRead);
  for (int n = 0; n < 20; ++n) {
    for (size_t i : {0, 1}) world.link(i, 2, n % 2 == 1);
    world.run_for(100 * kMilli);
  }
  for (size_t i : {0, 1}) {
    EXPECT_LE(crowd.served(i).failed, 10u) << "one each time that the link broke";
    EXPECT_LT(crowd.served(i).longest_ns, 1000 * kMilli);
  }
}

// Its links stand for two seconds more.
TEST(HomeAway, AFrozenHomeIsTakenOverByWhatMayBeRepeated) {
  Timed world(3, 3, 1);
  Crowd crowd(world, world.name_at_home(2));
  for (size_t i : {0, 1}) crowd.join(i, Operation::kRead);
  world.run_for(1000 * kMilli);
  world.freeze(2);
  world.run_for(2000 * kMilli);
  for (size_t i : {0, 1}) world.link(i, 2, false);
  world.run_for(2000 * kMilli);
  for (size_t i : {0, 1}) {
    EXPECT_EQ(crowd.served(i).failed, 0u);
    EXPECT_LT(crowd.served(i).longest_ns, 1000 * kMilli);
  }
}

// --- slow disks and wide networks ---

// A client of node 1 writes new names of node 3's, one after another. Takeovers among the first and
// among the others, and the longest of the others.
struct Writes {
  uint64_t first_takeovers = 0, takeovers = 0;
  int64_t longest_ns = 0;
};
Writes write_alone(Pace pace) {
  constexpr int kFirst = 10, kAll = 50;
  Timed world(3, 3, 1, pace);
  int asked = 0;
  Writes writes;
  std::function<void()> again = [&] {
    if (asked == kFirst) writes.first_takeovers = world.counters(0).takeovers;
    if (++asked > kAll) return;
    const int64_t begun = world.now();
    const std::string name = world.name_at_home(2, asked);
    const RequestId id = request_id(7, static_cast<uint64_t>(asked));
    world.ask(0, {0, Operation::kWrite, id, 5000, name, "v"}, [&, begun](Status status) {
      EXPECT_EQ(status, Status::kDone);
      if (asked > kFirst) writes.longest_ns = std::max(writes.longest_ns, world.now() - begun);
      again();
    });
  };
  again();
  world.run_for(100'000 * kMilli);
  EXPECT_GT(asked, kAll);
  writes.takeovers = world.counters(0).takeovers - writes.first_takeovers;
  return writes;
}

// "uncontended writes end in one or two round trips": to the home, and from there to a majority.
TEST(SlowHome, WritesBehindASlowDiskAreLeftToIt) {
  const Writes writes = write_alone({50'000, 60 * kMilli});
  EXPECT_LE(writes.first_takeovers, 5u);
  EXPECT_LE(writes.takeovers, 1u);
  EXPECT_LT(writes.longest_ns, 180 * kMilli) << "a log write, behind one that is under way";
}
TEST(SlowHome, WritesBehindAVerySlowDiskAreLeftToIt) {
  const Writes writes = write_alone({50'000, 600 * kMilli});
  EXPECT_LE(writes.first_takeovers, 10u);
  EXPECT_LE(writes.takeovers, 1u);
  EXPECT_LT(writes.longest_ns, 1800 * kMilli);
}
TEST(SlowHome, WritesOverAWideNetworkAreLeftToIt) {
  const Writes writes = write_alone({150 * kMilli, 1 * kMilli});
  EXPECT_LE(writes.first_takeovers, 10u);
  EXPECT_LE(writes.takeovers, 1u);
  EXPECT_LT(writes.longest_ns, 900 * kMilli);
}

// Reads over it, too: a question is not asked anew before its answer can be here.
TEST(SlowHome, ReadsOverAWideNetworkTakeOneRoundTrip) {
  Timed world(3, 3, 1, {150 * kMilli, 1 * kMilli});
  const std::string name = world.name_at_home(2);
  int64_t took = 0;
  for (int n = 0; n < 10; ++n) {
    const int64_t begun = world.now();
    world.ask(0, {0, Operation::kRead, {}, 5000, name, {}}, [&, begun](Status status) {
      EXPECT_EQ(status, Status::kEmpty);
      took = std::max(took, world.now() - begun);
    });
    world.run_for(3000 * kMilli);
  }
  EXPECT_LT(took, 450 * kMilli);
  EXPECT_EQ(world.counters(0).classic_rounds + world.counters(2).classic_rounds, 0u);
}

// A hot name: clients of all nodes, some of whose requests may be repeated elsewhere.
void hot_name(Pace pace, int64_t longest_ns) {
  for (const Operation operation : {Operation::kNext, Operation::kRead, Operation::kSet}) {
    Timed world(3, 3, 1, pace);
    Crowd crowd(world, world.name_at_home(2), 10'000);
    for (size_t i = 0; i < 3; ++i) {
      for (int n = 0; n < 4; ++n) crowd.join(i, i == 0 ? Operation::kSet : operation);
    }
    world.run_for(30'000 * kMilli);
    crowd.expect_all_served_within(longest_ns);
  }
}
TEST(SlowHome, AHotNameOnSlowDisks) { hot_name({50'000, 20 * kMilli}, 1000 * kMilli); }
TEST(SlowHome, AHotNameOnVerySlowDisks) { hot_name({50'000, 600 * kMilli}, 8000 * kMilli); }
TEST(SlowHome, AHotNameOnAWideNetwork) { hot_name({150 * kMilli, 20 * kMilli}, 5000 * kMilli); }

}  // namespace fairness_test
}  // namespace once::paxos::test
