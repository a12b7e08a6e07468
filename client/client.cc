#include "client/client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>

#include "base/draw_ids.h"
#include "base/endpoints.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/name_resolver.h"
#include "base/printable.h"
#include "base/system_name.h"
#include "client/connection_pool.h"
#include "client/fork_mark.h"
#include "client/listing.h"
#include "client/session.h"
#include "client/socket.h"
#include "client/status.h"

namespace once::client {
namespace {

constexpr int64_t kMaxTimeoutMs = 24 * 3600 * 1000;
constexpr size_t kIdsPerDraw = 64;  // the cost of a call is shared by so many
constexpr const char* kClosed = "the client was closed";
constexpr const char* kForkedClient =
    "this client was made before fork(), and does not work in the child: make another one there";

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

bool lacks_id(const Call& call) { return changes(call.operation) && call.id == RequestId{}; }

// Hands one result from the client's thread to a caller that blocks for it.
class BlockedCaller {
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
  if (is_system_name(name)) return std::string(kSystemNameRefused);
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
    auto endpoints = read_endpoints(options_.endpoints);
    if (endpoints) {
      options_.endpoints = std::move(*endpoints);
    } else {
      broken_ = printable(endpoints.error().message);
    }
    if (options_.cluster_id) cluster_ = cluster_id_of_hex(*options_.cluster_id);
    if (options_.cluster_id && !cluster_) {
      broken_ = "the cluster id \"" + *options_.cluster_id + "\" is not " + kClusterIdForm;
    }
    uint64_t seed = 0;
    if (!kernel_random(&seed, sizeof seed)) broken_ = kNoRandomBits;
    auto pool = ConnectionPool::make(names_);
    if (!pool) broken_ = pool.error().message;
    if (!broken_.empty()) return;
    pool_ = std::move(*pool);
    session_ = std::make_unique<Session>(
        SessionOptions{options_.endpoints, options_.max_pending, seed, cluster_}, pool_.get());
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& failure) {
      broken_ = std::string("cannot start a thread: ") + failure.what();
    }
  }

