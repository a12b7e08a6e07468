// DESIGN 1.7 and 3.5: while a majority is up and connected, every client is answered within a bound,
// whoever else asks for the name; and nobody takes over what only takes long.
#include <optional>

#include "tests/paper/timed.h"

namespace once::paxos::test {
namespace {

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
      join(node, operation);
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
  world.run_for(20'000 * kMilli);
  crowd.expect_all_served_within(100 * kMilli);
}

TEST(HomeAway, TwoNodesBothDraw) { home_away(3, 1, Operation::kNext, Operation::kNext); }
TEST(HomeAway, TwoNodesBothSet) { home_away(3, 8, Operation::kSet, Operation::kSet); }
TEST(HomeAway, FourNodesOfFiveAllDraw) { home_away(5, 1, Operation::kNext, Operation::kNext); }
TEST(HomeAway, ABusyNameIsStillRead) { home_away(3, 1, Operation::kNext, Operation::kRead); }
TEST(HomeAway, ABusyNameIsStillReadByTheOneInCharge) {
  home_away(3, 1, Operation::kRead, Operation::kNext);
}

}  // namespace
}  // namespace once::paxos::test
