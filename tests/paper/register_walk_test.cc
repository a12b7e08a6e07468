// All operations on a few hot names, under loss, repetition, reordering, links that break, late
// syncs and crashes that lose what was not synced; requests are asked again, and at several nodes
// at once, as docs/protocol.md allows it; every answer goes into an exact check.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/hash.h"
#include "tests/invariants/watch.h"
#include "tests/paper/chain.h"

namespace once::paxos::test {
namespace register_walk_test {

constexpr Operation kOperations[] = {Operation::kSet,  Operation::kSet,   Operation::kCas,
                                     Operation::kCas,  Operation::kNext,  Operation::kNext,
                                     Operation::kRead, Operation::kCheck, Operation::kWait,
                                     Operation::kSeal, Operation::kWrite};

struct Pending {
  uint64_t token;
  size_t node;
  size_t request;
  Asked asked;
};

// What a client asks under one id, as often as it likes.
struct Request {
  std::string name;
  Asked asked;
  size_t attempts = 0;
  bool may_be_there = false;  // an attempt may have reached a node
};

class Walk {
 public:
  Walk(uint64_t seed, size_t nodes, bool duel = false)
      : seed_(seed),
        nodes_(nodes),
        world_(nodes, seed, 1 + seed % 3, seed % 4 < 2 ? 0 : 20'000),  // names caught up a second
        duel_(duel) {
    Prng& p = world_.prng();
    loss_ = p.below(3) == 0 ? 0 : p.below(25);
    twice_ = p.below(3) == 0 ? 0 : p.below(30);
    crashes_ = p.below(3) == 0 ? 0 : p.below(3);
    finality_ = p.below(3) == 0 ? 2 : 0;
    names_ = 1 + p.below(3);
    watches_.resize(nodes_);
    world_.after_step = [this](size_t i, const Replica& core) {
      EXPECT_EQ(watches_[i].look(core), "") << "node " << i;
    };
    long_ticks_ = p.below(2) == 0;
    burst_ = 1 + p.below(5);
    again_ = p.below(3) == 0 ? 0 : p.below(70);
    reuse_ = p.below(4) == 0 ? p.below(10) : 0;
    cuts_ = p.below(2) == 0 ? 0 : p.below(3);
    if (!duel_) return;
    // One name, whose home nobody reaches: the others compose batches of their own against each
    // other, and lose many rounds half-way.
    names_ = 1;
    loss_ = 5 + p.below(35);
    crashes_ = cuts_ = 0;
    for (size_t i = 1; i < nodes_; ++i) world_.link(0, i, false);
  }

  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      act();
      collect();
    }
    for (size_t i = 0; i < nodes_; ++i) {
      if (!world_.up(i)) start(i);
      for (size_t j = 0; j < i; ++j) world_.link(i, j, true);
    }
    world_.settle(2500);
    collect();
    EXPECT_TRUE(pending_.empty()) << pending_.size() << " never answered";
    for (auto& [name, chain] : chains_) {
      chain.finish();
      for (const std::string& fault : chain.faults()) ADD_FAILURE() << name << ": " << fault;
    }
  }
  uint64_t done() const { return done_; }

