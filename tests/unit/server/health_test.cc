#include "server/health.h"

#include <gtest/gtest.h>

#include "server/own_hosts.h"

namespace once::server {
namespace health_test {

constexpr int64_t kSecond = 1'000'000'000;

NodeFigures well() {
  NodeFigures node;
  node.log_read = true;
  node.admitted = true;
  node.peers = {{NodeId{2}, true, true, 0}, {NodeId{3}, true, true, 0}};
  return node;
}

TEST(Liveness, IsThatEachLoopTurns) {
  const doors::Health both = liveness({5 * kSecond, 0});
  EXPECT_TRUE(both.well);
  EXPECT_EQ(both.text, "[+]core-0 ok\n[+]core-1 ok\n");
  EXPECT_TRUE(liveness({kLoopHangsNs - 1}).well);
  const doors::Health one = liveness({11 * kSecond, 0});
  EXPECT_FALSE(one.well) << "although the last one turns";
  EXPECT_EQ(one.text,
            "[-]core-0 failed: its loop has not turned for 11 s\n"
            "[+]core-1 ok\n");
  EXPECT_FALSE(liveness({kLoopHangsNs}).well);
}

TEST(Readiness, NeedsAllFour) {
  EXPECT_TRUE(readiness(well()).well);
  EXPECT_EQ(readiness(well()).text, "[+]log ok\n[+]vote ok\n[+]majority ok\n[+]stopping ok\n");
  NodeFigures node = well();
  node.log_read = false;
  EXPECT_FALSE(readiness(node).well);
  EXPECT_NE(readiness(node).text.find("[-]log failed: it is being read\n"), std::string::npos);
  node = well();
  node.admitted = false;
  EXPECT_FALSE(readiness(node).well);
  EXPECT_NE(readiness(node).text.find("not every member has met its disk"), std::string::npos);
  node.withdrawn = true;
  EXPECT_NE(readiness(node).text.find("called by others"), std::string::npos);
  node = well();
  node.stopping = true;
  EXPECT_FALSE(readiness(node).well);
}

TEST(Readiness, CountsTheNodeItselfIntoTheMajority) {
  NodeFigures node = well();
  node.peers[0].up = false;
  EXPECT_TRUE(readiness(node).well) << "2 of 3";
  node.peers[1].up = false;
  EXPECT_FALSE(readiness(node).well) << "1 of 3";
  EXPECT_NE(
      readiness(node).text.find("[-]majority failed: 1 of 3 nodes are reached, 2 are needed\n"),
      std::string::npos);
  node.peers.pop_back();
  node.peers[0].up = false;
  EXPECT_FALSE(readiness(node).well) << "1 of 2 is no majority";
  node.peers.clear();
  EXPECT_TRUE(readiness(node).well) << "it is all of its cluster";
}

TEST(OwnHosts, AreThoseThatWereGivenAndEveryAddressInDigits) {
  OwnHosts hosts;
  hosts.add_address("Node-1.example:7401");
  hosts.add_address("[fe80::1]:7401");
  hosts.add_host("proxy.example.");
  for (const char* own : {"node-1.example", "NODE-1.EXAMPLE.", "proxy.example", "localhost",
                          "LocalHost", "127.0.0.1", "10.1.2.3", "127.1", "0x7f000001", "::1",
                          "[::1]", "[2001:db8::7]", "[::ffff:10.0.0.1]", "fe80::1"}) {
    EXPECT_TRUE(hosts.has(own)) << own;
  }
  for (const char* other : {"", ".", "evil.example", "node-1.example.evil.example", "node-1",
                            "1.2.3.4.evil.example", "127.0.0.1 evil", "[evil.example]", "bad.cafe",
                            "localhost.evil.example", "256.1.1.1", "[]", "1.2.3.4\n"}) {
    EXPECT_FALSE(hosts.has(other)) << other;
  }
}

}  // namespace health_test
}  // namespace once::server
