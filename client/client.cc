#include "client/client.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/limits.h"
#include "client/connection_pool.h"
#include "client/session.h"
#include "client/socket.h"
#include "client/status.h"

namespace once::client {
namespace {

constexpr int64_t kMaxTimeoutMs = 24 * 3600 * 1000;

Result failed(Outcome outcome, RequestId id, std::string message) {
  Result result;
  result.outcome = outcome;
  result.request_id = id;
  result.message = std::move(message);
  return result;
}

using Op = paxos::Operation;

Call call_of(Op operation, std::string_view name, uint64_t version, std::string_view value) {
  Call call;
  call.operation = operation;
  call.version = version;
  call.name.assign(name);
  call.value.assign(value);
  return call;
}

bool draw_random(void* out, size_t size) {
  return getrandom(out, size, 0) == static_cast<ssize_t>(size);
}

// Hands one result from the client's thread to a caller that blocks for it.
class Waiter {
 public:
  void put(Result&& result) {
    std::lock_guard lock(mutex_);
    result_ = std::move(result);
    there_.notify_one();
  }
  Result take() {
    std::unique_lock lock(mutex_);
    there_.wait(lock, [&] { return result_.has_value(); });
    return std::move(*result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable there_;
  std::optional<Result> result_;
};

}  // namespace

std::string check_name(std::string_view name) {
  if (name.empty()) return "the name is empty; it needs 1 to 1024 bytes";
  if (name.size() > kMaxNameBytes) {
    return "the name has " + std::to_string(name.size()) + " bytes; at most 1024 are allowed";
  }
  if (name.front() == '_') return "names that begin with _ are reserved for the system";
  return {};
}

std::string check_value(size_t value_bytes) {
  if (value_bytes <= kMaxValueBytes) return {};
  return "the value has more than " + std::to_string(kMaxValueBytes) + " bytes";
}

class Client::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    options_.timeout_ms = std::clamp<int64_t>(options_.timeout_ms, 1, kMaxTimeoutMs);
    options_.max_pending = std::min(options_.max_pending, kMaxOperationsPerCore);
    if (options_.endpoints.empty()) broken_ = "no endpoints were given";
    uint64_t seed = 0;
    if (!draw_random(&id_base_, sizeof id_base_) || !draw_random(&seed, sizeof seed)) {
      broken_ = "the system gives no random bytes";
    }
    auto pool = ConnectionPool::make();
    if (!pool) broken_ = pool.error().message;
    if (!broken_.empty()) return;
    pool_ = std::move(*pool);
    session_ = std::make_unique<Session>(
        SessionOptions{options_.endpoints, options_.max_pending, seed}, pool_.get());
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    pool_->wake();
    thread_.join();
  }

  // Returns the operation's number; 0 when it has ended already.
  uint64_t submit(Call&& call, const CallOptions& options, Callback&& done) {
    call.id = options.id ? *options.id : new_request_id();
    if (!broken_.empty()) {
      done(failed(Outcome::kError, call.id, broken_));
      return 0;
    }
    std::string wrong = wrong_with(call, options);
    if (!wrong.empty()) {
      done(failed(Outcome::kInvalid, call.id, std::move(wrong)));
      return 0;
    }
    if (pending_.fetch_add(1, std::memory_order_relaxed) >= options_.max_pending) {
      pending_.fetch_sub(1, std::memory_order_relaxed);
      done(failed(Outcome::kUnavailable, call.id,
                  "overloaded: too many operations are pending in this client"));
      return 0;
    }
    const int64_t timeout_ms = options.timeout_ms == 0 ? options_.timeout_ms : options.timeout_ms;
    call.deadline_ns = now_ns() + timeout_ms * 1'000'000;
    call.done = [this, done = std::move(done)](Result&& result) {
      pending_.fetch_sub(1, std::memory_order_relaxed);
      done(std::move(result));
    };
    const uint64_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
    call.number = number;
    bool first;
    {
      std::lock_guard lock(mutex_);
      first = submitted_.empty();
      submitted_.push_back(std::move(call));
    }
    if (first) pool_->wake();
    return number;
  }

  Result call(Call&& call, const CallOptions& options) {
    if (std::this_thread::get_id() == thread_.get_id()) {
      return failed(Outcome::kError, options.id.value_or(RequestId{}),
                    "a blocking call from a callback would wait for itself: use the _async form");
    }
    // Shared with the callback, which may still be inside put() when take() returns.
    auto waiter = std::make_shared<Waiter>();
    submit(std::move(call), options, [waiter](Result&& result) { waiter->put(std::move(result)); });
    return waiter->take();
  }

  void cancel(uint64_t number) {
    if (number == 0 || !broken_.empty()) return;
    {
      std::lock_guard lock(mutex_);
      cancelled_.push_back(number);
    }
    pool_->wake();
  }

  RequestId new_request_id() {
    // A draw of 128 bits moved by a counter: two clients meet with negligible probability.
    return request_id(id_base_[0],
                      id_base_[1] + id_counter_.fetch_add(1, std::memory_order_relaxed));
  }

  const Options& options() const { return options_; }

