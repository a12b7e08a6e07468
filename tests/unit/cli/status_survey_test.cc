// Who is asked for a status, and what is made of the answers.
#include "cli/status_survey.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "client/socket.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/loopback_listener.h"

namespace once::client {
namespace status_survey_test {

Uuid cluster(uint64_t number) { return Uuid{0, number}; }

NodeStatus up(uint16_t number, const std::string& address, uint64_t of = 1) {
  NodeStatus node;
  node.node = NodeId{number};
  node.address = address;
  node.reachable = true;
  node.cluster = cluster(of);
  node.members = {{NodeId{1}, "a:1"}, {NodeId{2}, "b:2"}, {NodeId{3}, "c:3"}};
  return node;
}
NodeStatus down(const std::string& address) {
  NodeStatus node;
  node.address = address;
  node.message = "no answer in time";
  return node;
}
std::vector<std::string> lines(const Survey& survey) {
  std::vector<std::string> out;
  for (const NodeStatus& node : survey.nodes) {
    out.push_back(std::to_string(node.node.value) + " " + node.address + " " +
                  (node.reachable ? "up" : "down"));
  }
  return out;
}
using Lines = std::vector<std::string>;

TEST(Settle, OneLineForANodeInTheOrderOfTheirNumbers) {
  const Survey survey =
      settle({up(3, "c:3"), up(1, "other:1"), up(3, "c-again:3"), down("b:2"), down("a:1")}, 3);
  EXPECT_EQ(lines(survey), (Lines{"1 other:1 up", "2 b:2 down", "3 c:3 up"}))
      << "node 1 tells an address that is out of reach from here, and answers at another";
  EXPECT_EQ(survey.members, 3u);
}

TEST(Settle, WhoIsOfAnotherClusterSaysNothingAboutThisOne) {
  NodeStatus foreign = up(2, "x:9", 2);
  foreign.members = {{NodeId{2}, "x:9"}, {NodeId{9}, "y:9"}};
  const Survey survey = settle({down("a:1"), up(2, "b:2"), foreign, down("y:9"), up(3, "c:3")}, 3);
  EXPECT_EQ(lines(survey), (Lines{"1 a:1 down", "2 b:2 up", "3 c:3 up", "0 x:9 down"}));
  EXPECT_EQ(survey.members, 3u);
  EXPECT_NE(survey.nodes[3].message.find("it is a node of cluster"), std::string::npos);
}

TEST(Settle, WhereNobodyAnswersThereAreAsManyMembersAsWereAsked) {
  const Survey survey = settle({down("a:1"), down("b:2")}, 2);
  EXPECT_EQ(survey.members, 2u);
  EXPECT_EQ(survey.nodes.size(), 2u);
}

// Six that take connections and say nothing: one after the other they would take six times as long.
TEST(SurveyTest, TheTimeoutBoundsTheWhole) {
  const std::vector<LoopbackListener> listeners(6);
  std::vector<std::string> addresses;
  for (const LoopbackListener& listener : listeners) addresses.push_back(listener.address());
  FakeServer server([](auto&, auto&) { return FakeServer::Act::kSilence; });
  addresses.push_back(server.address());
  const Client client(options_for(addresses[0], 60'000));
  const int64_t began_ns = now_ns();
  auto asking =
      std::async(std::launch::async, [&] { return once::client::survey(client, addresses, 1000); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(server.connections(), 1u) << "the last one is asked while the others say nothing";
  const Survey survey = asking.get();
  const int64_t took_ms = (now_ns() - began_ns) / 1'000'000;
  EXPECT_GE(took_ms, 900);
  EXPECT_LT(took_ms, 4000) << "not a second for each";
  ASSERT_EQ(survey.nodes.size(), 7u);
  EXPECT_TRUE(survey.nodes[0].reachable) << "whoever does answer is heard";
  EXPECT_EQ(survey.nodes[0].address, server.address());
}

}  // namespace status_survey_test
}  // namespace once::client
