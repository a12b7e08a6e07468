// The thread of a lock: does what the machine says, hands it the answers, tells those who wait.
#include "client/lock.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/assert.h"
#include "base/monotonic.h"
#include "client/fork_mark.h"
#include "client/lock_machine.h"
#include "client/lock_value.h"

namespace once::client {
namespace {

constexpr int64_t kMaxWaitMs = 86'400'000;
// Condition variables sleep by a clock that stops while the machine is suspended; after that the
// thread must not sleep on for long.
constexpr int64_t kMaxSleepNs = 1000 * kMs;
constexpr const char* kForkedLock =
    "this lock was made before fork(), and is its parent's: make another one in the child";

// CLOCK_MONOTONIC would stand still while the machine is suspended, and a holder that was would
// believe in a lease that the others saw run out long ago.
int64_t clock_ns() {
  timespec now{};
  ONCE_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[kMaxLockSinceBytes + 1] = "";
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
  return text;
}

std::string default_owner() {
  char host[128] = "unknown-host";
  if (gethostname(host, sizeof host) != 0) host[0] = '?';
  host[sizeof host - 1] = 0;
  return std::string(host) + ":" + std::to_string(getpid());
}

std::string wrong_with(const std::string& name, const LockOptions& options) {
  std::string wrong = check_name(name);
  if (wrong.empty()) wrong = check_lock_owner(options.owner);
  if (wrong.empty() && (options.ttl_ms < kMinLockTtlMs || options.ttl_ms > kMaxLockTtlMs)) {
    wrong = "the TTL of a lock is " + std::to_string(options.ttl_ms) + " ms; it must be from " +
            std::to_string(kMinLockTtlMs) + " to " + std::to_string(kMaxLockTtlMs);
  }
  if (wrong.empty() && (options.timeout_ms < 1 || options.timeout_ms > kMaxWaitMs)) {
    wrong = "the timeout of a lock is " + std::to_string(options.timeout_ms) +
            " ms; it must be from 1 to " + std::to_string(kMaxWaitMs);
  }
  return wrong;
}

LockResult failed(LockOutcome outcome, std::string message) {
  return {outcome, 0, {}, std::move(message)};
}

// Where the lock's thread, the client's thread and the callers meet. A callback of the client may
// still be inside when the lock is gone.
struct Meeting {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result> answer;
};

}  // namespace

class Lock::Impl {
 public:
  Impl(Client& client, std::string name, LockOptions options)
      : client_(client), name_(std::move(name)), options_(std::move(options)) {
    if (options_.owner.empty()) options_.owner = default_owner();
    wrong_ = wrong_with(name_, options_);
    machine_.emplace(
        LockMachine::Terms{options_.ttl_ms, options_.timeout_ms * kMs, options_.owner, time_of_day},
        [this] { return client_.new_request_id(); });
  }

  // In a child the thread is not there, and the mutex may be locked for ever.
  bool forked() const { return mark_.in_child(); }

  LockResult acquire(int64_t wait_ms) {
    if (forked()) return failed(LockOutcome::kError, kForkedLock);
    if (!wrong_.empty()) return failed(LockOutcome::kInvalid, wrong_);
    if (wait_ms < 0 || wait_ms > kMaxWaitMs) {
      return failed(LockOutcome::kInvalid, "the wait for a lock is " + std::to_string(wait_ms) +
                                               " ms; it must be from 0 to " +
                                               std::to_string(kMaxWaitMs));
    }
    std::unique_lock lock(meeting_->mutex);
    if (!machine_->idle()) {
      return failed(LockOutcome::kError, "this lock is held already; use a Lock for each holder");
    }
    join(lock);
    if (cancelled_) return failed(LockOutcome::kCancelled, "cancelled");
    try {
      thread_ = std::thread([this] { run(); });  // it waits for the mutex
    } catch (const std::system_error& failure) {
      return failed(LockOutcome::kError, std::string("cannot start a thread: ") + failure.what());
    }
    machine_->begin(wait_ms * kMs, clock_ns());
    told_ = {};
    acquiring_ = true;
    meeting_->changed.wait(lock, [this] { return !acquiring_; });
    return acquired_;
  }

