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

Result failed(Outcome outcome, RequestId id, std::string message) {
  Result result;
  result.outcome = outcome;
  result.request_id = id;
  result.message = std::move(message);
  return result;
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

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kEmpty:
      return "empty";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kUnavailable:
      return "unavailable";
    case Outcome::kInvalid:
      return "invalid";
    case Outcome::kError:
      return "error";
  }
  return "error";
}

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
    options_.timeout_ms = std::clamp<int64_t>(options_.timeout_ms, 1, 24 * 3600 * 1000);
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

  void submit(paxos::Operation operation, std::string_view name, std::string_view value,
              RequestId id, Callback&& done) {
    if (!broken_.empty()) return done(failed(Outcome::kError, id, broken_));
    std::string wrong = check_name(name);
    if (wrong.empty()) wrong = check_value(value.size());
    if (!wrong.empty()) return done(failed(Outcome::kInvalid, id, std::move(wrong)));
    if (pending_.fetch_add(1, std::memory_order_relaxed) >= options_.max_pending) {
      pending_.fetch_sub(1, std::memory_order_relaxed);
      return done(failed(Outcome::kUnavailable, id,
                         "overloaded: too many operations are pending in this client"));
    }
    Call call;
    call.operation = operation;
    call.id = id;
    call.name.assign(name);
    call.value.assign(value);
    call.deadline_ns = now_ns() + options_.timeout_ms * 1'000'000;
    call.done = [this, done = std::move(done)](Result&& result) {
      pending_.fetch_sub(1, std::memory_order_relaxed);
      done(std::move(result));
    };
    bool first;
    {
      std::lock_guard lock(mutex_);
      first = submitted_.empty();
      submitted_.push_back(std::move(call));
    }
    if (first) pool_->wake();
  }

  RequestId new_request_id() {
    // A draw of 128 bits moved by a counter: two clients meet with negligible probability.
    return request_id(id_base_[0],
                      id_base_[1] + id_counter_.fetch_add(1, std::memory_order_relaxed));
  }

  const Options& options() const { return options_; }

 private:
  void run() {
    std::vector<Call> calls;
    while (true) {
      bool stopping;
      {
        std::lock_guard lock(mutex_);
        calls.swap(submitted_);
        stopping = stopping_;
      }
      const int64_t now = now_ns();
      for (Call& call : calls) session_->submit(std::move(call), now);
      calls.clear();
      if (stopping) return session_->finish_all("the client was closed");
      pool_->poll(*session_, session_->next_wake_ns());
      session_->on_tick(now_ns());
    }
  }

  Options options_;
  std::string broken_;  // why nothing works; set in the constructor only
  uint64_t id_base_[2] = {0, 0};
  std::atomic<uint64_t> id_counter_{0};
  std::atomic<size_t> pending_{0};
  std::unique_ptr<ConnectionPool> pool_;
  std::unique_ptr<Session> session_;
  std::mutex mutex_;
  std::vector<Call> submitted_;  // by mutex_
  bool stopping_ = false;        // by mutex_
  std::thread thread_;
};

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result Client::write(std::string_view name, std::string_view value, std::optional<RequestId> id) {
  // Shared with the callback, which may still be inside put() when take() returns.
  auto waiter = std::make_shared<Waiter>();
  write_async(name, value, id, [waiter](Result&& result) { waiter->put(std::move(result)); });
  return waiter->take();
}

Result Client::read(std::string_view name) {
  auto waiter = std::make_shared<Waiter>();
  read_async(name, [waiter](Result&& result) { waiter->put(std::move(result)); });
  return waiter->take();
}

void Client::write_async(std::string_view name, std::string_view value, std::optional<RequestId> id,
                         Callback callback) {
  impl_->submit(paxos::Operation::kWrite, name, value, id ? *id : new_request_id(),
                std::move(callback));
}

void Client::read_async(std::string_view name, Callback callback) {
  impl_->submit(paxos::Operation::kRead, name, {}, new_request_id(), std::move(callback));
}

NodeStatus Client::status(const std::string& endpoint) const {
  return ask_status(endpoint, impl_->options().timeout_ms);
}

RequestId Client::new_request_id() { return impl_->new_request_id(); }

}  // namespace once::client