  // Ends what is pending, whose callbacks may start more: that is why it is no destructor.
  void close() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    pool_->wake();
    thread_.join();
  }

  // Nothing of this object may be touched in a child: a lock may be held by a thread that is not
  // there, and what goes out of the sockets comes from the parent.
  bool forked() const { return mark_.in_child(); }
  const std::string& broken() const { return broken_; }  // why it cannot work; else empty

  // Returns the operation's number; 0 when it has ended already.
  uint64_t submit(Call&& call, const CallOptions& options, Callback&& done) {
    call.id = options.id.value_or(RequestId{});
    if (forked()) {
      done(failed(Outcome::kError, call.id, kForkedClient));
      return 0;
    }
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
      if (lacks_id(call)) call.id = draw_request_id();  // to try again with
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
    if (enqueue(call)) return number;
    if (lacks_id(call)) call.id = draw_request_id();
    call.done(failed(Outcome::kCancelled, call.id, kClosed));
    return 0;
  }

  Result call(Call&& call, const CallOptions& options) {
    if (!forked() && std::this_thread::get_id() == thread_.get_id()) {
      return failed(Outcome::kError, options.id.value_or(RequestId{}),
                    "a blocking call from a callback would wait for itself: use the _async form");
    }
    // Shared with the callback, which may still be inside put() when take() returns.
    auto caller = std::make_shared<BlockedCaller>();
    submit(std::move(call), options, [caller](Result&& result) { caller->put(std::move(result)); });
    return caller->take();
  }

  void cancel(uint64_t number) {
    if (number == 0 || forked() || !broken_.empty()) return;
    {
      std::lock_guard lock(mutex_);
      cancelled_.push_back(number);
    }
    pool_->wake();
  }

  std::string trouble() {
    if (forked() || !broken_.empty()) return {};
    std::lock_guard lock(mutex_);
    return trouble_.empty() ? trouble_of_list_ : trouble_;
  }
  std::string without_majority() {
    if (forked() || !broken_.empty()) return {};
    std::lock_guard lock(mutex_);
    return without_majority_;
  }
  // Of several lists at once the last news count: they ask the same endpoints.
  void set_trouble_of_list(const std::string& trouble) {
    std::lock_guard lock(mutex_);
    trouble_of_list_ = trouble;
  }

  const Options& options() const { return options_; }
  int64_t timeout_or_default(int64_t ms) const {
    return ms > 0 ? std::min(ms, kMaxTimeoutMs) : options_.timeout_ms;
  }
  const std::optional<ClusterId>& cluster() const { return cluster_; }
  const std::shared_ptr<NameResolver>& names() const { return names_; }

 private:
  // False, and it is left as it is: nobody takes calls out any more.
  bool enqueue(Call& call) {
    bool first;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return false;
      first = submitted_.empty();
      submitted_.push_back(std::move(call));
    }
    if (first) pool_->wake();
    return true;
  }

  std::string wrong_with(const Call& call, const CallOptions& options) const {
    std::string wrong = check_name(call.name);
    if (wrong.empty()) wrong = check_value(call.value.size());
    if (wrong.empty() && (options.timeout_ms < 0 || options.timeout_ms > kMaxTimeoutMs)) {
      wrong = "the timeout is " + std::to_string(options.timeout_ms) +
              " ms; it must be from 0 to " + std::to_string(kMaxTimeoutMs);
    }
    if (wrong.empty() && options.id && lacks_id(call)) {
      wrong = "the request id is 0, which names no request: draw one for each change";
    }
    return wrong;
  }

  // As late as can be: they go out in this round, and none is kept.
  void submit_batch(std::span<Call> calls) {
    std::array<RequestId, kIdsPerDraw> ids;
    const size_t wanted = static_cast<size_t>(std::count_if(calls.begin(), calls.end(), lacks_id));
    const bool drawn = wanted == 0 || draw_request_ids({ids.data(), wanted});
    size_t used = 0;
    const int64_t now = now_ns();
    for (Call& call : calls) {
      const bool fresh = lacks_id(call);
      if (fresh && !drawn) {
        call.done(failed(Outcome::kError, {}, kNoRandomBits));
        continue;
      }
      if (fresh) call.id = ids[used++];
      session_->submit(std::move(call), now);
    }
  }

  // Rarely: while connections come and go, and where no majority is.
  void publish_trouble() {
    if (session_->news() == published_) return;
    published_ = session_->news();
    std::string trouble = session_->trouble();
    std::lock_guard lock(mutex_);
    trouble_ = std::move(trouble);
    without_majority_ = session_->without_majority();
  }

  void run() {
    std::vector<Call> calls;
    std::vector<uint64_t> cancelled;
    while (!forked()) {
      bool stopping;
      {
        std::lock_guard lock(mutex_);
        calls.swap(submitted_);
        cancelled.swap(cancelled_);
        stopping = stopping_;
      }
      for (size_t at = 0; at < calls.size(); at += kIdsPerDraw) {
        submit_batch({&calls[at], std::min(kIdsPerDraw, calls.size() - at)});
      }
      calls.clear();
      if (!cancelled.empty()) session_->cancel(cancelled, "cancelled");
      cancelled.clear();
      if (stopping) return session_->cancel_all(kClosed);
      pool_->poll(*session_, session_->next_wake_ns());
      session_->on_tick(now_ns());
      publish_trouble();
    }
  }

  const ForkMark mark_;
  Options options_;
  std::optional<ClusterId> cluster_;
  std::string broken_;  // why nothing works; set in the constructor only
  std::atomic<size_t> pending_{0};
  std::atomic<uint64_t> next_number_{1};
  const std::shared_ptr<NameResolver> names_ = std::make_shared<NameResolver>();
  std::unique_ptr<ConnectionPool> pool_;
  std::unique_ptr<Session> session_;
  std::mutex mutex_;
  std::vector<Call> submitted_;      // by mutex_
  std::vector<uint64_t> cancelled_;  // by mutex_
  bool stopping_ = false;            // by mutex_
  std::string trouble_;              // by mutex_
  std::string trouble_of_list_;      // by mutex_
  std::string without_majority_;     // by mutex_
  uint64_t published_ = 0;           // news of the session that these are made of
  std::thread thread_;
};

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() {
  if (impl_->forked()) {
    leave_behind(std::move(impl_));
  } else {
    impl_->close();
  }
}

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

