// Random walks of contenders for one lock over a register in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "client/lock_machine.h"
#include "tests/unit/client/lock_fixture.h"

namespace once::client {
namespace lock_walk_test {

// Contenders with clocks that differ by up to half a percent in rate, over one register. A cas that
// is sent lands late, twice or never, and its answer may be lost; contenders are paused. Never do
// two hold at the same time, and tokens rise from holder to holder.
class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < 3; ++i) {
      auto one = std::make_unique<Contender>(
          Contender{LockMachine({kTtl / kMs, kTimeout, std::string(1, static_cast<char>('a' + i))},
                                [this] { return request_id(1, ++drawn_ids_); }),
                    0.9975 + static_cast<double>(random_.below(5)) / 1000,
                    static_cast<int64_t>(random_.below(kSecond))});
      contenders_.push_back(std::move(one));
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += static_cast<int64_t>(random_.below(random_.below(20) == 0 ? kTtl : 200 * kMs));
      deliver();
      for (auto& contender : contenders_) go_on(*contender);
      check();
      if (testing::Test::HasFailure()) return;
    }
  }
  size_t tenures() const { return tenures_; }

 private:
  struct Contender {
    LockMachine machine;
    double rate;
    int64_t offset_ns;
    int64_t paused_until_ns = 0;
    uint64_t told_token = 0;
    bool asking = false;
    bool lost_answer = false;
    LockStep step = {};
    int64_t answer_ns = 0;  // when it lands
    int64_t clock(int64_t now) const {
      return offset_ns + static_cast<int64_t>(static_cast<double>(now) * rate);
    }
  };
  struct Straggler {
    int64_t at_ns;
    LockStep step;
  };

  void deliver() {
    std::erase_if(stragglers_, [this](const Straggler& late) {
      if (late.at_ns > now_) return false;
      ask(register_, late.step);
      return true;
    });
  }

  void go_on(Contender& c) {
    if (now_ < c.paused_until_ns) return;
    if (random_.below(60) == 0) {
      c.paused_until_ns = now_ + static_cast<int64_t>(random_.below(3 * kTtl));
      return;
    }
    if (c.asking && now_ >= c.answer_ns) answer(c);
    if (c.asking) return;
    if (c.machine.idle()) {
      c.told_token = 0;
      if (random_.below(4) == 0) {
        c.machine.begin(static_cast<int64_t>(random_.below(10 * kTtl)), c.clock(now_));
      }
      return;
    }
    if (random_.below(40) == 0) c.machine.stop(c.clock(now_));
    c.step = c.machine.next(c.clock(now_));
    if (c.step.kind == Kind::kEnd || c.step.kind == Kind::kPause) return;
    c.asking = true;
    c.lost_answer = random_.below(6) == 0;
    c.answer_ns = now_ + static_cast<int64_t>(random_.below(300 * kMs));
  }

  void answer(Contender& c) {
    c.asking = false;
    const bool is_cas = c.step.kind == Kind::kCas;
    if (is_cas && random_.below(5) == 0) {  // a copy comes later still
      stragglers_.push_back({now_ + static_cast<int64_t>(random_.below(2 * kTtl)), c.step});
    }
    Result result = failure(is_cas ? Outcome::kUnknown : Outcome::kUnavailable);
    if (!c.lost_answer) result = ask(register_, c.step);
    if (c.lost_answer && is_cas && random_.below(2) == 0) ask(register_, c.step);
    c.machine.on_answer(result, c.clock(now_));
  }

  void check() {
    size_t holders = 0;
    for (auto& c : contenders_) {
      c->machine.expire(c->clock(now_));
      if (!c->machine.holds(c->clock(now_))) continue;
      ++holders;
      if (c->told_token == c->machine.token()) continue;
      c->told_token = c->machine.token();
      ++tenures_;
      EXPECT_GT(c->told_token, highest_token_);
      highest_token_ = c->told_token;
    }
    EXPECT_LE(holders, 1u);
  }

  Prng random_;
  int64_t now_ = kSecond;
  TestRegister register_;
  uint64_t drawn_ids_ = 0;
  uint64_t highest_token_ = 0;
  size_t tenures_ = 0;
  std::vector<std::unique_ptr<Contender>> contenders_;
  std::vector<Straggler> stragglers_;
};

TEST(LockWalkTest, OneHolderAtATimeAndTokensRise) {
  size_t tenures = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Walk walk(seed);
    walk.run(2000);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    tenures += walk.tenures();
  }
  EXPECT_GT(tenures, 10'000u) << "or the walk shows nothing";
}

}  // namespace lock_walk_test
}  // namespace once::client
