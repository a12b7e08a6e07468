// The whole lock, its thread and clock included, against a register on loopback.
#include "client/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/test_register.h"

namespace once::client {
namespace lock_test {

using std::chrono::milliseconds;

// Long enough for a machine that has other things to do, since it must be renewed in time.
constexpr int64_t kTtlMs = 2000;

class LockTest : public testing::Test {
 protected:
  // Nodes are asked for one wait after the other, so that the register needs no memory of waiters.
  FakeServer::Act answer(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    if (request.operation != paxos::Operation::kWait) {
      longest_ms_ = std::max(longest_ms_.load(), request.timeout_ms);
    }
    if (silent_) return FakeServer::Act::kSilence;
    std::lock_guard lock(mutex_);
    static_cast<paxos::ClientReply&>(reply) = register_.answer(request);
    reply.told = std::string(reply.state.value);
    reply.state.value = {};
    return FakeServer::Act::kReply;
  }
  Result ask(paxos::Operation operation, uint64_t version, std::string_view value) {
    std::lock_guard lock(mutex_);
    return register_.ask(operation, version, value, request_id(1, ++ids_));
  }

  std::atomic<bool> silent_{false};
  std::atomic<uint32_t> longest_ms_{0};  // that a node was asked to try
  std::mutex mutex_;
  TestRegister register_;
  uint64_t ids_ = 0;
  FakeServer server_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    return answer(request, reply);
  }};
  Client client_{options_for(server_.address())};
};

