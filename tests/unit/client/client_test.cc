// The whole client against a small server on loopback.
#include "client/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "tests/unit/client/fake_server.h"

namespace once::client {
namespace client_test {

TEST(ClientTest, DoneRefusedAndReads) {
  FakeServer server([](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    reply.state = {1, true, request.id, "the value"};
    if (request.name == "empty") static_cast<ClientReply&>(reply) = {0, Status::kEmpty, {}};
    if (request.name == "taken") {
      reply.status = Status::kAlreadySet;
      reply.state.writer = request_id(1, 2);
    }
    return FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  const Result done = client.write("free", "v", {.id = request_id(3, 4)});
  EXPECT_EQ(done.outcome, Outcome::kDone);
  EXPECT_EQ(done.version, 1u);
  EXPECT_EQ(done.writer, request_id(3, 4));
  const Result refused = client.write("taken", "v");
  EXPECT_EQ(refused.outcome, Outcome::kRefused);
  EXPECT_EQ(refused.value, "the value");
  EXPECT_EQ(refused.writer, request_id(1, 2));
  EXPECT_EQ(client.read("free").value, "the value");
  EXPECT_EQ(client.read("empty").outcome, Outcome::kEmpty);
  EXPECT_EQ(client.read("_system").outcome, Outcome::kInvalid);
  EXPECT_EQ(client.write("big", std::string(65537, 'x')).outcome, Outcome::kInvalid);
  EXPECT_EQ(client.write("big", std::string(65536, 'x')).outcome, Outcome::kDone);
  const NodeStatus status = client.status(server.address());
  EXPECT_TRUE(status.reachable);
  for (const int64_t ms : {INT64_MAX, int64_t{25} * 24 * 3600 * 1000, int64_t{-1}}) {
    EXPECT_TRUE(client.status(server.address(), ms).reachable) << ms;
  }
  EXPECT_EQ(status.pid, 4711u);
  ASSERT_EQ(status.counters.size(), 1u);
}

// The two that nodes of this release do not say, and one that comes after them some day.
TEST(ClientTest, StatusesOfLaterNodes) {
  FakeServer server([](const auto& request, FakeServer::Reply& reply) {
    const int status = request.name == "retired" ? 11 : request.name == "denied" ? 12 : 13;
    static_cast<ClientReply&>(reply) = {0, static_cast<Status>(status), {}};
    return FakeServer::Act::kReply;
  });
  Client client(options_for(server.address(), 300));
  for (const auto& [name, outcome] :
       {std::pair{"retired", Outcome::kRetired}, std::pair{"denied", Outcome::kDenied}}) {
    EXPECT_EQ(client.write(name, "v").outcome, outcome);
    EXPECT_EQ(client.next(name).outcome, outcome);
    EXPECT_EQ(client.read(name).outcome, outcome);
    EXPECT_EQ(client.wait(name, 0).outcome, outcome);
  }
  EXPECT_EQ(client.write("new", "v").outcome, Outcome::kUnknown);
  EXPECT_EQ(client.read("new").outcome, Outcome::kUnavailable);
}

TEST(ClientTest, SilenceIsUnknownForWritesAndUnavailableForReads) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  Client client(options_for(server.address(), 200));
  EXPECT_EQ(client.write("x", "v").outcome, Outcome::kUnknown);
  EXPECT_EQ(client.read("x").outcome, Outcome::kUnavailable);
}

TEST(ClientTest, NobodyThereIsUnavailable) {
  std::string address;
  {
    address = FakeServer([](auto&, auto&) { return FakeServer::Act::kSilence; }).address();
  }
  Client client(options_for(address, 200));
  EXPECT_EQ(client.write("x", "v").outcome, Outcome::kUnavailable);
  EXPECT_FALSE(client.status(address).reachable);
}

TEST(ClientTest, DroppedAfterTheRequestIsRetriedWithTheSameId) {
  std::mutex mutex;
  std::vector<RequestId> ids;
  FakeServer server([&](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    std::lock_guard lock(mutex);
    ids.push_back(request.id);
    reply.state.writer = request.id;
    return ids.size() < 3 ? FakeServer::Act::kDrop : FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  EXPECT_EQ(client.write("x", "v", {.id = request_id(5, 6)}).outcome, Outcome::kDone);
  EXPECT_EQ(ids, std::vector<RequestId>(3, request_id(5, 6)));
}

TEST(ClientTest, ManyThreadsAndCallbacksAtOnce) {
  FakeServer server([](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    reply.state = {1, true, request.id, request.name};
    return FakeServer::Act::kReply;
  });
  std::atomic<int> done{0};
  {
    Client client(options_for(server.address()));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          const std::string name = std::to_string(t) + "." + std::to_string(i);
          client.read_async(name, {}, [&, name](Result&& r) { done += r.value == name ? 1 : 0; });
        }
        EXPECT_EQ(client.write("sync", "v").outcome, Outcome::kDone);
      });
    }
    for (std::thread& thread : threads) thread.join();
    const int64_t end = time(nullptr) + 10;
    while (done < 2000 && time(nullptr) < end) std::this_thread::yield();
  }
  EXPECT_EQ(done, 2000);
}

// What arrives at the server, told back in the value.
TEST(ClientTest, EachOperationArrivesAsItWasMeant) {
  FakeServer server([](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    reply.told = std::to_string(static_cast<int>(request.operation)) + " " +
                 std::string(request.name) + " " + std::to_string(request.version) + " " +
                 std::string(request.value) + " " + std::to_string(request.timeout_ms <= 700);
    return FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  const CallOptions soon{.timeout_ms = 700};
  EXPECT_EQ(client.write("a", "v").value, "1 a 0 v 0");
  EXPECT_EQ(client.read("b", soon).value, "2 b 0  1");
  EXPECT_EQ(client.set("c", "v", soon).value, "3 c 0 v 1");
  EXPECT_EQ(client.cas("d", 4, "v").value, "4 d 4 v 0");
  EXPECT_EQ(client.seal("e", 5).value, "5 e 5  0");
  EXPECT_EQ(client.next("f", soon).value, "6 f 0  1");
  EXPECT_EQ(client.check("g", 7).value, "7 g 7  0");
  EXPECT_EQ(client.wait("h", 8, soon).value, "8 h 8  1");
}

TEST(ClientTest, AnOperationHasItsOwnTimeout) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  Client client(options_for(server.address(), 3600 * 1000));
  EXPECT_EQ(client.read("x", {.timeout_ms = 50}).outcome, Outcome::kUnavailable);
  EXPECT_EQ(client.wait("x", 0, {.timeout_ms = 50}).outcome, Outcome::kNotYet);
  for (int64_t wrong : {int64_t{-1}, int64_t{24 * 3600 * 1000 + 1}}) {
    const Result result = client.read("x", {.timeout_ms = wrong});
    EXPECT_EQ(result.outcome, Outcome::kInvalid);
    EXPECT_NE(result.message.find(std::to_string(wrong)), std::string::npos);
  }
}

TEST(ClientTest, CancelledFromManyThreadsEndsOnce) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  Client client(options_for(server.address(), 3600 * 1000));
  constexpr int kEach = 200;
  std::atomic<int> cancelled{0}, others{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const OperationId wait = client.wait_async("x", 1, {}, [&](Result&& result) {
          ++(result.outcome == Outcome::kCancelled ? cancelled : others);
        });
        client.cancel(wait);
        client.cancel(wait);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  client.cancel(OperationId());
  const int64_t end = time(nullptr) + 10;
  while (cancelled < 4 * kEach && time(nullptr) < end) std::this_thread::yield();
  EXPECT_EQ(cancelled, 4 * kEach);
  EXPECT_EQ(others, 0);
}

TEST(ClientTest, TheEndOfTheClientCancels) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  std::vector<Result> results;
  {
    Client client(options_for(server.address(), 3600 * 1000));
    client.wait_async("x", 1, {}, [&](Result&& result) { results.push_back(result); });
  }
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kCancelled);
  EXPECT_EQ(results[0].message, "the client was closed");
}

