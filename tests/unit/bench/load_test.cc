// Loads against a node that is made up: what its answers make of a run.
#include "bench/load.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "bench/figures.h"
#include "bench/names.h"
#include "bench/wait_load.h"
#include "reactor/make_io.h"
#include "tests/unit/client/fake_server.h"

namespace once::bench {
namespace load_test {

using client::FakeServer;
using Op = paxos::Operation;
using paxos::Status;
using Clock = std::chrono::steady_clock;

Options options_for(const FakeServer& node, Op operation) {
  Options o;
  o.endpoints = {node.address()};
  o.operation = operation;
  o.connections = o.in_flight = 1;
  o.seconds = 0.3;
  o.warmup_seconds = 0;
  return o;
}

std::unique_ptr<reactor::Io> any_io() {
  return reactor::make_io({.backend = reactor::choose_backend("auto").backend}).value();
}

LoadResult run(const Options& options) {
  const auto io = any_io();
  Team team(1, random_bits());
  return Load(*io, options, {team, 0}).run();
}

// A token that was drawn before is worse than none: two callers have it.
TEST(Load, ATokenThatComesTwiceIsAProtocolError) {
  std::atomic<bool> again{false};
  std::atomic<uint64_t> last{0};
  FakeServer node([&](const paxos::ClientRequest&, FakeServer::Reply& reply) {
    reply.status = Status::kDone;
    reply.state.version = again ? 7 : ++last;
    return FakeServer::Act::kReply;
  });
  Options o = options_for(node, Op::kNext);
  o.hot_names = 1;
  const LoadResult right = run(o);
  EXPECT_EQ(right.failure, "");
  EXPECT_EQ(right.protocol_errors, 0u) << right.first_protocol_error;
  EXPECT_EQ(exit_code(right), 0);
  again = true;
  const LoadResult wrong = run(o);
  EXPECT_EQ(wrong.failure, "");
  EXPECT_GT(wrong.protocol_errors, 0u);
  EXPECT_EQ(exit_code(wrong), 1);
}

// A node that takes no writes for a while; and then who waits for a name is told of it.
class LateNode {
 public:
  explicit LateNode(std::chrono::milliseconds late) : late_(late) {}
  ~LateNode() { over_ = true; }
  const FakeServer& node() const { return node_; }
  int refused() const { return refused_; }

 private:
  FakeServer::Act answer(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    const std::string name(request.name);
    if (request.operation == Op::kWait) {
      while (!over_ && !has(name)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      reply.status = Status::kDone;
      reply.told = value_;
      return FakeServer::Act::kReply;
    }
    const std::lock_guard lock(mutex_);
    if (first_ == Clock::time_point{}) first_ = Clock::now();
    if (Clock::now() - first_ < late_) {
      ++refused_;
      reply.status = Status::kUnavailable;
    } else {
      value_ = std::string(request.value);
      written_.insert(name);
      reply.status = Status::kDone;
    }
    return FakeServer::Act::kReply;
  }
  bool has(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return written_.contains(name);
  }

  const std::chrono::milliseconds late_;
  std::atomic<bool> over_{false};
  std::atomic<int> refused_{0};
  std::mutex mutex_;
  Clock::time_point first_;        // by mutex_
  std::set<std::string> written_;  // by mutex_
  std::string value_;              // by mutex_
  FakeServer node_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    return answer(request, reply);
  }};
};

TEST(WaitLoad, AWriteIsTriedAgainAfterAPauseAndTheWarmUpIsNotCounted) {
  LateNode late(std::chrono::milliseconds(500));
  Options o = options_for(late.node(), Op::kWait);
  o.warmup_seconds = 1.5;
  const auto io = any_io();
  const LoadResult result = WaitLoad(*io, o).run();
  EXPECT_EQ(result.failure, "");
  EXPECT_GE(late.refused(), 2);
  EXPECT_LE(late.refused(), 50) << "it does not ask as fast as it is answered";
  EXPECT_GT(result.done, 0u);
  EXPECT_EQ(result.errors.total(), 0u) << "they were of the warm-up";
}

}  // namespace load_test
}  // namespace once::bench
