// The door for clients over pipes in memory: what comes out for the bytes that go in.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_listener.h"
#include "tests/unit/net/fake_net_io.h"

namespace once::net {
namespace client_listener_test {

using once::test::Pipe;
using paxos::Status;

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}
std::string hello_bytes(ClientHello hello = {}) {
  return made([&](auto& out) { encode_client_hello(hello, out); });
}
std::string request_bytes(uint64_t correlation, std::string_view name,
                          std::string_view value = "v") {
  return made([&](auto& out) {
    encode_request(correlation, {0, paxos::Operation::kWrite, request_id(1, 2), 9, name, value},
                   out);
  });
}

struct Seen {
  ClientConnectionId connection;
  uint64_t correlation;
  paxos::ClientRequest request;
  std::string name, value;
};

struct ClientListenerTest : testing::Test, ClientListenerHandler {
  ClientListenerTest() {
    io.on_batch_end = [this] { end_round(*listener); };
  }
  // Views die with the round, so what was seen is copied at the last moment.
  void end_round(ClientListener& ending) {
    for (Seen& one : seen) {
      if (!one.name.empty()) continue;
      one.name = one.request.name;
      one.value = one.request.value;
    }
    ending.end_round();
  }
  ServerHello server_hello() override {
    ServerHello hello;
    hello.cluster = ClusterId{{5, 6}};
    hello.members = {{NodeId{1}, 2, "client:1"}};
    return hello;
  }
  void on_request(ClientConnectionId connection, uint64_t correlation,
                  const paxos::ClientRequest& request) override {
    seen.push_back({connection, correlation, request, "", ""});
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
  void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) override {
    handed_to.push_back(core);
    if (sibling) sibling->accept(std::move(handoff));
  }
  void on_gone(ClientConnectionId connection) override { gone.push_back(connection.value); }
  void log_line(std::string_view line) override { log += line; }

  std::shared_ptr<Pipe> connect() {
    auto pipe = std::make_shared<Pipe>();
    io.accept_stream(pipe, 1, listener->listen_handler());
    return pipe;
  }
  void send(const std::shared_ptr<Pipe>& pipe, const std::string& bytes) {
    pipe->to[1] += bytes;
    io.round();
  }
  // The frames that the client has got since the last call; their bodies live in `keep`.
  std::vector<Frame> got(const std::shared_ptr<Pipe>& pipe) {
    keep.push_back(std::make_unique<std::string>(std::exchange(pipe->to[0], {})));
    std::string_view left = *keep.back();
    std::vector<Frame> frames;
    Frame frame;
    while (take_frame(left, frame).value_or(false)) frames.push_back(frame);
    EXPECT_TRUE(left.empty());
    return frames;
  }
  void expect_error(const std::shared_ptr<Pipe>& pipe, std::string_view part) {
    auto frames = got(pipe);
    ASSERT_FALSE(frames.empty()) << part;
    EXPECT_EQ(frames.back().type, FrameType::kError);
    EXPECT_NE(frames.back().body.find(part), std::string::npos) << frames.back().body;
    EXPECT_TRUE(pipe->closed[1]);
  }
  std::shared_ptr<Pipe> open() {
    auto pipe = connect();
    send(pipe, hello_bytes());
    EXPECT_EQ(got(pipe).at(0).type, FrameType::kServerHello);
    return pipe;
  }

