// How a node is asked what it holds of a name: at the right core, within its time, and what an
// older node says.
#include "cli/explain.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cli/explain_verdict.h"
#include "client/socket.h"
#include "tests/unit/client/fake_server.h"

namespace once::client {
namespace explain_test {

struct Explain : testing::Test {
  // Answers each question in turn; the last one again and again.
  NodeExplanation ask(std::vector<net::ExplainReply> replies, int64_t timeout_ms = 2000) {
    std::atomic<size_t> asked{0};
    FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
    server.explain = [&](const net::ExplainRequest& request) {
      EXPECT_EQ(request.name, "door");
      return replies[std::min(asked++, replies.size() - 1)];
    };
    NodeExplanation told = ask_explanation(names, server.address(), {}, "door", timeout_ms);
    questions = asked;
    wanted_core = server.wanted_core();
    return told;
  }
  static net::ExplainReply reply(paxos::Status status, uint16_t core = 0) {
    net::ExplainReply made;
    made.status = status;
    made.core = CoreId{core};
    made.explanation.version = 7;
    return made;
  }
  NameResolver names;
  size_t questions = 0;
  uint16_t wanted_core = 0;  // of the last one
};

TEST_F(Explain, TellsWhatTheNodeSays) {
  const NodeExplanation told = ask({reply(paxos::Status::kDone, 1)});
  EXPECT_TRUE(told.node.reachable);
  EXPECT_EQ(told.node.node, NodeId{1});
  EXPECT_EQ(told.told.version, 7u);
  EXPECT_EQ(told.core, 1u);
  EXPECT_EQ(wanted_core, net::kAnyCore);
}

TEST_F(Explain, AsksTheCoreThatTheNameBelongsTo) {
  const NodeExplanation told =
      ask({reply(paxos::Status::kConflict, 2), reply(paxos::Status::kDone, 2)});
  EXPECT_TRUE(told.node.reachable);
  EXPECT_EQ(told.core, 2u);
  EXPECT_EQ(wanted_core, 2u);
  EXPECT_EQ(questions, 2u);
  const NodeExplanation lost = ask({reply(paxos::Status::kConflict, 2)});
  EXPECT_FALSE(lost.node.reachable);
  EXPECT_EQ(questions, 2u) << "it is not sent round and round";
  EXPECT_NE(lost.node.message, "");
}

TEST_F(Explain, AsksAgainWhoeverHadNoTurnForItUntilTheTimeIsOver) {
  const auto busy = reply(paxos::Status::kOverloaded);
  EXPECT_TRUE(ask({busy, busy, reply(paxos::Status::kDone)}).node.reachable);
  EXPECT_EQ(questions, 3u);
  const int64_t began_ns = now_ns();
  const NodeExplanation told = ask({busy}, 200);
  EXPECT_LT(now_ns() - began_ns, 2'000'000'000);
  EXPECT_FALSE(told.node.reachable);
  EXPECT_EQ(told.node.message, "it is overloaded");
}

TEST_F(Explain, WhoStopsIsNotCounted) {
  const NodeExplanation told = ask({reply(paxos::Status::kUnavailable)});
  EXPECT_FALSE(told.node.reachable);
  EXPECT_EQ(told.node.message, "it is stopping");
}

TEST_F(Explain, AnEarlierVersionIsNamed) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  server.refuses_explain = "unknown frame type or reserved bytes in use";
  const NodeExplanation told = ask_explanation(names, server.address(), {}, "door", 2000);
  EXPECT_FALSE(told.node.reachable);
  EXPECT_EQ(told.node.message, "it runs an earlier version of once, which cannot explain names");
}

TEST_F(Explain, OfAClusterIsWhatItsNodesTell) {
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  const NameExplanation all = explain_name(names, {server.address()}, {}, "door", 2000);
  ASSERT_EQ(all.nodes.size(), 1u);
  EXPECT_TRUE(all.nodes[0].node.reachable);
  EXPECT_EQ(all.members, 1u);
  EXPECT_EQ(verdict_of(all).standing, NameStanding::kEmpty);
}

}  // namespace explain_test
}  // namespace once::client