TEST_F(LockTest, HeldRenewedReleasedAndAcquiredAgain) {
  Lock lock(client_, "l", {.ttl_ms = kTtlMs, .owner = "me"});
  EXPECT_FALSE(lock.holds());
  EXPECT_EQ(lock.token(), 0u);
  EXPECT_EQ(lock.release().outcome, LockOutcome::kReleased);
  const LockResult held = lock.acquire();
  ASSERT_EQ(held.outcome, LockOutcome::kHeld) << held.message;
  EXPECT_EQ(held.token, 1u);
  EXPECT_TRUE(lock.holds());
  EXPECT_GT(lock.remaining_ms(), 0);
  EXPECT_LE(lock.remaining_ms(), kTtlMs);
  EXPECT_EQ(lock.acquire().outcome, LockOutcome::kError) << "it is held";
  EXPECT_EQ(client_.wait("l", 1, {.timeout_ms = 60'000}).outcome, Outcome::kDone);
  EXPECT_TRUE(lock.holds()) << "a renewal later";
  EXPECT_EQ(lock.token(), 1u);
  EXPECT_EQ(lock.release().outcome, LockOutcome::kReleased);
  EXPECT_FALSE(lock.holds());
  EXPECT_EQ(lock.remaining_ms(), 0);
  const LockResult again = lock.acquire();
  EXPECT_EQ(again.outcome, LockOutcome::kHeld);
  EXPECT_GT(again.token, 3u);
  EXPECT_EQ(lock.token(), again.token);
}

TEST_F(LockTest, ASecondOneIsRefusedThenWaitsAndGetsIt) {
  Lock first(client_, "l", {.owner = "first"});
  Lock second(client_, "l", {.owner = "second"});
  ASSERT_EQ(first.acquire().outcome, LockOutcome::kHeld);
  const LockResult busy = second.acquire();
  EXPECT_EQ(busy.outcome, LockOutcome::kBusy);
  EXPECT_EQ(busy.owner, "first");
  auto waiting = std::async(std::launch::async, [&] { return second.acquire(60'000); });
  EXPECT_EQ(waiting.wait_for(milliseconds(50)), std::future_status::timeout);
  first.release();
  EXPECT_EQ(waiting.get().outcome, LockOutcome::kHeld);
  EXPECT_TRUE(second.holds());
}

// What nobody waits for any more need not be tried.
TEST_F(LockTest, NodesAreAskedToTryForAsLongAsItWaits) {
  Lock lock(client_, "lock", {.ttl_ms = kTtlMs, .timeout_ms = 700});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  EXPECT_EQ(lock.release().outcome, LockOutcome::kReleased);
  EXPECT_GT(longest_ms_, 0u);
  EXPECT_LE(longest_ms_, 700u);
}

TEST_F(LockTest, TheDestructorReleases) {
  { EXPECT_EQ(Lock(client_, "l").acquire().outcome, LockOutcome::kHeld); }
  EXPECT_EQ(ask(paxos::Operation::kRead, 0, "").value, "once-lock 1 free\n");
}

TEST_F(LockTest, IsToldOnceWhenItIsTakenOver) {
  std::atomic<int> calls{0};
  std::promise<LockResult> told;
  Lock lock(client_, "l", {.ttl_ms = kTtlMs, .on_lost = [&](const LockResult& lost) {
                             if (calls++ == 0) told.set_value(lost);
                           }});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  ask(paxos::Operation::kSet, 0, "once-lock 1 held ttl_ms=3000 token=9 owner=thief\n");
  const LockResult lost = told.get_future().get();
  EXPECT_EQ(lost.outcome, LockOutcome::kLost);
  EXPECT_EQ(lost.owner, "thief");
  EXPECT_EQ(lost.token, 1u);
  EXPECT_FALSE(lock.holds());
  EXPECT_EQ(lock.release().outcome, LockOutcome::kLost);
  EXPECT_EQ(lock.release().outcome, LockOutcome::kReleased) << "said once";
  EXPECT_EQ(calls, 1);
}

TEST_F(LockTest, IsToldWhenNobodyAnswersAnyMore) {
  std::promise<LockResult> told;
  Lock lock(client_, "l",
            {.ttl_ms = kTtlMs, .on_lost = [&](const LockResult& lost) { told.set_value(lost); }});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  silent_ = true;
  EXPECT_EQ(told.get_future().get().outcome, LockOutcome::kLost);
  EXPECT_FALSE(lock.holds());
}

TEST_F(LockTest, OvertakesADeadHolder) {
  ask(paxos::Operation::kCas, 0, "once-lock 1 held ttl_ms=1000 token=1 owner=dead\n");
  Lock lock(client_, "l");
  EXPECT_EQ(lock.acquire(10).outcome, LockOutcome::kBusy);
  const LockResult held = lock.acquire(60'000);
  EXPECT_EQ(held.outcome, LockOutcome::kHeld);
  EXPECT_EQ(held.token, 2u);
}

// Once for each holder, and not for each of his renewals.
TEST_F(LockTest, WhoWaitsIsToldForWhom) {
  const std::string start = "once-lock 1 held ttl_ms=3600000 token=";
  ask(paxos::Operation::kCas, 0, start + "1 since=12:00 owner=first\n");
  std::mutex mutex;
  std::vector<LockHolder> told;
  const auto told_so_far = [&] {
    std::lock_guard lock(mutex);
    return told;
  };
  Lock lock(client_, "l", {.on_wait = [&](const LockHolder& holder) {
              std::lock_guard guard(mutex);
              told.push_back(holder);
            }});
  EXPECT_EQ(lock.acquire(0).outcome, LockOutcome::kBusy);
  EXPECT_TRUE(told_so_far().empty()) << "it did not wait";
  auto waiting = std::async(std::launch::async, [&] { return lock.acquire(3'600'000); });
  const auto until = [&](size_t count) {
    for (int i = 0; i < 2000 && told_so_far().size() < count; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
  };
  until(1);
  ask(paxos::Operation::kCas, 1, start + "1 since=12:00 owner=first\n");
  std::this_thread::sleep_for(milliseconds(100));
  ask(paxos::Operation::kCas, 2, start + "3 since=12:05 owner=second\n");
  until(2);
  lock.cancel();
  EXPECT_EQ(waiting.get().outcome, LockOutcome::kCancelled);
  EXPECT_EQ(told_so_far(),
            (std::vector<LockHolder>{{"first", 1, "12:00"}, {"second", 3, "12:05"}}));
}

TEST_F(LockTest, CancelEndsAWaitAndWhatBeginsLater) {
  ask(paxos::Operation::kCas, 0, "once-lock 1 held ttl_ms=3600000 token=1 owner=other\n");
  Lock lock(client_, "l");
  auto waiting = std::async(std::launch::async, [&] { return lock.acquire(3'600'000); });
  EXPECT_EQ(waiting.wait_for(milliseconds(50)), std::future_status::timeout);
  lock.cancel();
  EXPECT_EQ(waiting.get().outcome, LockOutcome::kCancelled);
  EXPECT_EQ(lock.acquire(3'600'000).outcome, LockOutcome::kCancelled);
}

TEST_F(LockTest, BadInputIsToldApart) {
  EXPECT_EQ(Lock(client_, "").acquire().outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l", {.ttl_ms = 99}).acquire().outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l", {.ttl_ms = 3'600'001}).acquire().outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l", {.timeout_ms = 0}).acquire().outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l", {.owner = "a\n"}).acquire().outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l").acquire(-1).outcome, LockOutcome::kInvalid);
  EXPECT_EQ(Lock(client_, "l").acquire(86'400'001).outcome, LockOutcome::kInvalid);
  EXPECT_EQ(ask(paxos::Operation::kRead, 0, "").outcome, Outcome::kEmpty);
  Client nowhere{Options{}};
  EXPECT_EQ(Lock(nowhere, "l").acquire().outcome, LockOutcome::kError);
  ask(paxos::Operation::kSet, 0, "precious");
  const LockResult foreign = Lock(client_, "l").acquire();
  EXPECT_EQ(foreign.outcome, LockOutcome::kForeign);
  EXPECT_NE(foreign.message, "");
  ask(paxos::Operation::kSeal, 1, "");
  EXPECT_EQ(Lock(client_, "l").acquire().outcome, LockOutcome::kSealed);
  EXPECT_EQ(ask(paxos::Operation::kRead, 0, "").value, "precious");
}

}  // namespace lock_test
}  // namespace once::client