  once::test::FakeNetwork network;
  once::test::FakeIo io{network};
  std::unique_ptr<ClientListener> listener = make_client_listener(io, CoreId{0}, 2, this);
  ClientListener* sibling = nullptr;
  std::vector<paxos::Operation> turned_away;
  std::vector<Seen> seen;
  std::vector<CoreId> handed_to;
  std::vector<std::unique_ptr<std::string>> keep;
  std::vector<uint64_t> gone;
  std::string log;
};

TEST_F(ClientListenerTest, PipelinedRequestsAreAnsweredInAnyOrderAtEverySplit) {
  std::string all = hello_bytes() + request_bytes(1, "one") + request_bytes(2, "two", "") +
                    request_bytes(3, "three", std::string(70, 'x'));
  for (size_t chunk = 1; chunk <= all.size(); ++chunk) {
    seen.clear();
    io.chunk_bytes = chunk;
    auto pipe = connect();
    pipe->to[1] = all;
    while (!pipe->to[1].empty()) io.round();
    ASSERT_EQ(seen.size(), 3u) << chunk;
    EXPECT_EQ(seen[0].name, "one");
    EXPECT_EQ(seen[1].value, "");
    EXPECT_EQ(seen[2].value, std::string(70, 'x'));
    for (size_t i : {2, 0, 1}) {
      listener->reply(seen[i].connection, seen[i].correlation, paxos::Operation::kWrite,
                      {0, Status::kDone, {1, true, {}, ""}});
    }
    io.round();
    auto frames = got(pipe);
    ASSERT_EQ(frames.size(), 4u);
    EXPECT_EQ(frames[1].correlation, 3u);
    EXPECT_EQ(frames[2].correlation, 1u);
    EXPECT_EQ(frames[3].correlation, 2u);
    pipe->closed[0] = true;
    io.round();
    EXPECT_EQ(listener->connections(), 0u);
  }
}

TEST_F(ClientListenerTest, WhoBreaksTheProtocolIsToldAndClosed) {
  auto early = connect();
  send(early, request_bytes(9, "n"));
  expect_error(early, "first frame must be a client hello");
  auto huge = connect();
  send(huge, "\xff\xff\xff\xff");
  expect_error(huge, "4294967295");
  auto other = connect();
  send(other, hello_bytes({kProtocolVersion, ClusterId{{7, 7}}, 0xffff}));
  expect_error(other, "belongs to cluster");
  auto version = connect();
  send(version, hello_bytes({9, ClusterId{}, 0xffff}));
  expect_error(version, "version 9");
  auto twice = open();
  send(twice, hello_bytes());
  expect_error(twice, "must not send");
  auto bad = open();
  std::string broken = request_bytes(1, "name");
  broken[18]++;
  send(bad, broken + request_bytes(2, "after"));
  expect_error(bad, "add up");
  io.round();
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(listener->connections(), 0u);
  EXPECT_NE(log.find("a client connection is closed"), std::string::npos);
}

TEST_F(ClientListenerTest, AFloodOfJunkIsCountedAndHidesNothingElse) {
  for (uint32_t length = 0; length < 20; ++length) {
    send(connect(), std::string(1, static_cast<char>(length)) + std::string(64, '\xff'));
  }
  const std::string flood = std::exchange(log, {});
  EXPECT_NE(flood.find("a client connection is closed: a frame of length"), std::string::npos);
  EXPECT_LT(flood.size(), 500u) << flood;
  send(connect(), hello_bytes({kProtocolVersion, ClusterId{{7, 7}}, 0xffff}));
  EXPECT_NE(log.find("this node belongs to cluster"), std::string::npos) << log;
  auto silent = connect();
  network.now_ns += kFirstFrameTimeoutNs;
  listener->on_tick(network.now_ns);
  EXPECT_NE(log.find("no client hello came"), std::string::npos) << log;
  network.now_ns += 10'000'000'000;
  listener->on_tick(network.now_ns);
  EXPECT_NE(log.find("client connections closed: ... and 17 more like this in 10 s"),
            std::string::npos)
      << log;
}

TEST_F(ClientListenerTest, AClientThatNeverSaysHelloIsClosed) {
  auto silent = connect();
  auto greeted = open();
  listener->on_tick(network.now_ns + kFirstFrameTimeoutNs - 1);
  EXPECT_EQ(listener->connections(), 2u);
  listener->on_tick(network.now_ns + kFirstFrameTimeoutNs);
  io.round();
  expect_error(silent, "no client hello");
  EXPECT_EQ(listener->connections(), 1u);
  EXPECT_FALSE(greeted->closed[1]);
}

TEST_F(ClientListenerTest, BeyondTheBoundOfRequestsTheAnswerIsOverloadedAtOnce) {
  auto pipe = open();
  std::string all;
  for (size_t i = 0; i <= kMaxInFlightPerConnection; ++i) all += request_bytes(i, "n");
  send(pipe, all);
  EXPECT_EQ(seen.size(), kMaxInFlightPerConnection);
  auto frames = got(pipe);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].correlation, kMaxInFlightPerConnection);
  EXPECT_EQ(decode_reply(frames[0].body)->status, Status::kOverloaded);
  EXPECT_EQ(turned_away, std::vector{seen[0].request.operation}) << "and it is counted";
  listener->reply(seen[0].connection, 0, paxos::Operation::kWrite, {});
  send(pipe, request_bytes(5000, "n"));
  EXPECT_EQ(seen.size(), kMaxInFlightPerConnection + 1);
}

