// The bounds of the clients' door, each met exactly and by one more, and what is counted again.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_listener.h"
#include "tests/unit/net/fake_net_io.h"

namespace once::net {
namespace client_doors_test {

using once::test::Pipe;
using paxos::Status;

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
  void on_turned_away(paxos::Operation operation) override { turned_away.push_back(operation); }
  void on_status(ClientConnectionId connection, uint64_t correlation) override {
    listener->reply_status(connection, correlation, {NodeId{1}, 7, {{"writes", 1}}});
  }
  void on_list(ClientConnectionId connection, uint64_t correlation,
               const ListRequest& request) override {
    ListReply reply;
    reply.run = request.run + 1;
    reply.page.names = {{request.query.prefix, request.query.from, 3, true, true}};
    listener->reply_list(connection, correlation, reply);
  }
  void on_explain(ClientConnectionId connection, uint64_t correlation,
                  const ExplainRequest& request) override {
    ExplainReply reply;
    reply.explanation.version = request.name.size();
    listener->reply_explain(connection, correlation, reply);
  }
  void hand_over(CoreId, std::unique_ptr<reactor::Handoff> handoff) override {
    other->accept(std::move(handoff));
  }
  void on_gone(ClientConnectionId) override {}
  void log_line(std::string_view line) override { log += std::string(line) + "\n"; }