// By a callback of what is cancelled: it is not queued, since nobody would take it out.
TEST(ClientTest, WhatIsStartedWhileTheClientEndsIsCancelledAtOnce) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  std::vector<Result> results;
  bool at_once = false;
  {
    Client client(options_for(server.address(), 3600 * 1000));
    client.wait_async("x", 1, {}, [&](Result&&) {
      const OperationId second = client.write_async("x", "v", {.id = request_id(3, 4)},
                                                    [&](Result&& r) { results.push_back(r); });
      at_once = results.size() == 1 && second == OperationId();
      client.next_async("x", {}, [&](Result&& r) { results.push_back(r); });
    });
  }
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(at_once);
  for (const Result& result : results) {
    EXPECT_EQ(result.outcome, Outcome::kCancelled);
    EXPECT_EQ(result.message, "the client was closed");
  }
  EXPECT_EQ(results[0].request_id, request_id(3, 4));
  EXPECT_NE(results[1].request_id, RequestId{}) << "drawn, to try again with";
}

TEST(ClientTest, CallbacksMayStartAndCancelButNotBlock) {
  FakeServer server([](const paxos::ClientRequest& request, auto&) {
    return request.name == "silent" ? FakeServer::Act::kSilence : FakeServer::Act::kReply;
  });
  std::promise<Result> blocked, chained;
  Client client(options_for(server.address(), 3600 * 1000));
  const OperationId silent = client.wait_async(
      "silent", 0, {}, [&](Result&& result) { chained.set_value(std::move(result)); });
  client.read_async("x", {}, [&](Result&&) {
    blocked.set_value(client.read("x"));
    client.read_async("x", {}, [&](Result&&) { client.cancel(silent); });
  });
  EXPECT_EQ(blocked.get_future().get().outcome, Outcome::kError);
  EXPECT_EQ(chained.get_future().get().outcome, Outcome::kCancelled);
}