  void cancel() {
    if (forked()) return;
    std::lock_guard lock(meeting_->mutex);
    cancelled_ = true;
    if (acquiring_) machine_->stop(clock_ns());
    meeting_->changed.notify_all();
  }

  void hurry(int64_t patience_ms) {
    if (forked()) return;
    std::lock_guard lock(meeting_->mutex);
    machine_->hurry(clock_ns() + patience_ms * kMs);
    meeting_->changed.notify_all();
  }

  bool holds() { return remaining_ns() > 0; }

  int64_t remaining_ns() {
    if (forked()) return 0;
    std::lock_guard lock(meeting_->mutex);
    const int64_t now = clock_ns();
    machine_->expire(now);
    if (machine_->idle()) meeting_->changed.notify_all();  // it may be our thread's to tell
    return machine_->holds(now) ? machine_->leased_until_ns() - now : 0;
  }

  uint64_t token() const { return token_; }

  LockResult release() {
    if (forked()) return failed(LockOutcome::kError, kForkedLock);
    std::unique_lock lock(meeting_->mutex);
    if (!thread_.joinable()) return failed(LockOutcome::kReleased, {});
    machine_->stop(clock_ns());
    meeting_->changed.notify_all();
    join(lock);
    const LockOutcome outcome = machine_->result().outcome;
    const bool had_it = outcome == LockOutcome::kLost || outcome == LockOutcome::kUnknown;
    return had_it && was_held_ ? machine_->result() : failed(LockOutcome::kReleased, {});
  }

 private:
  // The thread has ended, or ends by itself.
  void join(std::unique_lock<std::mutex>& lock) {
    if (!thread_.joinable()) return;
    lock.unlock();
    thread_.join();
    lock.lock();
  }

  void run() {
    std::unique_lock lock(meeting_->mutex);
    bool told_to_stop = false;
    while (true) {
      const LockStep step = machine_->next(clock_ns());
      tell_acquirer();
      told_to_stop = machine_->stopping();
      if (step.kind == LockStep::Kind::kEnd) break;
      if (step.kind == LockStep::Kind::kPause) {
        rest(lock, step.until_ns);
      } else {
        ask(lock, step);
      }
    }
    const bool lost =
        machine_->result().outcome == LockOutcome::kLost && was_held_ && !told_to_stop;
    const LockResult result = machine_->result();
    lock.unlock();
    if (lost && options_.on_lost) options_.on_lost(result);
  }

  void tell_acquirer() {
    if (!acquiring_) return;
    was_held_ = machine_->holds(clock_ns());
    if (was_held_) {
      token_ = machine_->token();
      acquired_ = {LockOutcome::kHeld, token_, {}, {}};
    } else if (machine_->idle()) {
      acquired_ = machine_->result();
      // Over before anybody was told that it had begun.
      if (acquired_.outcome == LockOutcome::kLost) acquired_.outcome = LockOutcome::kUnavailable;
    } else {
      return;
    }
    acquiring_ = false;
    meeting_->changed.notify_all();
  }

  void rest(std::unique_lock<std::mutex>& lock, int64_t until_ns) {
    const int64_t ns = std::clamp<int64_t>(until_ns - clock_ns(), 0, kMaxSleepNs);
    meeting_->changed.wait_for(lock, std::chrono::nanoseconds(ns));
  }

