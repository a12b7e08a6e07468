// Coroutines that await operations of a client, against a small server on loopback.
#include "client/awaitable.h"

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <future>
#include <thread>
#include <vector>

#include "tests/unit/client/fake_server.h"

namespace once::client {
namespace awaitable_test {

// A coroutine that nobody waits for: it runs until it ends, or until its owner destroys it.
struct Task {
  struct promise_type {
    Task get_return_object() {
      return Task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

FakeServer::Act echo(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
  if (request.name == "silent") return FakeServer::Act::kSilence;
  reply.told = std::to_string(static_cast<int>(request.operation)) + " " +
               std::string(request.name) + " " + std::to_string(request.version) + " " +
               std::string(request.value) + " " + std::to_string(request.id.low);
  return FakeServer::Act::kReply;
}

Task ask_all(Client& client, std::promise<std::vector<Result>>& told) {
  const CallOptions as{.id = request_id(0, 9)};
  std::vector<Result> results;
  results.push_back(co_await async(client).write("a", "v", as));
  results.push_back(co_await async(client).read("b", as));
  results.push_back(co_await async(client).set("c", "v", as));
  results.push_back(co_await async(client).cas("d", 4, "v", as));
  results.push_back(co_await async(client).seal("e", 5, as));
  results.push_back(co_await async(client).next("f", as));
  results.push_back(co_await async(client).check("g", 7, as));
  results.push_back(co_await async(client).wait("h", 8, as));
  told.set_value(std::move(results));
}

TEST(AwaitableTest, EachOperationCanBeAwaited) {
  FakeServer server(echo);
  Client client(options_for(server.address()));
  std::promise<std::vector<Result>> told;
  ask_all(client, told);
  const std::vector<Result> results = told.get_future().get();
  const std::string expected[] = {"1 a 0 v 9", "2 b 0  9", "3 c 0 v 9", "4 d 4 v 9",
                                  "5 e 5  9",  "6 f 0  9", "7 g 7  9",  "8 h 8  9"};
  ASSERT_EQ(results.size(), std::size(expected));
  for (size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].value, expected[i]);
}

Task ask(Client& client, std::string name, std::stop_token stop, std::promise<Result>& told,
         std::thread::id* where = nullptr) {
  Result result = co_await async(client, stop).wait(name, 1);
  if (where != nullptr) *where = std::this_thread::get_id();
  told.set_value(std::move(result));
}

TEST(AwaitableTest, GoesOnOnTheClientsThreadOrWhereItWas) {
  FakeServer server(echo);
  Client client(options_for(server.address()));
  std::thread::id where, clients;
  std::promise<void> known;
  client.read_async("x", {}, [&](Result&&) {
    clients = std::this_thread::get_id();
    known.set_value();
  });
  known.get_future().get();
  std::stop_source stop;  // sent when the coroutine is suspended for certain
  std::promise<Result> valid, invalid;
  ask(client, "silent", stop.get_token(), valid, &where);
  stop.request_stop();
  EXPECT_EQ(valid.get_future().get().outcome, Outcome::kCancelled);
  EXPECT_EQ(where, clients);
  ask(client, "_not_allowed", {}, invalid, &where);
  EXPECT_EQ(invalid.get_future().get().outcome, Outcome::kInvalid);
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(AwaitableTest, AStopRequestCancels) {
  FakeServer server(echo);
  Client client(options_for(server.address(), 3600 * 1000));
  std::stop_source stop;
  std::promise<Result> later, before;
  ask(client, "silent", stop.get_token(), later);
  stop.request_stop();
  EXPECT_EQ(later.get_future().get().outcome, Outcome::kCancelled);
  ask(client, "silent", stop.get_token(), before);
  EXPECT_EQ(before.get_future().get().outcome, Outcome::kCancelled);
}

TEST(AwaitableTest, TheEndOfTheClientResumes) {
  FakeServer server(echo);
  std::promise<Result> told;
  {
    Client client(options_for(server.address(), 3600 * 1000));
    ask(client, "silent", {}, told);
  }
  EXPECT_EQ(told.get_future().get().outcome, Outcome::kCancelled);
}

Task ask_twice(Client& client, std::shared_ptr<int> alive, std::promise<Result>& told) {
  const Result first = co_await async(client).wait("silent", 1);
  told.set_value(co_await async(client).read("x"));
  ++*alive;
}

// What it awaits next is begun on the client's last round, by a callback.
TEST(AwaitableTest, WhatIsBegunWhileTheClientEndsIsResumedToo) {
  FakeServer server(echo);
  std::promise<Result> told;
  auto alive = std::make_shared<int>(0);
  {
    Client client(options_for(server.address(), 3600 * 1000));
    ask_twice(client, alive, told);
  }
  auto second = told.get_future();
  ASSERT_EQ(second.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(second.get().outcome, Outcome::kCancelled);
  EXPECT_EQ(*alive, 1);
  EXPECT_EQ(alive.use_count(), 1) << "the coroutine has ended";
}

// The operation is given up: the client has room for another one, and nobody is resumed.
TEST(AwaitableTest, ADestroyedCoroutineGivesItsOperationUp) {
  FakeServer server(echo);
  Options options = options_for(server.address(), 3600 * 1000);
  options.max_pending = 1;
  Client client(options);
  std::promise<Result> never, told;
  auto alive = std::make_shared<int>(0);
  Task task = ask_twice(client, alive, never);
  EXPECT_EQ(alive.use_count(), 2);
  EXPECT_EQ(client.read("x").outcome, Outcome::kUnavailable);  // no room
  task.handle.destroy();
  EXPECT_EQ(alive.use_count(), 1);
  const int64_t end = time(nullptr) + 10;
  Outcome outcome = Outcome::kUnavailable;
  while (outcome == Outcome::kUnavailable && time(nullptr) < end) {
    outcome = client.read("x").outcome;
  }
  EXPECT_EQ(outcome, Outcome::kDone);
  EXPECT_EQ(*alive, 0);
}

Task count_down(Client& client, int from, std::promise<int>& told) {
  int done = 0;
  for (int i = 0; i < from; ++i) {
    const Result result = co_await async(client).read(std::to_string(i));
    done += result.outcome == Outcome::kDone ? 1 : 0;
  }
  told.set_value(done);
}

// Completion and suspension race: neither a lost wake-up nor a growing stack.
TEST(AwaitableTest, ManyAwaitsFromManyThreads) {
  FakeServer server(echo);
  Client client(options_for(server.address()));
  constexpr int kEach = 300;
  std::vector<std::promise<int>> told(8);
  std::vector<std::thread> threads;
  for (std::promise<int>& promise : told) {
    threads.emplace_back([&] { count_down(client, kEach, promise); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::promise<int>& promise : told) EXPECT_EQ(promise.get_future().get(), kEach);
}

Task invalid_many(Client& client, int count, std::promise<int>& told) {
  int invalid = 0;
  for (int i = 0; i < count; ++i) {
    const Result result = co_await async(client).read("");
    invalid += result.outcome == Outcome::kInvalid ? 1 : 0;
  }
  told.set_value(invalid);
}

TEST(AwaitableTest, WhatEndsAtOnceDoesNotNest) {
  Options options;
  options.endpoints = {"127.0.0.1:1"};
  Client client(options);
  std::promise<int> told;
  invalid_many(client, 200'000, told);
  EXPECT_EQ(told.get_future().get(), 200'000);
}

}  // namespace awaitable_test
}  // namespace once::client
