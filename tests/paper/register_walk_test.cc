// All operations on a few hot names, under loss, repetition, reordering, late syncs and crashes
// that lose what was not synced; every answer goes into an exact check.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/hash.h"
#include "tests/paper/chain.h"

namespace once::paxos::test {
namespace {

constexpr Operation kOperations[] = {Operation::kSet,  Operation::kSet,   Operation::kCas,
                                     Operation::kCas,  Operation::kNext,  Operation::kNext,
                                     Operation::kRead, Operation::kCheck, Operation::kWait,
                                     Operation::kSeal, Operation::kWrite};

struct Pending {
  uint64_t token;
  size_t node;
  std::string name;
  Asked asked;
};

class Walk {
 public:
  Walk(uint64_t seed, size_t nodes) : seed_(seed), nodes_(nodes), world_(nodes, seed) {
    Prng& p = world_.prng();
    loss_ = p.below(3) == 0 ? 0 : p.below(25);
    twice_ = p.below(3) == 0 ? 0 : p.below(30);
    crashes_ = p.below(3) == 0 ? 0 : p.below(3);
    finality_ = p.below(3) == 0 ? 2 : 0;
    names_ = 1 + p.below(3);
    long_ticks_ = p.below(2) == 0;
    burst_ = 1 + p.below(5);
  }

  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      act();
      collect();
    }
    for (size_t i = 0; i < nodes_; ++i) {
      if (!world_.up(i)) world_.start(i);
    }
    world_.settle(2500);
    collect();
    EXPECT_TRUE(pending_.empty()) << pending_.size() << " never answered";
    for (auto& [name, chain] : chains_) chain.finish();
  }
  uint64_t done() const { return done_; }

 private:
  void act() {
    Prng& p = world_.prng();
    const uint64_t dice = p.below(100);
    const size_t node = p.below(nodes_);
    if (dice < 12 && world_.up(node)) {
      ask(node);
    } else if (dice < 62 && world_.in_flight() > 0) {
      for (uint64_t i = 0; i < burst_ && world_.in_flight() > 0; ++i) {
        const size_t n = p.below(world_.in_flight());
        p.below(100) < loss_ ? world_.drop(n) : world_.deliver(n, p.below(100) < twice_);
      }
    } else if (dice < 85 && world_.up(node) && world_.unsynced(node) > 0) {
      world_.sync(node, 1 + p.below(world_.unsynced(node)));
    } else if (dice < 85 + crashes_ && p.below(3) == 0) {
      if (!world_.up(node)) return world_.start(node);
      world_.crash(node);  // and nobody hears what became of what it was asked
      std::erase_if(pending_, [&](const Pending& one) { return one.node == node; });
    } else {
      world_.tick(1 + static_cast<int64_t>(p.below(long_ticks_ ? 40 : 6)));
    }
  }

  void ask(size_t node) {
    Prng& p = world_.prng();
    const uint64_t which = p.below(names_);
    const std::string name = world_.name_at_home(which % nodes_, static_cast<int>(which / nodes_));
    Chain& chain = chains_[name];
    const bool final = p.below(100) < finality_;
    Asked a;
    a.operation = kOperations[final ? 9 + p.below(2) : p.below(9)];
    a.id = request_id(seed_, ++ids_);
    a.floor = chain.highest();
    if (takes_version(a.operation)) {
      const uint64_t near = p.below(4);  // mostly the newest that is known, else a neighbour
      a.version = near == 0 && a.floor > 0 ? a.floor - 1 : a.floor + (near == 1 ? 1 : 0);
    }
    if (takes_value(a.operation)) a.value = "v" + std::to_string(ids_);
    chain.asked(a);
    ClientRequest r;
    r.operation = a.operation;
    r.id = a.id;
    r.timeout_ms = static_cast<uint32_t>(50 + p.below(600));
    r.name = name;
    r.value = a.value;
    r.version = a.version;
    pending_.push_back({world_.ask(node, r), node, name, a});
  }

  void collect() {
    for (size_t i = 0; i < pending_.size();) {
      if (!world_.answered(pending_[i].token)) {
        ++i;
        continue;
      }
      const Answer& answer = world_.answer(pending_[i].token);
      SCOPED_TRACE(testing::Message()
                   << pending_[i].name << ": operation "
                   << static_cast<int>(pending_[i].asked.operation) << " version "
                   << pending_[i].asked.version << " id " << pending_[i].asked.id.low << ", status "
                   << static_cast<int>(answer.status) << " version " << answer.version << " by "
                   << answer.writer.low);
      chains_[pending_[i].name].answered(pending_[i].asked, answer);
      done_ += answer.status == Status::kDone ? 1 : 0;
      pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
    }
  }

  const uint64_t seed_;
  const size_t nodes_;
  World world_;
  uint64_t loss_, twice_, crashes_, finality_, names_, burst_;
  bool long_ticks_;
  uint64_t ids_ = 0;
  uint64_t done_ = 0;
  std::map<std::string, Chain> chains_;
  std::vector<Pending> pending_;
};

uint64_t walks() {
  const char* more = std::getenv("ONCE_WALKS");
  return more ? std::strtoull(more, nullptr, 10) : 1500;
}

TEST(RegisterWalk, EveryAnswerFitsOneChainOfVersions) {
  uint64_t done = 0;
  for (uint64_t seed = 1; seed <= walks() && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Walk walk(seed, seed % 5 == 0 ? 5 : seed % 11 == 0 ? 1 : 3);
    walk.run(500);
    done += walk.done();
  }
  EXPECT_GT(done, walks() * 10) << "walks in which hardly anything happens find nothing";
}

}  // namespace
}  // namespace once::paxos::test
