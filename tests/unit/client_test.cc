// The client: its session as a pure state machine over an invented clock, and the whole of it
// against a small server on loopback.
#include "client/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/hash.h"
#include "client/session.h"
#include "net/client_codec.h"

namespace once::client {
namespace {

using paxos::ClientReply;
using paxos::Operation;
using paxos::Status;

constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kSeed = 42;

net::ServerHello hello_of(uint16_t node, const std::vector<std::string>& addresses,
                          uint16_t core = 0, uint16_t cores = 1) {
  net::ServerHello hello;
  hello.hash_seed = kSeed;
  hello.shard_count = kShardCount;
  hello.node = NodeId{node};
  hello.core = CoreId{core};
  for (uint16_t i = 0; i < addresses.size(); ++i) {
    hello.members.push_back({NodeId{static_cast<uint16_t>(i + 1)}, cores, addresses[i]});
  }
  return hello;
}

std::string name_homed_at(uint32_t member, uint32_t members, int skip = 0) {
  for (int i = 0;; ++i) {
    std::string name = "name" + std::to_string(i);
    if (home_index_of(name_hash(name, kSeed), members) == member && skip-- == 0) return name;
  }
}

class SessionTest : public testing::Test, public Transport {
 protected:
  struct Sent {
    LaneId lane;
    uint64_t correlation;
    RequestId id;
    std::string name;
    uint32_t timeout_ms;
  };

  void connect(LaneId lane, const std::string& address, uint16_t core) override {
    connects.push_back({lane, address, core});
    where[lane] = address;
  }
  bool send(LaneId lane, uint64_t correlation, const paxos::ClientRequest& request) override {
    if (full) return false;
    sent.push_back({lane, correlation, request.id, std::string(request.name), request.timeout_ms});
    return true;
  }
  void close(LaneId lane) override { closed.push_back(lane); }

  void submit(Operation operation, const std::string& name, int64_t timeout_ms = 5000) {
    Call call;
    call.operation = operation;
    call.id = request_id(7, ++last_id);
    call.name = name;
    call.value = "value";
    call.deadline_ns = now + timeout_ms * kMs;
    call.done = [this](Result&& result) { results.push_back(std::move(result)); };
    session->submit(std::move(call), now);
  }
  // Every lane that was asked for comes up.
  void connect_all(uint16_t cores = 1) {
    for (size_t i = 0; i < connects.size(); ++i) {
      auto [lane, address, core] = connects[i];
      session->on_ready(
          lane, hello_of(node_of(address), addresses, core == kAnyCore ? 0 : core, cores), now);
    }
    connects.clear();
  }
  uint16_t node_of(const std::string& address) {
    return static_cast<uint16_t>(address[0] - 'a' + 1);
  }
  // Connected to all three, with nothing pending.
  void establish(uint16_t cores = 1) {
    submit(Operation::kRead, "first");
    connect_all(cores);
    connect_all(cores);
    ASSERT_FALSE(sent.empty());
    reply(0, Status::kEmpty);
    ASSERT_EQ(results.size(), 1u);
    results.clear();
    sent.clear();
  }
  void reply(size_t which, Status status, RequestId writer = {}) {
    ClientReply reply;
    reply.status = status;
    reply.state.writer = writer;
    session->on_reply(sent[which].lane, sent[which].correlation, reply, now);
  }
  void run_until(int64_t end) {
    while (session->next_wake_ns() <= end) {
      now = std::max(now, session->next_wake_ns());
      session->on_tick(now);
      for (auto [lane, address, core] : std::exchange(connects, {})) {
        session->on_closed(lane, "refused", now);
      }
    }
    now = end;
  }

