// A session of the client without sockets or a clock: the test is its transport and its time.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "client/session.h"
#include "net/hello.h"
#include "tests/unit/client/durations.h"

namespace once::client {

using paxos::ClientReply;
using paxos::Status;
using Op = paxos::Operation;

inline constexpr uint64_t kSeed = 42;

inline net::ServerHello hello_of(uint16_t node, const std::vector<std::string>& addresses,
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

inline std::string name_homed_at(uint32_t member, uint32_t members, int skip = 0) {
  for (int i = 0;; ++i) {
    std::string name = "name" + std::to_string(i);
    if (home_slot_of(name_hash(name, kSeed), members).value == member && skip-- == 0) return name;
  }
}

class SessionTest : public testing::Test, public Transport {
 protected:
  struct Sent {
    PathId path;
    uint64_t correlation;
    RequestId id;
    std::string name;
    uint32_t timeout_ms;
    Op operation;
    uint64_t version;
  };

  void connect(PathId path, const std::string& address, uint16_t core) override {
    connects.push_back({path, address, core});
    where[path] = address;
  }
  bool send(PathId path, uint64_t correlation, const paxos::ClientRequest& request) override {
    if (full) return false;
    sent.push_back({path, correlation, request.id, std::string(request.name), request.timeout_ms,
                    request.operation, request.version});
    return true;
  }
  void close(PathId path) override { closed.push_back(path); }
  std::string delay(PathId path) const override {
    return path == delayed ? "its name is being looked up" : "";
  }

  void submit(Op operation, const std::string& name, int64_t timeout_ms = 5000,
              uint64_t version = 0) {
    Call call;
    call.operation = operation;
    call.id = request_id(7, ++last_id);
    call.name = name;
    if (paxos::takes_value(operation)) call.value = "value";
    call.version = version;
    call.number = last_id;
    call.deadline_ns = now + timeout_ms * kMs;
    call.done = [this](Result&& result) { results.push_back(std::move(result)); };
    session->submit(std::move(call), now);
  }
  // Every path that was asked for comes up.
  void connect_all(uint16_t cores = 1) {
    for (size_t i = 0; i < connects.size(); ++i) {
      auto [path, address, core] = connects[i];
      session->on_ready(
          path, hello_of(node_of(address), addresses, core == kAnyCore ? 0 : core, cores), now);
    }
    connects.clear();
  }
  uint16_t node_of(const std::string& address) {
    return static_cast<uint16_t>(address[0] - 'a' + 1);
  }
  // Connected to all three, with nothing pending.
  void establish(uint16_t cores = 1) {
    submit(Op::kRead, "first");
    connect_all(cores);
    connect_all(cores);
    ASSERT_FALSE(sent.empty());
    reply(0, Status::kEmpty);
    ASSERT_EQ(results.size(), 1u);
    results.clear();
    sent.clear();
  }
  void reply(size_t which, Status status, RequestId writer = {}, uint64_t version = 1) {
    ClientReply reply;
    reply.status = status;
    reply.state.writer = writer;
    if (writer != RequestId{}) reply.state.version = version;
    session->on_reply(sent[which].path, sent[which].correlation, reply, now);
  }
  void run_until(int64_t end) {
    for (int ticks = 0; session->next_wake_ns() <= end; ++ticks) {
      ASSERT_LT(ticks, 10'000) << "it is woken again and again, and does nothing";
      now = std::max(now, session->next_wake_ns());
      session->on_tick(now);
      for (auto [path, address, core] : std::exchange(connects, {})) {
        session->on_closed(path, "refused", now);
      }
    }
    now = end;
  }

  std::vector<std::string> addresses{"a:1", "b:1", "c:1"};
  std::vector<std::tuple<PathId, std::string, uint16_t>> connects;
  std::map<PathId, std::string> where;
  std::vector<Sent> sent;
  std::vector<PathId> closed;
  std::vector<Result> results;
  bool full = false;
  PathId delayed = kNoPath;
  uint64_t last_id = 0;
  int64_t now = 1000 * kMs;
  std::unique_ptr<Session> session =
      std::make_unique<Session>(SessionOptions{{"a:1", "b:1", "c:1"}, 4, 1}, this);
};

inline const RequestId kOther = request_id(1, 1);

// One operation on its own, in a session that is connected to all.
class SessionRulesTest : public SessionTest {
 protected:
  RequestId own() const { return request_id(7, last_id); }
  void lose(size_t which) { session->on_closed(sent[which].path, "reset", now); }
  void until_sent(size_t count) {
    while (sent.size() < count && results.empty()) run_until(session->next_wake_ns());
    ASSERT_EQ(sent.size(), count);
  }
  void begin(Op operation, uint64_t version = 0, int64_t timeout_ms = 5000) {
    results.clear();
    sent.clear();
    session = std::make_unique<Session>(SessionOptions{{"a:1", "b:1", "c:1"}, 4, 1}, this);
    establish();
    submit(operation, "x", timeout_ms, version);
    ASSERT_EQ(sent.size(), 1u);
  }
  void expect(Outcome outcome, Refusal refusal = Refusal::kNone) {
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(outcome_name(results[0].outcome), outcome_name(outcome));
    EXPECT_EQ(refusal_name(results[0].refusal), refusal_name(refusal));
    EXPECT_EQ(results[0].request_id, own());
  }
};

}  // namespace once::client