 private:
  std::string wrong_with(const Call& call, const CallOptions& options) const {
    std::string wrong = check_name(call.name);
    if (wrong.empty()) wrong = check_value(call.value.size());
    if (wrong.empty() && (options.timeout_ms < 0 || options.timeout_ms > kMaxTimeoutMs)) {
      wrong = "the timeout is " + std::to_string(options.timeout_ms) +
              " ms; it must be from 0 to " + std::to_string(kMaxTimeoutMs);
    }
    return wrong;
  }

  void run() {
    std::vector<Call> calls;
    std::vector<uint64_t> cancelled;
    while (true) {
      bool stopping;
      {
        std::lock_guard lock(mutex_);
        calls.swap(submitted_);
        cancelled.swap(cancelled_);
        stopping = stopping_;
      }
      const int64_t now = now_ns();
      for (Call& call : calls) session_->submit(std::move(call), now);
      calls.clear();
      if (!cancelled.empty()) session_->cancel(cancelled, "cancelled");
      cancelled.clear();
      if (stopping) return session_->cancel_all("the client was closed");
      pool_->poll(*session_, session_->next_wake_ns());
      session_->on_tick(now_ns());
    }
  }

  Options options_;
  std::string broken_;  // why nothing works; set in the constructor only
  uint64_t id_base_[2] = {0, 0};
  std::atomic<uint64_t> id_counter_{0};
  std::atomic<size_t> pending_{0};
  std::atomic<uint64_t> next_number_{1};
  std::unique_ptr<ConnectionPool> pool_;
  std::unique_ptr<Session> session_;
  std::mutex mutex_;
  std::vector<Call> submitted_;      // by mutex_
  std::vector<uint64_t> cancelled_;  // by mutex_
  bool stopping_ = false;            // by mutex_
  std::thread thread_;
};

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result Client::write(std::string_view name, std::string_view value, const CallOptions& options) {
  return impl_->call(call_of(Op::kWrite, name, 0, value), options);
}

Result Client::read(std::string_view name, const CallOptions& options) {
  return impl_->call(call_of(Op::kRead, name, 0, {}), options);
}

Result Client::set(std::string_view name, std::string_view value, const CallOptions& options) {
  return impl_->call(call_of(Op::kSet, name, 0, value), options);
}

Result Client::cas(std::string_view name, uint64_t expected_version, std::string_view value,
                   const CallOptions& options) {
  return impl_->call(call_of(Op::kCas, name, expected_version, value), options);
}

Result Client::seal(std::string_view name, uint64_t expected_version, const CallOptions& options) {
  return impl_->call(call_of(Op::kSeal, name, expected_version, {}), options);
}

Result Client::next(std::string_view name, const CallOptions& options) {
  return impl_->call(call_of(Op::kNext, name, 0, {}), options);
}

Result Client::check(std::string_view name, uint64_t token, const CallOptions& options) {
  return impl_->call(call_of(Op::kCheck, name, token, {}), options);
}

Result Client::wait(std::string_view name, uint64_t after_version, const CallOptions& options) {
  return impl_->call(call_of(Op::kWait, name, after_version, {}), options);
}

Operation Client::write_async(std::string_view name, std::string_view value,
                              const CallOptions& options, Callback callback) {
  return Operation(
      impl_->submit(call_of(Op::kWrite, name, 0, value), options, std::move(callback)));
}

Operation Client::read_async(std::string_view name, const CallOptions& options, Callback callback) {
  return Operation(impl_->submit(call_of(Op::kRead, name, 0, {}), options, std::move(callback)));
}

Operation Client::set_async(std::string_view name, std::string_view value,
                            const CallOptions& options, Callback callback) {
  return Operation(impl_->submit(call_of(Op::kSet, name, 0, value), options, std::move(callback)));
}

Operation Client::cas_async(std::string_view name, uint64_t expected_version,
                            std::string_view value, const CallOptions& options, Callback callback) {
  return Operation(impl_->submit(call_of(Op::kCas, name, expected_version, value), options,
                                 std::move(callback)));
}

Operation Client::seal_async(std::string_view name, uint64_t expected_version,
                             const CallOptions& options, Callback callback) {
  return Operation(
      impl_->submit(call_of(Op::kSeal, name, expected_version, {}), options, std::move(callback)));
}

Operation Client::next_async(std::string_view name, const CallOptions& options, Callback callback) {
  return Operation(impl_->submit(call_of(Op::kNext, name, 0, {}), options, std::move(callback)));
}

Operation Client::check_async(std::string_view name, uint64_t token, const CallOptions& options,
                              Callback callback) {
  return Operation(
      impl_->submit(call_of(Op::kCheck, name, token, {}), options, std::move(callback)));
}

Operation Client::wait_async(std::string_view name, uint64_t after_version,
                             const CallOptions& options, Callback callback) {
  return Operation(
      impl_->submit(call_of(Op::kWait, name, after_version, {}), options, std::move(callback)));
}

void Client::cancel(Operation operation) { impl_->cancel(operation.number_); }

NodeStatus Client::status(const std::string& endpoint) const {
  return ask_status(endpoint, impl_->options().timeout_ms);
}

RequestId Client::new_request_id() { return impl_->new_request_id(); }

}  // namespace once::client