// As an operation does: somebody may be about to start. What it waits for is told meanwhile.
TEST(ClientTest, AListWhereNobodyAnswersWaitsAndTellsForWhom) {
  std::string nobody, neither;
  {
    nobody = FakeServer([](auto&, auto&) { return FakeServer::Act::kSilence; }).address();
    neither = FakeServer([](auto&, auto&) { return FakeServer::Act::kSilence; }).address();
  }
  const FakeServer server([](auto&, auto&) { return FakeServer::Act::kReply; });
  Options options = options_for(nobody, 1000);
  options.endpoints.push_back(neither);
  const Client client(options);
  const auto begun = std::chrono::steady_clock::now();
  auto page = std::async(std::launch::async, [&] { return client.list({}); });
  const std::string refused = nobody + ", " + neither + ": cannot connect: ";
  bool told = false;
  while (page.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
    told |= client.trouble().starts_with(refused);
  }
  EXPECT_TRUE(told);
  EXPECT_GT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
  const NamesPage failed = page.get();
  EXPECT_EQ(failed.outcome, Outcome::kUnavailable);
  EXPECT_TRUE(failed.message.starts_with("no node answers: " + refused)) << failed.message;
  EXPECT_EQ(client.trouble(), "") << "nobody waits any more";

  options.endpoints.push_back(server.address());
  const Client other(options);
  EXPECT_EQ(other.list({}).outcome, Outcome::kDone);
  const NamesPage missing = other.list({.prefix = {}, .after = "7-0-1-0"});
  EXPECT_EQ(missing.outcome, Outcome::kUnavailable);
  EXPECT_TRUE(missing.message.starts_with("node 7 was not found: " + refused)) << missing.message;
}

TEST(ClientTest, WhoReachesNoMajorityIsNamedMeanwhile) {
  std::atomic<bool> cut_off{true};
  FakeServer server([&](const paxos::ClientRequest&, FakeServer::Reply& reply) {
    reply.status = cut_off ? Status::kUnavailable : Status::kEmpty;
    return FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  auto asked = std::async(std::launch::async, [&] { return client.read("x"); });
  while (client.without_majority().empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(client.without_majority(), server.address());
  EXPECT_EQ(client.trouble(), "");
  cut_off = false;
  EXPECT_EQ(asked.get().outcome, Outcome::kEmpty);
  while (!client.without_majority().empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(ClientTest, NoEndpointsIsAnError) {
  Client client(Options{});
  EXPECT_EQ(client.read("x").outcome, Outcome::kError);
}

}  // namespace client_test
}  // namespace once::client