OperationId Client::write_async(std::string_view name, std::string_view value,
                                const CallOptions& options, Callback callback) {
  return OperationId(
      impl_->submit(call_of(Op::kWrite, name, 0, value), options, std::move(callback)));
}

OperationId Client::read_async(std::string_view name, const CallOptions& options,
                               Callback callback) {
  return OperationId(impl_->submit(call_of(Op::kRead, name, 0, {}), options, std::move(callback)));
}

OperationId Client::set_async(std::string_view name, std::string_view value,
                              const CallOptions& options, Callback callback) {
  return OperationId(
      impl_->submit(call_of(Op::kSet, name, 0, value), options, std::move(callback)));
}

OperationId Client::cas_async(std::string_view name, uint64_t expected_version,
                              std::string_view value, const CallOptions& options,
                              Callback callback) {
  return OperationId(impl_->submit(call_of(Op::kCas, name, expected_version, value), options,
                                   std::move(callback)));
}

OperationId Client::seal_async(std::string_view name, uint64_t expected_version,
                               const CallOptions& options, Callback callback) {
  return OperationId(
      impl_->submit(call_of(Op::kSeal, name, expected_version, {}), options, std::move(callback)));
}

OperationId Client::next_async(std::string_view name, const CallOptions& options,
                               Callback callback) {
  return OperationId(impl_->submit(call_of(Op::kNext, name, 0, {}), options, std::move(callback)));
}

OperationId Client::check_async(std::string_view name, uint64_t token, const CallOptions& options,
                                Callback callback) {
  return OperationId(
      impl_->submit(call_of(Op::kCheck, name, token, {}), options, std::move(callback)));
}

OperationId Client::wait_async(std::string_view name, uint64_t after_version,
                               const CallOptions& options, Callback callback) {
  return OperationId(
      impl_->submit(call_of(Op::kWait, name, after_version, {}), options, std::move(callback)));
}

void Client::cancel(OperationId operation) { impl_->cancel(operation.number_); }

NodeStatus Client::status(const std::string& endpoint, int64_t timeout_ms) const {
  if (impl_->forked()) {
    NodeStatus status;
    status.address = endpoint;
    status.message = kForkedClient;
    return status;
  }
  const auto read = read_endpoint(endpoint);
  if (!read) {
    NodeStatus status;
    status.address = endpoint;
    status.message = printable(read.error().message);
    return status;
  }
  return ask_status(*impl_->names(), *read, impl_->timeout_or_default(timeout_ms),
                    impl_->cluster());
}

NamesPage Client::list(const ListOptions& options) const {
  NamesPage page;
  page.outcome = Outcome::kError;
  page.message = impl_->forked() ? kForkedClient : impl_->broken();
  if (!page.message.empty()) return page;
  const int64_t ms = impl_->timeout_or_default(options.timeout_ms);
  page = ask_names(*impl_->names(), impl_->options().endpoints, impl_->cluster(), options,
                   now_ns() + ms * 1'000'000,
                   [this](const std::string& trouble) { impl_->set_trouble_of_list(trouble); });
  impl_->set_trouble_of_list({});  // nobody waits for them any more
  return page;
}

std::string Client::trouble() const { return impl_->trouble(); }
std::string Client::without_majority() const { return impl_->without_majority(); }

RequestId Client::new_request_id() { return draw_request_id(); }

}  // namespace once::client