 private:
  void start(size_t node) {
    watches_[node] = invariants::Watch();
    world_.start(node);
  }

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
      if (!world_.up(node)) return start(node);
      world_.crash(node);  // and nobody hears what became of what it was asked
      std::erase_if(pending_, [&](const Pending& one) { return one.node == node; });
    } else if (dice >= 100 - cuts_) {
      world_.link(node, p.below(nodes_), p.below(2) == 0);
    } else if (p.below(2) == 0) {
      world_.pass(static_cast<int64_t>(p.below(300'000)));
    } else {
      world_.tick(1 + static_cast<int64_t>(p.below(long_ticks_ ? 40 : 6)));
    }
  }

  void ask(size_t node) {
    Prng& p = world_.prng();
    if (duel_ && p.below(3) != 0) return volley();
    if (!requests_.empty() && p.below(100) < again_) {
      const size_t recent = std::min<size_t>(requests_.size(), 6);
      const size_t which = requests_.size() - 1 - p.below(recent);
      const Operation asked = requests_[which].asked.operation;
      const bool once = asked == Operation::kSet || asked == Operation::kNext;
      if (requests_[which].attempts < 4 && !(once && requests_[which].may_be_there)) {
        send(node, which);
        // A client that hedges asks two at once.
        if (p.below(3) == 0 && !once) send((node + 1) % nodes_, which);
        return;
      }
    }
    const uint64_t which = p.below(names_);
    Request r;
    r.name = world_.name_at_home(which % nodes_, static_cast<int>(which / nodes_));
    const uint64_t newest = chains_[r.name].highest();
    const bool final = p.below(100) < finality_;
    Asked& a = r.asked;
    a.operation = kOperations[final ? 9 + p.below(2) : p.below(9)];
    a.id = request_id(seed_, ++ids_);
    if (takes_version(a.operation)) {
      const uint64_t near = p.below(4);  // mostly the newest that is known, else a neighbour
      a.version = near == 0 && newest > 0 ? newest - 1 : newest + (near == 1 ? 1 : 0);
    }
    if (takes_value(a.operation)) a.value = "v" + std::to_string(ids_);
    if (p.below(100) < reuse_ && !requests_.empty()) a.id = requests_.back().asked.id;
    requests_.push_back(r);
    send(node, requests_.size() - 1);
  }

  // Two nodes get a set each, and both the same request behind it: the last of both batches.
  void volley() {
    Prng& p = world_.prng();
    const size_t one = 1 + p.below(nodes_ - 1);
    const size_t other = 1 + (one + p.below(nodes_ - 2)) % (nodes_ - 1);
    for (const Operation o : {Operation::kSet, Operation::kSet, Operation::kNext}) {
      Request r;
      r.name = world_.name_at_home(0, 0);
      r.asked.operation = o;
      r.asked.id = request_id(seed_, ++ids_);
      if (o == Operation::kSet) r.asked.value = "v" + std::to_string(ids_);
      requests_.push_back(r);
    }
    const size_t next = requests_.size() - 1;
    send(one, next - 2);
    send(other, next - 1);
    send(one, next);
    send(other, next);
  }

  void send(size_t node, size_t which) {
    if (!world_.up(node)) return;
    Request& request = requests_[which];
    Chain& chain = chains_[request.name];
    request.asked.floor = chain.highest();
    ++request.attempts;
    request.may_be_there = true;
    chain.asked(request.asked);
    ClientRequest r;
    r.operation = request.asked.operation;
    r.id = request.asked.id;
    r.timeout_ms = static_cast<uint32_t>(50 + world_.prng().below(600));
    r.name = request.name;
    r.value = request.asked.value;
    r.version = request.asked.version;
    pending_.push_back({world_.ask(node, r), node, which, request.asked});
  }

  void collect() {
    for (size_t i = 0; i < pending_.size();) {
      if (!world_.answered(pending_[i].token)) {
        ++i;
        continue;
      }
      const Answer& answer = world_.answer(pending_[i].token);
      Request& request = requests_[pending_[i].request];
      Chain& chain = chains_[request.name];
      chain.answered(pending_[i].asked, answer);
      for (const std::string& fault : chain.faults()) {
        ADD_FAILURE() << request.name << ": " << fault << ": operation "
                      << static_cast<int>(request.asked.operation) << " version "
                      << request.asked.version << " id " << request.asked.id.low << ", status "
                      << static_cast<int>(answer.status) << " version " << answer.version << " by "
                      << answer.writer.low;
      }
      const bool denied =
          answer.status == Status::kUnavailable || answer.status == Status::kOverloaded;
      if (denied) request.may_be_there = false;
      done_ += answer.status == Status::kDone ? 1 : 0;
      pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
    }
  }

  const uint64_t seed_;
  const size_t nodes_;
  World world_;
  std::vector<invariants::Watch> watches_;
  const bool duel_;
  uint64_t loss_, twice_, crashes_, finality_, names_, burst_, again_, reuse_, cuts_;
  bool long_ticks_;
  uint64_t ids_ = 0;
  uint64_t done_ = 0;
  std::map<std::string, Chain> chains_;
  std::vector<Request> requests_;
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

TEST(RegisterWalk, OneRequestMayBeTheLastOfTwoBatches) {
  for (uint64_t seed = 1; seed <= walks() && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Walk(seed, 5, true).run(500);
  }
}

// One history that is right, and ways to make it wrong.
struct Said {
  Asked asked;
  Answer answer;
};
std::vector<Said> history() {
  const auto id = [](uint64_t n) { return request_id(1, n); };
  return {{{Operation::kSet, id(1), 0, "a", 0}, {Status::kDone, "", id(1), 1, false}},
          {{Operation::kNext, id(2), 0, "", 1}, {Status::kUnknown, "", {}, 0, false}},
          {{Operation::kNext, id(2), 0, "", 1}, {Status::kDone, "", id(2), 3, false}},
          {{Operation::kCas, id(3), 2, "b", 3}, {Status::kConflict, "a", id(2), 3, false}},
          {{Operation::kRead, id(4), 0, "", 3}, {Status::kDone, "a", id(2), 3, false}},
          {{Operation::kSeal, id(5), 3, "", 3}, {Status::kDone, "", id(5), 4, true}},
          {{Operation::kSet, id(6), 0, "c", 4}, {Status::kSealed, "a", id(5), 4, true}}};
}
bool is_right(const std::vector<Said>& history) {
  Chain chain;
  for (const Said& said : history) chain.asked(said.asked);
  for (const Said& said : history) chain.answered(said.asked, said.answer);
  chain.finish();
  return chain.faults().empty();
}

TEST(Chain, RejectsWhatCannotHaveBeen) {
  ASSERT_TRUE(is_right(history()));
  const auto wrong = [](size_t at, auto change) {
    std::vector<Said> said = history();
    change(said[at].asked, said[at].answer);
    return !is_right(said);
  };
  EXPECT_TRUE(wrong(2, [](Asked&, Answer& a) { a.version = 1; })) << "a token given twice";
  EXPECT_TRUE(wrong(4, [](Asked&, Answer& a) { a.writer = request_id(1, 3); })) << "denied";
  EXPECT_TRUE(wrong(4, [](Asked&, Answer& a) { a.value = "b"; })) << "a value of nobody";
  EXPECT_TRUE(wrong(4, [](Asked& q, Answer&) { q.floor = 4; })) << "a stale read";
  EXPECT_TRUE(wrong(4, [](Asked&, Answer& a) { a.status = Status::kEmpty; })) << "forgotten";
  EXPECT_TRUE(wrong(3, [](Asked& q, Answer&) { q.floor = 4; })) << "a stale refusal";
  EXPECT_TRUE(wrong(5, [](Asked&, Answer& a) { a.version = 2; })) << "a seal overtaken";
  EXPECT_TRUE(wrong(0, [](Asked& q, Answer&) { q.floor = 1; })) << "made before it was asked";
  EXPECT_TRUE(wrong(3, [](Asked&, Answer& a) { a.status = Status::kIdReused; })) << "not reused";
}

}  // namespace register_walk_test
}  // namespace once::paxos::test
