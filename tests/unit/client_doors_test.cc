// The bounds of the clients' door, each met exactly and by one more, and what is counted again.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_listener.h"
#include "tests/unit/fake_net_io.h"

namespace once::net {
namespace {

using paxos::Status;
using test::Pipe;

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}
std::string hello_bytes(uint16_t core = 0xffff) {
  ClientHello hello;
  hello.core = core;
  return made([&](auto& out) { encode_client_hello(hello, out); });
}
std::string request_bytes(uint64_t correlation) {
  return made([&](auto& out) {
    encode_request(correlation, {0, paxos::Operation::kWrite, request_id(1, 2), 9, "name", "v"},
                   out);
  });
}

struct ClientDoors : testing::Test, ClientListenerHandler {
  ClientDoors() {
    io.on_batch_end = [this] { listener->end_round(); };
    other_io.on_batch_end = [this] { other->end_round(); };
  }
  ServerHello server_hello() override {
    ServerHello hello;
    hello.members = {{NodeId{1}, 2, "client:1"}};
    return hello;
  }
  void on_request(ClientConnectionId connection, uint64_t correlation,
                  const paxos::ClientRequest&) override {
    requests.emplace_back(connection, correlation);
  }
  void on_status(ClientConnectionId connection, uint64_t correlation) override {
    listener->reply_status(connection, correlation, {NodeId{1}, 7, {{"writes", 1}}});
  }
  void hand_over(CoreId, std::unique_ptr<reactor::Handoff> handoff) override {
    other->accept(std::move(handoff));
  }
  void on_gone(ClientConnectionId) override {}
  void log_line(std::string_view) override {}

  std::shared_ptr<Pipe> connect() {
    auto pipe = std::make_shared<Pipe>();
    io.accept_stream(pipe, 1, listener->listen_handler());
    return pipe;
  }
  std::shared_ptr<Pipe> open() {
    auto pipe = connect();
    pipe->to[1] = hello_bytes();
    io.round();
    EXPECT_EQ(types(*pipe), std::vector{FrameType::kServerHello});
    return pipe;
  }
  // Of the frames that the client has got since the last call.
  static std::vector<FrameType> types(Pipe& pipe) {
    const std::string bytes = std::exchange(pipe.to[0], {});
    std::string_view left = bytes;
    std::vector<FrameType> found;
    Frame frame;
    while (take_frame(left, frame).value_or(false)) found.push_back(frame.type);
    EXPECT_TRUE(left.empty());
    return found;
  }
  void ask(Pipe& pipe, size_t count) {
    for (size_t i = 0; i < count; ++i) pipe.to[1] += request_bytes(i);
    io.round();
  }

  test::FakeNetwork network;
  test::FakeIo io{network};
  test::FakeIo other_io{network};
  std::unique_ptr<ClientListener> listener = make_client_listener(io, CoreId{0}, 2, this);
  std::unique_ptr<ClientListener> other = make_client_listener(other_io, CoreId{1}, 2, this);
  std::vector<std::pair<ClientConnectionId, uint64_t>> requests;
};

TEST_F(ClientDoors, AHelloMayComeUntilItsTimeIsOver) {
  auto silent = connect();
  network.now_ns += kFirstFrameTimeoutNs - 1;
  listener->on_tick(network.now_ns);
  io.round();
  EXPECT_FALSE(silent->closed[1]);
  network.now_ns += 1;
  listener->on_tick(network.now_ns);
  io.round();
  EXPECT_TRUE(silent->closed[1]);
  EXPECT_EQ(types(*silent), std::vector{FrameType::kError});
}

// One byte now and then is no hello either.
TEST_F(ClientDoors, AHelloThatDripsIsNoHello) {
  auto slow = connect();
  const std::string hello = hello_bytes();
  for (size_t i = 0; i + 1 < hello.size() && !slow->closed[1]; ++i) {
    slow->to[1] += hello[i];
    network.now_ns += kFirstFrameTimeoutNs / 8;
    listener->on_tick(network.now_ns);
    io.round();
  }
  EXPECT_TRUE(slow->closed[1]);
}

TEST_F(ClientDoors, TheBoundOfRequestsInFlightIsExact) {
  auto pipe = open();
  ask(*pipe, kMaxInFlightPerConnection);
  EXPECT_EQ(requests.size(), kMaxInFlightPerConnection);
  EXPECT_TRUE(types(*pipe).empty());
  ask(*pipe, 2);
  EXPECT_EQ(requests.size(), kMaxInFlightPerConnection);
  EXPECT_EQ(types(*pipe).size(), 2u) << "overloaded, at once";
  paxos::ClientReply done;
  done.status = Status::kDone;
  listener->reply(requests[0].first, requests[0].second, done);
  ask(*pipe, 2);
  EXPECT_EQ(requests.size(), kMaxInFlightPerConnection + 1) << "one place was free again";
}

TEST_F(ClientDoors, QuestionsForTheStatusAreCountedAndTheirAnswersToo) {
  auto pipe = open();
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < kMaxInFlightPerConnection; ++k) {
      pipe->to[1] += made([&](auto& out) { encode_status_request(k, out); });
    }
    io.round();
    const auto got = types(*pipe);
    EXPECT_EQ(got, std::vector(kMaxInFlightPerConnection, FrameType::kStatusReply));
  }
  ask(*pipe, 1);
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(ClientDoors, WhatStandsBehindAHelloForAnotherCoreGoesAlong) {
  auto pipe = connect();
  pipe->to[1] = hello_bytes(1) + request_bytes(1) + request_bytes(2);
  io.round();
  other_io.round();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].second, 1u);
  EXPECT_EQ(requests[1].second, 2u);
  EXPECT_EQ(types(*pipe), std::vector{FrameType::kServerHello});
  EXPECT_EQ(listener->connections(), 0u);
  EXPECT_EQ(other->connections(), 1u);
}

TEST_F(ClientDoors, WhoeverIsTurnedAwayGetsAReasonHoweverManyWereBefore) {
  listener->drain();
  for (size_t i = 0; i < kMaxConnectionsPerCore + 10; ++i) {
    auto pipe = connect();
    io.round();
    ASSERT_EQ(types(*pipe), std::vector{FrameType::kError}) << i;
    ASSERT_TRUE(pipe->closed[1]) << i;
    ASSERT_EQ(io.streams(), 0u);
  }
}

TEST_F(ClientDoors, TheBoundOfConnectionsIsExact) {
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < kMaxConnectionsPerCore; ++i) pipes.push_back(connect());
  EXPECT_EQ(listener->connections(), kMaxConnectionsPerCore);
  auto refused = connect();
  io.round();
  EXPECT_TRUE(refused->closed[1]);
  EXPECT_FALSE(pipes.back()->closed[1]);
  pipes.front()->closed[0] = true;
  io.round();
  auto taken = connect();
  io.round();
  EXPECT_FALSE(taken->closed[1]) << "one place was free again";
}

TEST_F(ClientDoors, WhoeverBreaksTheProtocolIsClosed) {
  auto pipe = open();
  pipe->to[1] = hello_bytes();  // once is enough
  io.round();
  EXPECT_EQ(types(*pipe), std::vector{FrameType::kError});
  EXPECT_TRUE(pipe->closed[1]);
  pipe->to[1] = request_bytes(1);
  io.round();
  EXPECT_TRUE(requests.empty());
}

}  // namespace
}  // namespace once::net