  std::vector<std::string> addresses{"a:1", "b:1", "c:1"};
  std::vector<std::tuple<LaneId, std::string, uint16_t>> connects;
  std::map<LaneId, std::string> where;
  std::vector<Sent> sent;
  std::vector<LaneId> closed;
  std::vector<Result> results;
  bool full = false;
  uint64_t last_id = 0;
  int64_t now = 1000 * kMs;
  std::unique_ptr<Session> session =
      std::make_unique<Session>(SessionOptions{{"a:1", "b:1", "c:1"}, 4, 1}, this);
};

TEST_F(SessionTest, GoesToTheHomeOfTheName) {
  establish();
  for (uint32_t member = 0; member < 3; ++member) {
    submit(Operation::kWrite, name_homed_at(member, 3));
    ASSERT_EQ(sent.size(), member + 1);
    EXPECT_EQ(where[sent.back().lane], addresses[member]);
  }
}

TEST_F(SessionTest, GoesToTheCoreOfTheShard) {
  establish(4);
  for (int i = 0; i < 20; ++i) {
    const std::string name = name_homed_at(1, 3, i);
    submit(Operation::kRead, name);
    for (auto& entry : connects) {
      const uint16_t want = core_of(shard_of(name_hash(name, kSeed), kShardCount), 4).value;
      if (std::get<1>(entry) == "b:1") {
        EXPECT_EQ(std::get<2>(entry), want);
      }
    }
    connect_all(4);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(where[sent[0].lane], "b:1");
    reply(0, Status::kEmpty);
    sent.clear();
  }
}

TEST_F(SessionTest, UnknownAddressGoesThroughAnotherNode) {
  addresses[2] = "";
  session = std::make_unique<Session>(SessionOptions{{"a:1"}, 4, 1}, this);
  establish();
  submit(Operation::kWrite, name_homed_at(2, 3));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_NE(where[sent[0].lane], "c:1");
}

TEST_F(SessionTest, RefusalsAndWins) {
  establish();
  submit(Operation::kWrite, "x");
  reply(0, Status::kDone, request_id(7, last_id));
  submit(Operation::kWrite, "x");
  reply(1, Status::kAlreadySet, request_id(1, 1));
  submit(Operation::kWrite, "x");
  reply(2, Status::kAlreadySet, request_id(7, last_id));  // an earlier attempt of its own won
  submit(Operation::kRead, "x");
  reply(3, Status::kInvalid);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
  EXPECT_EQ(results[1].outcome, Outcome::kRefused);
  EXPECT_EQ(results[2].outcome, Outcome::kDone);
  EXPECT_EQ(results[3].outcome, Outcome::kInvalid);
}

TEST_F(SessionTest, OutcomesAtTheDeadline) {
  struct Row {
    Operation operation;
    std::optional<Status> answer;  // none: silence
    Outcome outcome;
  };
  const Row rows[] = {
      {Operation::kWrite, Status::kUnavailable, Outcome::kUnavailable},
      {Operation::kWrite, Status::kOverloaded, Outcome::kUnavailable},
      {Operation::kWrite, Status::kUnknown, Outcome::kUnknown},
      {Operation::kWrite, std::nullopt, Outcome::kUnknown},
      {Operation::kRead, Status::kUnavailable, Outcome::kUnavailable},
      {Operation::kRead, Status::kUnknown, Outcome::kUnavailable},
      {Operation::kRead, std::nullopt, Outcome::kUnavailable},
  };
  establish();
  for (const Row& row : rows) {
    results.clear();
    sent.clear();
    submit(row.operation, "x", 1000);
    const int64_t deadline = now + 1000 * kMs;
    size_t answered = 0;
    while (results.empty()) {
      for (; row.answer && answered < sent.size(); ++answered) reply(answered, *row.answer);
      ASSERT_LE(session->next_wake_ns(), deadline);
      run_until(session->next_wake_ns());
    }
    EXPECT_EQ(now, deadline);
    EXPECT_EQ(results[0].outcome, row.outcome);
    for (const Sent& one : sent) EXPECT_EQ(one.id, request_id(7, last_id));
    EXPECT_LT(sent.size(), 20u);  // back-off
    if (row.answer) {
      EXPECT_GT(sent.size(), 4u);
    }
  }
}

TEST_F(SessionTest, OneLostAttemptMakesTheOutcomeUnknown) {
  establish();
  submit(Operation::kWrite, "x", 1000);
  session->on_closed(sent[0].lane, "reset", now);
  size_t answered = 1;
  while (results.empty()) {
    run_until(session->next_wake_ns());
    for (; answered < sent.size(); ++answered) reply(answered, Status::kUnavailable);
  }
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, NeverSentIsUnavailable) {
  submit(Operation::kWrite, "x", 1000);
  EXPECT_EQ(connects.size(), 3u);
  for (auto [lane, address, core] : std::exchange(connects, {})) {
    session->on_closed(lane, "refused", now);
  }
  run_until(now + 1000 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_NE(results[0].message.find("refused"), std::string::npos);
  EXPECT_LT(where.size(), 4u);
}

TEST_F(SessionTest, HedgesToAnotherNodeWithTheSameId) {
  establish();
  submit(Operation::kWrite, "x", 5000);
  ASSERT_EQ(sent.size(), 1u);
  run_until(now + 499 * kMs);
  EXPECT_EQ(sent.size(), 1u);
  run_until(now + 2 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].id, sent[0].id);
  EXPECT_NE(sent[1].lane, sent[0].lane);
  EXPECT_LT(sent[1].timeout_ms, sent[0].timeout_ms);
  reply(1, Status::kDone, sent[0].id);
  reply(0, Status::kDone, sent[0].id);  // late, and nobody minds
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
}

TEST_F(SessionTest, ASilentNodeIsAvoidedForAWhile) {
  establish();
  const std::string name = name_homed_at(0, 3);
  submit(Operation::kWrite, name, 5000);
  run_until(now + 501 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  submit(Operation::kRead, name, 5000);
  EXPECT_NE(sent[2].lane, sent[0].lane);
  reply(0, Status::kDone);
  submit(Operation::kRead, name, 5000);
  EXPECT_EQ(sent[3].lane, sent[0].lane);
}

TEST_F(SessionTest, BeyondTheBoundIsRefusedAtOnce) {
  establish();
  for (int i = 0; i < 5; ++i) submit(Operation::kWrite, "x");
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_EQ(session->pending(), 4u);
  session->finish_all("closed");
  EXPECT_EQ(results.size(), 5u);
  EXPECT_EQ(results[4].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, AnotherClusterIsNotListenedTo) {
  submit(Operation::kRead, "x");
  ASSERT_EQ(connects.size(), 3u);
  session->on_ready(0, hello_of(1, addresses), now);
  net::ServerHello other = hello_of(2, addresses);
  other.cluster.low = 99;
  session->on_ready(1, other, now);
  EXPECT_EQ(closed, std::vector<LaneId>{1});
}

TEST_F(SessionTest, AFullLaneIsNotAnAttempt) {
  establish();
  full = true;
  submit(Operation::kWrite, "x", 100);
  run_until(now + 100 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
}

// --- against a server on loopback ---------------------------------------------------------------

// Serves one connection at a time per thread; `answer` gives the status, silence, or a drop.
class FakeServer {
 public:
  enum class Act { kReply, kSilence, kDrop };
  using Answer = std::function<Act(const paxos::ClientRequest&, ClientReply&)>;

  explicit FakeServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (int fd : connections_) shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (int fd : connections_) close(fd);
    close(listener_);
  }
  const std::string& address() const { return address_; }

 private:
  void accept_all() {
    while (true) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      connections_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::vector<char> in;
    char chunk[4096];
    while (true) {
      const ssize_t got = recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) return;
      in.insert(in.end(), chunk, chunk + got);
      std::string_view rest(in.data(), in.size());
      net::Frame frame;
      while (net::take_frame(rest, frame).value()) {
        std::vector<char> out;
        if (!handle(frame, out)) {
          shutdown(fd, SHUT_RDWR);
          return;
        }
        if (!out.empty()) (void)send(fd, out.data(), out.size(), MSG_NOSIGNAL);
      }
      in.erase(in.begin(), in.end() - static_cast<ptrdiff_t>(rest.size()));
    }
  }
  bool handle(const net::Frame& frame, std::vector<char>& out) {
    if (frame.type == net::FrameType::kClientHello) {
      net::encode_server_hello(hello_of(1, {address_}), out);
    } else if (frame.type == net::FrameType::kStatusRequest) {
      net::encode_status_reply(frame.correlation, {NodeId{1}, 4711, {{"takeovers", 3}}}, out);
    } else if (frame.type == net::FrameType::kRequest) {
      ClientReply reply;
      const Act act = answer_(net::decode_request(frame.body).value(), reply);
      if (act == Act::kDrop) return false;
      if (act == Act::kReply) net::encode_reply(frame.correlation, reply, out);
    }
    return true;
  }

  Answer answer_;
  int listener_;
  std::string address_;
  std::thread acceptor_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
};

Options options_for(const std::string& address, int64_t timeout_ms = 5000) {
  Options options;
  options.endpoints = {address};
  options.timeout_ms = timeout_ms;
  return options;
}

TEST(ClientTest, DoneRefusedAndReads) {
  FakeServer server([](const paxos::ClientRequest& request, ClientReply& reply) {
    reply.state = {1, true, request.id, "the value"};
    if (request.name == "empty") reply = {0, Status::kEmpty, {}};
    if (request.name == "taken") {
      reply.status = Status::kAlreadySet;
      reply.state.writer = request_id(1, 2);
    }
    return FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  const Result done = client.write("free", "v", request_id(3, 4));
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
  EXPECT_EQ(status.pid, 4711u);
  ASSERT_EQ(status.counters.size(), 1u);
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
  FakeServer server([&](const paxos::ClientRequest& request, ClientReply& reply) {
    std::lock_guard lock(mutex);
    ids.push_back(request.id);
    reply.state.writer = request.id;
    return ids.size() < 3 ? FakeServer::Act::kDrop : FakeServer::Act::kReply;
  });
  Client client(options_for(server.address()));
  EXPECT_EQ(client.write("x", "v", request_id(5, 6)).outcome, Outcome::kDone);
  EXPECT_EQ(ids, std::vector<RequestId>(3, request_id(5, 6)));
}

TEST(ClientTest, ManyThreadsAndCallbacksAtOnce) {
  FakeServer server([](const paxos::ClientRequest& request, ClientReply& reply) {
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
          client.read_async(name, [&, name](Result&& r) { done += r.value == name ? 1 : 0; });
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

TEST(ClientTest, NoEndpointsIsAnError) {
  Client client(Options{});
  EXPECT_EQ(client.read("x").outcome, Outcome::kError);
}

}  // namespace
}  // namespace once::client