  // Asks, waits for the answer, and hands it to the machine. An answer that nobody needs any more
  // is not waited for longer than it takes to cancel the question. Nor is one whose time is over:
  // the client counts by a clock that stands still while the machine is suspended.
  void ask(std::unique_lock<std::mutex>& lock, const LockStep& step) {
    meeting_->answer.reset();
    const LockHolder& holder = machine_->holder();
    const bool new_holder =
        step.kind == LockStep::Kind::kWait && !holder.owner.empty() && !(holder == told_);
    if (new_holder) told_ = machine_->holder();
    lock.unlock();
    if (new_holder && options_.on_wait) options_.on_wait(told_);  // this thread's alone
    const OperationId operation = start(step);
    lock.lock();
    bool cancelled = false;
    while (!meeting_->answer) {
      const int64_t now = clock_ns();
      machine_->expire(now);
      const bool slept_through = now >= step.until_ns + kMaxSleepNs;
      const bool useless = machine_->idle() || now >= machine_->break_off_ns();
      if ((useless || slept_through) && !cancelled) {
        cancelled = true;
        lock.unlock();
        client_.cancel(operation);
        lock.lock();
        continue;
      }
      const int64_t leased_until = machine_->leased_until_ns();
      const int64_t until = leased_until != 0 ? leased_until : now + kMaxSleepNs;
      rest(lock, cancelled ? until : std::min(until, machine_->break_off_ns()));
    }
    machine_->on_answer(*meeting_->answer, clock_ns());
  }

  OperationId start(const LockStep& step) {
    CallOptions options;
    options.timeout_ms = std::clamp<int64_t>((step.until_ns - clock_ns()) / kMs, 1, kMaxWaitMs);
    auto done = [meeting = meeting_](Result&& result) {
      std::lock_guard lock(meeting->mutex);
      meeting->answer = std::move(result);
      meeting->changed.notify_all();
    };
    if (step.kind == LockStep::Kind::kRead) return client_.read_async(name_, options, done);
    if (step.kind == LockStep::Kind::kWait) {
      return client_.wait_async(name_, step.version, options, done);
    }
    options.id = step.id;
    return client_.cas_async(name_, step.version, step.value, options, done);
  }

  const ForkMark mark_;
  Client& client_;
  const std::string name_;
  LockOptions options_;
  std::string wrong_;  // why nothing works

  std::shared_ptr<Meeting> meeting_ = std::make_shared<Meeting>();
  // What follows is by meeting_->mutex.
  std::optional<LockMachine> machine_;
  bool cancelled_ = false;
  bool acquiring_ = false;
  bool was_held_ = false;  // the last acquisition succeeded
  LockResult acquired_;
  LockHolder told_;                 // the last one that on_wait was told
  std::atomic<uint64_t> token_{0};  // read without the mutex, so that a child can show it
  std::thread thread_;
};

Lock::Lock(Client& client, std::string name, LockOptions options)
    : impl_(std::make_unique<Impl>(client, std::move(name), std::move(options))) {}
Lock::~Lock() {
  if (impl_->forked()) {
    leave_behind(std::move(impl_));
  } else {
    impl_->release();
  }
}

LockResult Lock::acquire(int64_t wait_ms) { return impl_->acquire(wait_ms); }
void Lock::cancel() { impl_->cancel(); }
void Lock::hurry(int64_t patience_ms) { impl_->hurry(patience_ms); }
bool Lock::holds() const { return impl_->holds(); }
int64_t Lock::remaining_ms() const { return impl_->remaining_ns() / kMs; }
uint64_t Lock::token() const { return impl_->token(); }
LockResult Lock::release() { return impl_->release(); }

std::string_view lock_outcome_name(LockOutcome outcome) {
  switch (outcome) {
    case LockOutcome::kHeld:
      return "held";
    case LockOutcome::kReleased:
      return "released";
    case LockOutcome::kBusy:
      return "busy";
    case LockOutcome::kLost:
      return "lost";
    case LockOutcome::kSealed:
      return "sealed";
    case LockOutcome::kForeign:
      return "foreign";
    case LockOutcome::kUnknown:
      return "unknown";
    case LockOutcome::kUnavailable:
      return "unavailable";
    case LockOutcome::kInvalid:
      return "invalid";
    case LockOutcome::kError:
      return "error";
    case LockOutcome::kCancelled:
      return "cancelled";
    case LockOutcome::kRetired:
      return "retired";
    case LockOutcome::kDenied:
      return "denied";
  }
  return "error";
}

}  // namespace once::client
