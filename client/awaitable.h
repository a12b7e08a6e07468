// Operations for coroutines: `Result r = co_await async(client).write("door", "open");`
//
// The coroutine goes on on the client's thread, where it must not block: see client.h. When the
// operation has ended before the coroutine was suspended, it goes on where it was. A coroutine
// that is destroyed while it waits gives its operation up.
// The Client must outlive what waits for it; its destructor cancels, and so resumes, all of that.
// A coroutine that asks again whatever the outcome never lets it end: break off at kCancelled.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "client/client.h"

namespace once::client {

// One operation, which begins when it is awaited; at most once. It keeps copies of what it was
// given, so that nothing which the caller made for the call has to live on while it waits.
class [[nodiscard]] Awaitable {
 public:
  using Start = std::function<OperationId(Client&, Callback)>;

  Awaitable(Client& client, std::stop_token stop, Start start)
      : client_(client), stop_(std::move(stop)), start_(std::move(start)) {}
  Awaitable(const Awaitable&) = delete;
  Awaitable& operator=(const Awaitable&) = delete;
  ~Awaitable() {
    on_stop_.reset();
    if (meeting_ != nullptr && meeting_->stage.exchange(kGone) == kWaits)
      client_.cancel(operation_);
  }

  bool await_ready() const noexcept { return false; }

  // False: it has ended already, go on at once.
  bool await_suspend(std::coroutine_handle<> coroutine) {
    meeting_ = std::make_shared<Meeting>();
    meeting_->coroutine = coroutine;
    operation_ = start_(client_, [meeting = meeting_](Result&& result) {
      meeting->result = std::move(result);
      if (meeting->stage.exchange(kEnded) == kWaits) meeting->coroutine.resume();
    });
    on_stop_.emplace(std::move(stop_), Cancel{&client_, operation_});
    int begun = kBegun;
    return meeting_->stage.compare_exchange_strong(begun, kWaits);
    // From here on the coroutine may run elsewhere, and this object may be gone.
  }

  Result await_resume() {
    on_stop_.reset();
    return std::move(meeting_->result);
  }

 private:
  enum Stage : int { kBegun, kWaits, kEnded, kGone };
  // Where the client's thread and the coroutine meet: it outlives either.
  struct Meeting {
    std::atomic<int> stage{kBegun};
    std::coroutine_handle<> coroutine;
    Result result;
  };
  struct Cancel {
    Client* client;
    OperationId operation;
    void operator()() const { client->cancel(operation); }
  };

  Client& client_;
  std::stop_token stop_;
  Start start_;
  OperationId operation_;
  std::shared_ptr<Meeting> meeting_;
  std::optional<std::stop_callback<Cancel>> on_stop_;
};

// The operations of a client, as awaitables. Cheap to make and to copy.
class AsyncClient {
 public:
  AsyncClient(Client& client, std::stop_token stop) : client_(&client), stop_(std::move(stop)) {}

  Awaitable write(std::string name, std::string value, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.write_async(name, value, options, std::move(done));
    });
  }
  Awaitable read(std::string name, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.read_async(name, options, std::move(done));
    });
  }
  Awaitable set(std::string name, std::string value, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.set_async(name, value, options, std::move(done));
    });
  }
  Awaitable cas(std::string name, uint64_t expected_version, std::string value,
                CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.cas_async(name, expected_version, value, options, std::move(done));
    });
  }
  Awaitable seal(std::string name, uint64_t expected_version, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.seal_async(name, expected_version, options, std::move(done));
    });
  }
  Awaitable next(std::string name, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.next_async(name, options, std::move(done));
    });
  }
  Awaitable check(std::string name, uint64_t token, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.check_async(name, token, options, std::move(done));
    });
  }
  Awaitable wait(std::string name, uint64_t after_version, CallOptions options = {}) const {
    return begin([=](Client& client, Callback done) {
      return client.wait_async(name, after_version, options, std::move(done));
    });
  }

 private:
  Awaitable begin(Awaitable::Start start) const {
    return Awaitable(*client_, stop_, std::move(start));
  }
  Client* client_;
  std::stop_token stop_;
};

// A stop request cancels what is awaited: it ends with kCancelled, or kUnknown.
inline AsyncClient async(Client& client, std::stop_token stop = {}) {
  return AsyncClient(client, std::move(stop));
}

}  // namespace once::client