  std::shared_ptr<Pipe> connect(const std::string& from = "127.0.0.1") {
    auto pipe = std::make_shared<Pipe>();
    pipe->from = once::test::address_of(from);
    io.accept_stream(pipe, 1, listener->listen_handler());
    return pipe;
  }
  std::shared_ptr<Pipe> open(const std::string& from = "127.0.0.1") {
    auto pipe = connect(from);
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
  // With something in flight.
  std::shared_ptr<Pipe> busy(const std::string& from = "127.0.0.1") {
    auto pipe = open(from);
    ask(*pipe, 1);
    return pipe;
  }
  void answer(size_t which) {
    paxos::ClientReply done;
    done.status = Status::kDone;
    listener->reply(requests[which].first, requests[which].second, paxos::Operation::kWrite, done);
    io.round();
  }
  // What it was told at its end, and with which correlation.
  std::pair<std::string, uint64_t> goodbye(Pipe& pipe) {
    io.round();
    const std::string bytes = std::exchange(pipe.to[0], {});
    std::string_view left = bytes;
    Frame frame;
    while (take_frame(left, frame).value_or(false)) {
      if (frame.type == FrameType::kError) return {std::string(frame.body), frame.correlation};
    }
    return {};
  }
  void remake(const ClientListenerOptions& options) {
    listener = make_client_listener(io, CoreId{0}, 2, this, options);
  }
  void ask(Pipe& pipe, size_t count) {
    for (size_t i = 0; i < count; ++i) pipe.to[1] += request_bytes(i);
    io.round();
  }

  once::test::FakeNetwork network;
  once::test::FakeIo io{network};
  once::test::FakeIo other_io{network};
  std::unique_ptr<ClientListener> listener = make_client_listener(io, CoreId{0}, 2, this);
  std::unique_ptr<ClientListener> other = make_client_listener(other_io, CoreId{1}, 2, this);
  std::vector<paxos::Operation> turned_away;
  std::vector<std::pair<ClientConnectionId, uint64_t>> requests;
  std::string log;
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
  listener->reply(requests[0].first, requests[0].second, paxos::Operation::kWrite, done);
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

// Who is closed holds a descriptor until it is gone, and others have its place: both have a bound.
TEST_F(ClientDoors, ThoseThatLeaveCountWithThoseThatStay) {
  constexpr size_t kPlaces = 40, kLeaving = 2;
  remake({.max_connections = kPlaces, .max_leaving = kLeaving});
  std::vector<std::shared_ptr<Pipe>> all;
  for (size_t i = 0; i < kPlaces; ++i) all.push_back(open());
  for (auto& pipe : all) pipe->to[1] = "no frame of a client at all";
  std::vector<std::shared_ptr<Pipe>> newcomers;
  io.on_batch_end = [&] {  // all are being closed, and none is gone
    while (newcomers.size() < 2 * kLeaving) newcomers.push_back(connect());
    listener->end_round();
  };
  io.one_round();
  for (size_t i = 0; i < newcomers.size(); ++i) EXPECT_EQ(newcomers[i]->closed[1], i >= kLeaving);
  io.on_batch_end = [&] { listener->end_round(); };
  io.round();
  EXPECT_EQ(listener->connections(), kLeaving);
  EXPECT_FALSE(connect()->closed[1]) << "they are gone";
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

// All have something in flight: then the newcomer is turned away.
TEST_F(ClientDoors, TheBoundOfConnectionsIsExact) {
  std::vector<std::shared_ptr<Pipe>> pipes;
  remake({.max_connections = 100});
  for (size_t i = 0; i < 100; ++i) pipes.push_back(busy());
  auto refused = connect();
  EXPECT_EQ(goodbye(*refused).first, "overloaded: too many connections");
  EXPECT_TRUE(refused->closed[1]);
  EXPECT_EQ(listener->counters().turned_away, 1u);
  for (auto& pipe : pipes) EXPECT_FALSE(pipe->closed[1]);
  pipes.front()->closed[0] = true;
  io.round();
  auto taken = connect();
  io.round();
  EXPECT_FALSE(taken->closed[1]) << "one place was free again";
  EXPECT_EQ(listener->counters().turned_away, 1u);
}

TEST_F(ClientDoors, WhenFullTheLongestIdleGivesItsPlace) {
  remake({.max_connections = 8});
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < 8; ++i) pipes.push_back(open("10.0.0.7"));
  ask(*pipes[0], 1);
  ask(*pipes[1], 1);
  answer(1);  // idle again, as of now
  auto next = open();
  EXPECT_EQ(goodbye(*pipes[2]),
            std::pair(std::string("node is full; idle longest"), kNothingTaken));
  EXPECT_TRUE(pipes[2]->closed[1]);
  EXPECT_NE(log.find("a client connection from 10.0.0.7 is closed for another one: all places are "
                     "taken, and it is idle longest\n"),
            std::string::npos)
      << log;
  for (size_t i = 3; i < 8; ++i) ask(*pipes[i], 1);  // of nine, two are idle
  ask(*next, 1);
  connect();
  io.round();
  EXPECT_TRUE(pipes[1]->closed[1]);
  EXPECT_FALSE(pipes[0]->closed[1]) << "it waits for its answer";
  EXPECT_EQ(listener->counters().closed_idle, 2u);
  EXPECT_EQ(listener->counters().turned_away, 0u);
  EXPECT_EQ(listener->connections(), 8u);
}

// What comes in after that, also in the same round, is not taken: the client relies on it.
TEST_F(ClientDoors, NothingIsTakenFromWhoeverGaveItsPlace) {
  remake({.max_connections = 4});
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < 4; ++i) pipes.push_back(open());
  pipes[0]->to[1] += request_bytes(1);
  connect();
  io.round();
  EXPECT_TRUE(requests.empty());
  EXPECT_TRUE(pipes[0]->closed[1]);
  ask(*pipes[1], 1);
  std::string wrong = request_bytes(kNothingTaken);
  wrong[18]++;  // its own number is not given back to it, for it would mean something else
  pipes[1]->to[1] += wrong;
  io.round();
  EXPECT_EQ(goodbye(*pipes[1]).second, 0u);
}

TEST_F(ClientDoors, ACrowdWithoutHelloTakesAQuarterOfThePlaces) {
  remake({.max_connections = 40});
  auto greeted = open();
  std::vector<std::shared_ptr<Pipe>> crowd;
  for (size_t i = 0; i < 10; ++i) crowd.push_back(connect("2001:db8::9"));
  io.round();
  EXPECT_FALSE(crowd[0]->closed[1]);
  crowd.push_back(connect("2001:db8::9"));
  EXPECT_EQ(goodbye(*crowd[0]),
            std::pair(std::string("node is full; no hello came yet"), kNothingTaken));
  EXPECT_TRUE(crowd[0]->closed[1]);
  EXPECT_FALSE(crowd[1]->closed[1]);
  EXPECT_NE(log.find("from 2001:db8::9 is closed for another one: of those that said no hello"),
            std::string::npos)
      << log;
  for (size_t i = 0; i < 1000; ++i) crowd.push_back(connect()), io.round();
  EXPECT_FALSE(greeted->closed[1]);
  EXPECT_EQ(listener->connections(), 11u);
  EXPECT_EQ(io.gentle_closes, 0u) << "who says nothing loses nothing by a reset";
  EXPECT_EQ(listener->counters().closed_before_hello, 1001u);
  auto honest = open();
  ask(*honest, 1);
  EXPECT_EQ(requests.size(), 1u);
  EXPECT_LT(log.size(), 1000u) << log;
  network.now_ns += kFirstFrameTimeoutNs;  // those whose time is over count as well
  listener->on_tick(network.now_ns);
  EXPECT_EQ(listener->counters().closed_before_hello, 1002u + 9u);
}

TEST_F(ClientDoors, BeforeItsHelloAConnectionMaySendButALittle) {
  auto large = connect();
  std::string start(1 << 16, 'x');
  once::store(start.data(), static_cast<uint32_t>(kMaxHelloBytes - 4 + 1));
  large->to[1] = start.substr(0, 4);
  EXPECT_NE(goodbye(*large).first.find("the first frame must be a client hello"),
            std::string::npos);
  EXPECT_TRUE(large->closed[1]);
  auto fits = connect();
  once::store(start.data(), static_cast<uint32_t>(kMaxHelloBytes - 4));
  fits->to[1] = start.substr(0, kMaxHelloBytes - 1);
  io.round();
  EXPECT_FALSE(fits->closed[1]);
  auto greeted = open();  // it may send more
  greeted->to[1] = made([&](auto& out) {
    encode_request(1, {0, paxos::Operation::kWrite, request_id(1, 2), 9, "name", start}, out);
  });
  io.round();
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(ClientDoors, OneAddressTakesItsShareOfThePlaces) {
  remake({.max_connections = 400, .max_per_address = 3});
  std::vector<std::shared_ptr<Pipe>> pipes;
  const auto shut_out = [&](const std::string& from) {
    const std::string why = goodbye(*connect(from)).first;
    EXPECT_TRUE(why.empty() || why == "overloaded: too many connections from " + from) << why;
    return !why.empty();
  };
  for (const std::string from : {"10.0.0.7", "::ffff:10.0.0.8", "2001:db8::1"}) {
    for (size_t i = 0; i < 3; ++i) pipes.push_back(open(from));
  }
  EXPECT_TRUE(shut_out("10.0.0.7"));
  EXPECT_TRUE(shut_out("10.0.0.8"));
  EXPECT_TRUE(shut_out("2001:db8::5555:1")) << "who has one has all of a /64";
  EXPECT_EQ(listener->counters().turned_away, 3u);
  EXPECT_FALSE(shut_out("10.0.0.9"));
  EXPECT_FALSE(shut_out("2001:db8:0:1::1"));
  for (const std::string from : {"127.0.0.1", "127.8.8.8", "::1"}) {
    for (size_t i = 0; i < 9; ++i) EXPECT_FALSE(shut_out(from)) << "load generators, proxies";
  }
  pipes[0]->closed[0] = true;
  io.round();
  EXPECT_FALSE(shut_out("10.0.0.7"));
  EXPECT_TRUE(shut_out("10.0.0.7"));
}

TEST_F(ClientDoors, AnAddressIsCountedOnTheCoreThatItsConnectionsAreAt) {
  remake({.max_connections = 400, .max_per_address = 2});
  other = make_client_listener(other_io, CoreId{1}, 2, this, {.max_per_address = 2});
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < 3; ++i) {
    pipes.push_back(connect("10.0.0.7"));
    pipes.back()->to[1] = hello_bytes(1);
    io.round();
    other_io.round();
    other_io.round();
  }
  EXPECT_EQ(types(*pipes[1]), std::vector{FrameType::kServerHello});
  EXPECT_EQ(types(*pipes[2]), std::vector{FrameType::kError});
  EXPECT_EQ(other->counters().turned_away, 1u);
  EXPECT_EQ(listener->connections(), 0u);
  for (size_t i = 0; i < 2; ++i) pipes.push_back(open("10.0.0.7"));
}

// Descriptors are few: those that are told why they are closed still hold one.
TEST_F(ClientDoors, NoMoreThanSoManyAreToldWhyTheyAreClosed) {
  remake({.max_connections = 4, .max_leaving = 2});
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < 4; ++i) pipes.push_back(open());
  io.frozen = true;
  for (size_t i = 0; i < 6; ++i) pipes.push_back(connect());
  EXPECT_EQ(io.streams(), 6u);
  io.frozen = false;
  io.round();
  EXPECT_EQ(listener->counters().turned_away, 4u);
  EXPECT_EQ(io.streams(), 4u);
  EXPECT_EQ(types(*pipes[0]), std::vector{FrameType::kError});
  connect();
  io.round();
  EXPECT_EQ(listener->counters().turned_away, 4u) << "there is room again";
}

// Those that are told nothing hold a descriptor too, until they are gone.
TEST_F(ClientDoors, WhoComesFromAnotherCoreAndFindsNoPlaceIsCountedUntilItIsGone) {
  other =
      make_client_listener(other_io, CoreId{1}, 2, this, {.max_connections = 4, .max_leaving = 1});
  const auto come = [&](size_t count) {
    std::vector<std::shared_ptr<Pipe>> pipes;
    for (; count > 0; --count) {
      pipes.push_back(connect());
      pipes.back()->to[1] = hello_bytes(1) + request_bytes(1);
    }
    io.round();
    return pipes;
  };
  std::vector<std::shared_ptr<Pipe>> busy_ones;
  while (busy_ones.size() < 4) {
    busy_ones.push_back(come(1).front());
    other_io.round();
  }
  ASSERT_EQ(requests.size(), 4u);
  other_io.frozen = true;
  const auto refused = come(3);
  other_io.frozen = false;
  for (int i = 0; i < 3; ++i) other_io.round();
  for (const auto& pipe : refused) EXPECT_TRUE(pipe->closed[1]);
  EXPECT_EQ(other_io.streams(), 4u);
  EXPECT_EQ(other->counters().turned_away, 3u);
  for (const auto& pipe : busy_ones) EXPECT_FALSE(pipe->closed[1]);
  other->reply(requests[0].first, requests[0].second, paxos::Operation::kWrite, {});
  other_io.round();
  const auto newcomer = come(1);
  for (int i = 0; i < 3; ++i) other_io.round();
  EXPECT_EQ(requests.size(), 5u) << "the idle one has made room";
  EXPECT_FALSE(newcomer[0]->closed[1]);
}

// Of the idle and of those before their hello: whoever has been so for longest.
TEST_F(ClientDoors, WhenFullTheOneThatHasBeenQuietForLongestGoes) {
  for (const bool silent_first : {true, false}) {
    remake({.max_connections = 8});
    std::vector<std::shared_ptr<Pipe>> idle;
    std::shared_ptr<Pipe> silent;
    if (silent_first) silent = connect();
    for (size_t i = 0; i < 7; ++i) {
      network.now_ns += 1'000'000;
      idle.push_back(open());
    }
    network.now_ns += 1'000'000;
    if (!silent_first) silent = connect();
    network.now_ns += 1'000'000;
    connect();
    io.round();
    EXPECT_EQ(silent->closed[1], silent_first);
    EXPECT_EQ(idle[0]->closed[1], !silent_first);
  }
}

// Who may still be sending hears why he is closed; but he holds a descriptor meanwhile, so half of
// those that may leave at once are heard out, and the rest have room to go.
TEST_F(ClientDoors, HalfOfThoseThatLeaveAreHeardOut) {
  remake({.max_connections = 40, .max_leaving = 4});
  std::vector<std::shared_ptr<Pipe>> all;
  for (size_t i = 0; i < 5; ++i) all.push_back(open());
  for (auto& pipe : all) pipe->to[1] = "no frame of a client at all";
  io.round();
  for (auto& pipe : all) EXPECT_EQ(types(*pipe), std::vector{FrameType::kError});
  EXPECT_EQ(io.gentle_closes, 2u);
  all.push_back(open());
  all.back()->to[1] = "nor this, and the others are gone";
  io.round();
  EXPECT_EQ(io.gentle_closes, 3u);
  listener->drain();
  for (size_t i = 0; i < 4; ++i) all.push_back(connect());
  io.round();
  EXPECT_EQ(io.gentle_closes, 3u) << "four are turned away at once";
  all.push_back(connect());
  EXPECT_EQ(goodbye(*all.back()).first, "node is stopping");
  EXPECT_EQ(io.gentle_closes, 4u);
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

}  // namespace client_doors_test
}  // namespace once::net