TEST_F(ClientListenerTest, BeyondTheBoundOfConnectionsAndWhileStoppingNewOnesAreTurnedAway) {
  auto first = open();
  send(first, request_bytes(1, "n"));
  std::vector<std::shared_ptr<Pipe>> all;
  while (listener->connections() < kMaxConnectionsPerCore) {
    all.push_back(connect());
    all.back()->to[1] = hello_bytes() + request_bytes(1, "n");
    if (all.size() % 512 == 0 || listener->connections() == kMaxConnectionsPerCore) io.round();
  }
  auto one_more = connect();
  io.round();
  expect_error(one_more, "overloaded: too many connections");
  for (auto& pipe : all) pipe->closed[0] = true;
  io.round();
  EXPECT_EQ(listener->connections(), 1u);
  listener->drain();
  auto late = connect();
  io.round();
  expect_error(late, "node is stopping");
  listener->reply(seen[0].connection, 1, paxos::Operation::kWrite, {});
  io.round();
  EXPECT_EQ(got(first).size(), 1u);
}

TEST_F(ClientListenerTest, ALateReplyFindsNobody) {
  auto pipe = open();
  send(pipe, request_bytes(1, "n"));
  pipe->closed[0] = true;
  io.round();
  EXPECT_EQ(gone, std::vector<uint64_t>{seen[0].connection.value});
  auto next = open();  // takes the same slot
  listener->reply(seen[0].connection, 1, paxos::Operation::kWrite, {});
  io.round();
  EXPECT_TRUE(got(next).empty());
}

// It asks nothing more, and gets what it asked for; then, and no later, it is closed.
TEST_F(ClientListenerTest, AHalfClosedClientIsClosedBehindItsLastAnswer) {
  auto pipe = connect();
  pipe->silent[0] = true;
  send(pipe, hello_bytes() + request_bytes(1, "a") + request_bytes(2, "b"));
  io.round();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(got(pipe).size(), 1u);  // the hello
  listener->reply(seen[0].connection, 2, paxos::Operation::kWrite, {});
  io.round();
  EXPECT_EQ(got(pipe).size(), 1u);
  EXPECT_FALSE(pipe->closed[1]) << "one answer is due";
  EXPECT_EQ(listener->connections(), 1u);
  EXPECT_TRUE(gone.empty());
  listener->reply(seen[0].connection, 1, paxos::Operation::kWrite, {});
  io.round();
  EXPECT_EQ(got(pipe).size(), 1u);
  EXPECT_TRUE(pipe->closed[1]);
  EXPECT_EQ(listener->connections(), 0u);
  EXPECT_EQ(gone, std::vector<uint64_t>{seen[0].connection.value});
}

TEST_F(ClientListenerTest, AHalfClosedClientThatWaitsForNothingIsClosedAtOnce) {
  for (const bool greeted : {false, true}) {
    auto pipe = greeted ? open() : connect();
    pipe->silent[0] = true;
    send(pipe, greeted ? "" : hello_bytes().substr(0, 7));
    io.round();
    EXPECT_TRUE(pipe->closed[1]) << greeted;
    EXPECT_EQ(listener->connections(), 0u);
  }
  auto pipe = open();  // what was answered in the same round still leaves
  pipe->silent[0] = true;
  send(pipe, made([](auto& out) { encode_status_request(1, out); }));
  io.round();
  EXPECT_EQ(got(pipe).size(), 1u);
  EXPECT_TRUE(pipe->closed[1]);
  EXPECT_EQ(listener->connections(), 0u);
}

TEST_F(ClientListenerTest, AHalfClosedClientGivesWayWhenAllPlacesAreTaken) {
  listener = make_client_listener(io, CoreId{0}, 2, this, {.max_connections = 4});
  std::vector<std::shared_ptr<Pipe>> all;
  for (size_t i = 0; i < 4; ++i) {
    all.push_back(open());
    send(all.back(), request_bytes(1, "n"));
  }
  all[1]->silent[0] = true;
  io.round();
  EXPECT_FALSE(all[1]->closed[1]);
  auto one_more = open();  // greeted
  EXPECT_TRUE(all[1]->closed[1]);
  for (size_t i : {0, 2, 3}) EXPECT_FALSE(all[i]->closed[1]) << i;
  send(one_more, request_bytes(1, "n"));
  auto too_many = connect();
  io.round();
  expect_error(too_many, "overloaded: too many connections");
}

