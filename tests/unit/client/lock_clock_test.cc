// By which clock a lock counts: the machine "sleeps" here, since the system's clocks are ours.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "client/lock.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/test_register.h"

namespace {

std::atomic<int64_t> asleep_ns{0};    // how long this machine has been suspended
std::atomic<int64_t> wall_set_ns{0};  // by how much somebody has set the clock on the wall

}  // namespace

// Stands before the one of the C library, for the client and for what the client is linked with.
extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  if (syscall(SYS_clock_gettime, clock, out) != 0) return -1;
  int64_t more_ns = 0;
  if (clock == CLOCK_BOOTTIME) more_ns = asleep_ns;
  if (clock == CLOCK_REALTIME) more_ns = asleep_ns + wall_set_ns;
  const int64_t ns = int64_t{out->tv_sec} * 1'000'000'000 + out->tv_nsec + more_ns;
  out->tv_sec = ns / 1'000'000'000;
  out->tv_nsec = ns % 1'000'000'000;
  return 0;
}

namespace once::client {
namespace {

using std::chrono::seconds;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTtlMs = 60'000;  // nothing of it runs out by itself in a test
constexpr seconds kSoon{10};        // the lock looks at its clock every second

class LockClockTest : public testing::Test {
 protected:
  LockClockTest() {
    asleep_ns = 0;
    wall_set_ns = 0;
  }
  FakeServer::Act answer(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    std::lock_guard lock(mutex_);
    static_cast<paxos::ClientReply&>(reply) = register_.answer(request);
    reply.told = std::string(reply.state.value);
    reply.state.value = {};
    return FakeServer::Act::kReply;
  }
  void held_by_somebody(int64_t ttl_ms) {
    std::lock_guard lock(mutex_);
    register_.ask(paxos::Operation::kCas, 0,
                  "once-lock 1 held ttl_ms=" + std::to_string(ttl_ms) + " token=1 owner=somebody\n",
                  request_id(1, 1));
  }
  uint64_t version() {
    std::lock_guard lock(mutex_);
    return register_.state().version;
  }

  std::mutex mutex_;
  TestRegister register_;
  FakeServer server_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    return answer(request, reply);
  }};
  Client client_{options_for(server_.address())};
};

TEST_F(LockClockTest, ALeaseRunsOutWhileTheMachineSleeps) {
  Lock lock(client_, "l", {.ttl_ms = kTtlMs});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  ASSERT_TRUE(lock.holds());
  asleep_ns = (kTtlMs / 1000 + 1) * kSecond;
  EXPECT_FALSE(lock.holds());
  EXPECT_EQ(lock.remaining_ms(), 0);
  asleep_ns = 0;
  EXPECT_FALSE(lock.holds()) << "never again, whatever a clock says later";
}

TEST_F(LockClockTest, TheSleeperIsToldSoonAfterItWakes) {
  std::promise<LockResult> told;
  Lock lock(client_, "l",
            {.ttl_ms = kTtlMs, .on_lost = [&](const LockResult& lost) { told.set_value(lost); }});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  asleep_ns = (kTtlMs / 1000 + 1) * kSecond;
  auto lost = told.get_future();
  ASSERT_EQ(lost.wait_for(kSoon), std::future_status::ready);
  EXPECT_EQ(lost.get().outcome, LockOutcome::kLost);
  EXPECT_EQ(version(), 1u) << "a lease that is over is not renewed";
}

TEST_F(LockClockTest, AShortSleepIsFollowedByARenewal) {
  Lock lock(client_, "l", {.ttl_ms = kTtlMs});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  asleep_ns = kTtlMs / 1000 * kSecond / 2;
  EXPECT_TRUE(lock.holds());
  EXPECT_LE(lock.remaining_ms(), kTtlMs / 2);
  const auto end = std::chrono::steady_clock::now() + kSoon;
  while (version() == 1 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(version(), 2u) << "a third of the TTL was over when it woke up";
  EXPECT_TRUE(lock.holds());
}

// The holder slept as well, or is dead: its TTL is over by every clock but one that stood still.
TEST_F(LockClockTest, AContenderThatSleptDoesNotWatchAnew) {
  held_by_somebody(3'600'000);
  Lock lock(client_, "l", {.ttl_ms = kTtlMs});
  auto waiting = std::async(std::launch::async, [&] { return lock.acquire(86'400'000); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  asleep_ns = 2 * 3600 * kSecond;
  if (waiting.wait_for(kSoon) != std::future_status::ready) {
    lock.cancel();
    FAIL() << "it waits on: " << waiting.get().message;
  }
  EXPECT_EQ(waiting.get().outcome, LockOutcome::kHeld);
}

TEST_F(LockClockTest, AWaitEndsByTheSameClock) {
  held_by_somebody(3'600'000);
  Lock lock(client_, "l", {.ttl_ms = kTtlMs});
  auto waiting = std::async(std::launch::async, [&] { return lock.acquire(600'000); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  asleep_ns = 601 * kSecond;
  if (waiting.wait_for(kSoon) != std::future_status::ready) {
    lock.cancel();
    FAIL() << "it waits on: " << waiting.get().message;
  }
  EXPECT_EQ(waiting.get().outcome, LockOutcome::kBusy);
}

TEST_F(LockClockTest, TheClockOnTheWallMayBeSet) {
  Lock lock(client_, "l", {.ttl_ms = kTtlMs});
  ASSERT_EQ(lock.acquire().outcome, LockOutcome::kHeld);
  for (const int64_t hours : {24, -24}) {
    wall_set_ns = hours * 3600 * kSecond;
    EXPECT_TRUE(lock.holds());
    EXPECT_LE(lock.remaining_ms(), kTtlMs);
    EXPECT_GT(lock.remaining_ms(), kTtlMs / 2);
  }
}

}  // namespace
}  // namespace once::client