// They may be gone, and all of them together hold a bounded number of places.
TEST_F(ClientListenerTest, OfHalfClosedClientsTheFirstGoWhenTheyHoldTooMuch) {
  constexpr size_t kEach = kMaxHalfClosedRequests / 4;
  std::vector<std::shared_ptr<Pipe>> all;
  for (size_t i = 0; i < 5; ++i) {
    all.push_back(open());
    for (size_t k = 0; k < kEach; ++k) send(all[i], request_bytes(k, "n"));
    all[i]->silent[0] = true;
    io.round();
    if (i == 0) {  // an answer makes room
      for (size_t k = 0; k < kEach / 2; ++k)
        listener->reply(seen[k].connection, k, paxos::Operation::kWrite, {});
      io.round();
    }
    EXPECT_EQ(all[0]->closed[1], i == 4) << i;  // then the others hold exactly the bound
  }
  EXPECT_EQ(gone.size(), 1u);
  for (size_t i = 1; i < 5; ++i) EXPECT_FALSE(all[i]->closed[1]) << i;
  all[1]->closed[0] = true;  // gone altogether: its places are free
  io.round();
  all.push_back(open());
  for (size_t k = 0; k < kEach; ++k) send(all[5], request_bytes(k, "n"));
  all[5]->silent[0] = true;
  io.round();
  for (size_t i = 2; i < 6; ++i) EXPECT_FALSE(all[i]->closed[1]) << i;
  EXPECT_EQ(gone.size(), 2u);
}

TEST_F(ClientListenerTest, AnotherCoreIsServedThere) {
  once::test::FakeIo io_one(network);
  auto one = make_client_listener(io_one, CoreId{1}, 2, this);
  io_one.on_batch_end = [&] { end_round(*one); };
  sibling = one.get();
  for (size_t chunk : {size_t{7}, SIZE_MAX}) {
    seen.clear();
    io.chunk_bytes = chunk;
    auto pipe = connect();
    pipe->to[1] = hello_bytes({kProtocolVersion, ClusterId{{5, 6}}, 3}) + request_bytes(4, "n");
    for (int i = 0; i < 20; ++i) io.round(), io_one.round();
    EXPECT_EQ(seen.size(), 1u);
    EXPECT_EQ(got(pipe).at(0).type, FrameType::kServerHello);
  }
  EXPECT_EQ(handed_to, (std::vector<CoreId>{CoreId{1}, CoreId{1}}));
  EXPECT_EQ(one->connections(), 2u);
  EXPECT_EQ(listener->connections(), 0u);
}

TEST_F(ClientListenerTest, StatusIsAnswered) {
  auto pipe = open();
  send(pipe, made([](auto& out) { encode_status_request(3, out); }));
  auto frames = got(pipe);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(decode_status_reply(frames[0].body)->counters.at(0).first, "writes");
}

TEST_F(ClientListenerTest, AnExplanationIsAnsweredAndCountedLikeARequest) {
  auto pipe = open();
  const std::string question = made([](auto& out) { encode_explain_request(3, {"name"}, out); });
  send(pipe, question);
  auto frames = got(pipe);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].correlation, 3u);
  EXPECT_EQ(decode_explain_reply(frames[0].body)->explanation.version, 4u);
  std::string many;
  for (uint64_t i = 0; i < kMaxInFlightPerConnection; ++i) many += request_bytes(i, "n");
  send(pipe, many);
  while (seen.size() < kMaxInFlightPerConnection) io.round();
  send(pipe, question);
  for (int i = 0; i < 20; ++i) io.round();
  frames = got(pipe);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(decode_explain_reply(frames[0].body)->status, paxos::Status::kOverloaded);
}

TEST_F(ClientListenerTest, AMalformedExplanationEndsTheConnection) {
  auto pipe = open();
  std::string question = made([](auto& out) { encode_explain_request(3, {"name"}, out); });
  question[kFrameHeaderBytes] = 9;  // more bytes of name than there are
  send(pipe, question);
  expect_error(pipe, "malformed explain request");
}

}  // namespace client_listener_test
}  // namespace once::net
