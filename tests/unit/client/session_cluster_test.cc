// Which cluster a session is of: the one that is meant, or the one that was met first, and never
// two of them.
#include "tests/unit/client/session_fixture.h"

namespace once::client {
namespace session_cluster_test {

constexpr ClusterId kOne{{0, 1}};
constexpr ClusterId kTwo{{0, 2}};

class SessionClusterTest : public SessionTest {
 protected:
  void make(std::vector<std::string> endpoints, std::optional<ClusterId> expected = {}) {
    session = std::make_unique<Session>(SessionOptions{std::move(endpoints), 4, 1, expected}, this);
  }
  net::ServerHello of(ClusterId cluster, uint16_t node) {
    net::ServerHello hello = hello_of(node, addresses);
    hello.cluster = cluster;
    return hello;
  }
  // The endpoint paths are the first ones, in their order.
  void pass_until(int64_t end_ns) {
    while (now < end_ns) {
      now = std::clamp(session->next_wake_ns(), now + 1, end_ns);
      session->on_tick(now);
    }
  }
  void comes_up(PathId path, ClusterId cluster) {
    session->on_ready(path, of(cluster, static_cast<uint16_t>(path + 1)), now);
  }
  void expect_error(const std::vector<std::string>& words) {
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(outcome_name(results[0].outcome), "error");
    for (const std::string& word : words) {
      EXPECT_NE(results[0].message.find(word), std::string::npos) << results[0].message;
    }
    EXPECT_TRUE(sent.empty());
  }
};

TEST_F(SessionClusterTest, EndpointsOfTwoClustersAreAMistake) {
  for (const auto& [first, second] : {std::pair(0u, 1u), std::pair(1u, 0u)}) {
    make({"a:1", "b:1"});
    results.clear();
    submit(Op::kWrite, "x");
    comes_up(first, first == 0 ? kOne : kTwo);
    EXPECT_TRUE(sent.empty()) << "it cannot be known yet which cluster is meant";
    comes_up(second, second == 0 ? kOne : kTwo);
    expect_error({"a:1", "b:1", "00000001", "00000002"});
    // For good: which of them is meant can only be said by who wrote the list.
    results.clear();
    submit(Op::kRead, "y");
    expect_error({"a:1", "b:1"});
  }
}

TEST_F(SessionClusterTest, TheThirdEndpointIsComparedToo) {
  submit(Op::kWrite, "x");
  comes_up(0, kOne);
  comes_up(1, kOne);
  comes_up(2, kTwo);
  expect_error({"c:1"});
}

TEST_F(SessionClusterTest, ASlowEndpointIsNotWaitedForLong) {
  make({"a:1", "b:1"});
  submit(Op::kWrite, "x");
  comes_up(0, kOne);
  EXPECT_TRUE(sent.empty());
  const int64_t met = now;
  while (sent.empty() && now < met + 10 * kSettleNs) {
    now = std::max(now + 1, session->next_wake_ns());
    session->on_tick(now);
  }
  EXPECT_FALSE(sent.empty());
  EXPECT_LE(now, met + 2 * kSettleNs);
  // Too late to be a mistake of the list; it is not used, and what fails tells of it.
  closed.clear();
  comes_up(1, kTwo);
  EXPECT_EQ(closed, std::vector<PathId>{1});
  EXPECT_TRUE(results.empty());
}

TEST_F(SessionClusterTest, EndpointsThatAreDownAreNotWaitedFor) {
  submit(Op::kWrite, name_homed_at(0, 3));
  session->on_closed(1, "refused", now);
  session->on_closed(2, "refused", now);
  comes_up(0, kOne);
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(SessionClusterTest, OnlyTheExpectedClusterIsUsed) {
  make({"a:1", "b:1"}, kTwo);
  submit(Op::kWrite, name_homed_at(1, 3));
  comes_up(0, kOne);
  EXPECT_EQ(closed, std::vector<PathId>{0});
  EXPECT_TRUE(sent.empty());
  EXPECT_TRUE(results.empty());
  comes_up(1, kTwo);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(where[sent[0].path], "b:1");
  EXPECT_TRUE(results.empty());
}

TEST_F(SessionClusterTest, ItIsNotWaitedForWhatIsExpected) {
  make({"a:1", "b:1"}, kOne);
  submit(Op::kWrite, name_homed_at(0, 3));
  comes_up(0, kOne);
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(SessionClusterTest, NoEndpointOfTheExpectedClusterIsAMistake) {
  make({"a:1", "b:1"}, ClusterId{{0, 3}});
  submit(Op::kWrite, "x");
  comes_up(0, kOne);
  EXPECT_TRUE(results.empty()) << "the other one may be right";
  comes_up(1, kTwo);
  expect_error({"b:1", "00000002", "00000003", "expected"});
  // They may be put right: asked again, and used.
  results.clear();
  submit(Op::kWrite, name_homed_at(1, 3), 60'000);
  EXPECT_TRUE(results.empty());
  run_until(now + 1000 * kMs);
  comes_up(1, ClusterId{{0, 3}});
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_TRUE(results.empty());
}

// A node that moved to another cluster's machine, while the client runs: the others are used.
TEST_F(SessionClusterTest, AMemberThatIsOfAnotherClusterLaterIsNotUsed) {
  establish();
  const PathId path = 1;
  session->on_closed(path, "gone", now);
  closed.clear();
  net::ServerHello hello = hello_of(2, addresses);
  hello.cluster = kTwo;
  session->on_ready(path, hello, now);
  EXPECT_EQ(closed, std::vector<PathId>{path});
  submit(Op::kWrite, name_homed_at(1, 3));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_NE(where[sent[0].path], "b:1");
}

// One id, and two lists of members: they would look for a name at different homes.
TEST_F(SessionClusterTest, AnotherListOfMembersIsAnotherCluster) {
  for (int which = 0; which < 5; ++which) {
    make({"a:1", "b:1"});
    results.clear();
    submit(Op::kWrite, "x");
    net::ServerHello other = of(kOne, 2);
    if (which == 0) other.members.pop_back();
    if (which == 1) other.members.push_back({NodeId{4}, 1, "d:1"});
    if (which == 2) ++other.hash_seed;
    if (which == 3) other.members[2].node = NodeId{5};
    if (which == 4) std::swap(other.members[0], other.members[2]);  // other slots, other homes
    comes_up(0, kOne);
    session->on_ready(1, other, now);
    expect_error({"b:1", "a:1", "members"});
  }
}

// Who listens there may be anybody: with such numbers one divides by zero, or counts beyond the
// end.
TEST_F(SessionClusterTest, AMapThatMakesNoSenseIsNotUsed) {
  constexpr uint16_t kTooMany = kMaxCores + 1;
  for (int which = 0; which < 5; ++which) {
    make({"a:1"});
    closed.clear();
    submit(Op::kWrite, "x");
    net::ServerHello hostile = of(kOne, 1);
    if (which == 0) hostile.members[2].cores = 0;
    if (which == 1) hostile.members[0].cores = kTooMany;
    if (which == 1) hostile.shard_count = 65535;
    if (which == 2) hostile.members.clear();
    if (which == 3) hostile.members.resize(kMaxNodes + 1, {NodeId{7}, 1, "d:1"});
    if (which == 4) hostile.shard_count = 0;
    session->on_ready(0, hostile, now);
    EXPECT_EQ(closed, std::vector<PathId>{0}) << which;
    EXPECT_TRUE(sent.empty()) << which;
  }
}

// What may differ between nodes of one cluster: addresses that they have not heard of, and cores.
TEST_F(SessionClusterTest, OneClusterIsSeenDifferentlyByItsNodes) {
  make({"a:1", "b:1"});
  submit(Op::kWrite, name_homed_at(0, 3));
  comes_up(0, kOne);
  net::ServerHello other = of(kOne, 2);
  other.members[2].client_address.clear();
  other.members[1].cores = 4;
  session->on_ready(1, other, now);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(sent.size(), 1u);
}

// --- nobody there, or nobody of ours ------------------------------------------------------------

TEST_F(SessionClusterTest, WhereNoEndpointLeadsToANodeThatIsSaidAtOnce) {
  make({"a:1", "b:1"});
  submit(Op::kWrite, "x");
  session->on_stranger(0, "an HTTP server is there", now);
  EXPECT_TRUE(results.empty()) << "the other one may be a node";
  session->on_stranger(1, "a port between nodes", now);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(outcome_name(results[0].outcome), "invalid");
  EXPECT_EQ(results[0].message, "a:1: an HTTP server is there; b:1: a port between nodes");
}

TEST_F(SessionClusterTest, AWrongPortBesideRightOnesIsNotUsed) {
  make({"a:1", "b:1"});
  submit(Op::kWrite, "x");
  session->on_stranger(0, "an HTTP server is there", now);
  comes_up(1, kOne);
  connects.clear();
  run_until(now + 100 * kMs);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(SessionClusterTest, AForeignNodeAndAWrongPortAreAnErrorOfBoth) {
  make({"a:1", "b:1"}, kOne);
  submit(Op::kWrite, "x");
  comes_up(0, kTwo);
  session->on_stranger(1, "an HTTP server is there", now);
  expect_error({"a:1", "which is expected", "b:1: an HTTP server is there"});
}

// Who listens there now may be gone tomorrow.
TEST_F(SessionClusterTest, APortThatIsTakenByANodeLaterIsUsed) {
  make({"a:1"});
  submit(Op::kRead, "x");
  session->on_stranger(0, "an HTTP server is there", now);
  ASSERT_EQ(results.size(), 1u);
  results.clear();
  now += 1000 * kMs;
  submit(Op::kRead, "x");
  EXPECT_TRUE(results.empty()) << "it is looked at again";
  ASSERT_EQ(connects.size(), 2u);
  comes_up(0, kOne);
  connects.clear();
  run_until(now + 100 * kMs);
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(SessionClusterTest, AtTheDeadlineAllAreNamedWithWhatIsInTheWay) {
  make({"a:1", "b:1", "c:1"});
  const uint64_t before = session->news();
  submit(Op::kRead, "x", 1000);
  EXPECT_EQ(session->trouble(), "a:1, b:1, c:1: no answer yet");
  session->on_closed(0, "refused", now);
  session->on_closed(2, "refused", now);
  EXPECT_NE(session->news(), before);
  EXPECT_EQ(session->trouble(), "a:1, c:1: refused; b:1: no answer yet");
  run_until(now + 2000 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].message, "no node answers: a:1, b:1, c:1: refused");
}

// It is connected, so there is no trouble to see but in what it says.
TEST_F(SessionClusterTest, WhoReachesNoMajorityIsNamedUntilSomethingIsSettled) {
  make({"a:1"});
  submit(Op::kRead, "x");
  comes_up(0, kOne);
  connects.clear();
  const auto next_attempt = [&](size_t count) {
    while (sent.size() < count && results.empty()) run_until(session->next_wake_ns());
    ASSERT_EQ(sent.size(), count);
  };
  next_attempt(1);
  EXPECT_EQ(session->without_majority(), "");
  uint64_t before = session->news();
  reply(0, Status::kUnavailable);
  EXPECT_EQ(session->without_majority(), "a:1");
  EXPECT_EQ(session->trouble(), "");
  EXPECT_NE(session->news(), before);
  size_t count = 1;
  for (const Status tells_nothing : {Status::kOverloaded, Status::kUnknown}) {
    next_attempt(++count);
    reply(count - 1, tells_nothing);
    EXPECT_EQ(session->without_majority(), "a:1");
  }
  next_attempt(++count);
  before = session->news();
  reply(count - 1, Status::kEmpty);
  EXPECT_EQ(session->without_majority(), "");
  EXPECT_NE(session->news(), before);
  EXPECT_EQ(results.size(), 1u);
}

TEST_F(SessionClusterTest, AnOperationThatEndsForThatReasonSaysSo) {
  make({"a:1"});
  submit(Op::kWrite, "x", 300);
  comes_up(0, kOne);
  connects.clear();
  for (size_t answered = 0; results.empty();) {
    run_until(session->next_wake_ns());
    while (answered < sent.size()) reply(answered++, Status::kUnavailable);
  }
  EXPECT_EQ(outcome_name(results[0].outcome), "unavailable");
  EXPECT_EQ(results[0].message, "a:1 reaches no majority of the nodes");
}

// One has it and says nothing, since it waits for the others.
TEST_F(SessionClusterTest, WhereTheAnswerIsMissingThoseThatAreNotReachedAreNamed) {
  submit(Op::kWrite, "x", 3000);
  comes_up(0, kOne);
  while (results.empty()) {  // nobody answers, and nobody refuses
    now = std::max(now + 1, session->next_wake_ns());
    session->on_tick(now);
  }
  EXPECT_EQ(outcome_name(results[0].outcome), "unknown");
  EXPECT_EQ(results[0].message, "no answer in time; not reached: b:1, c:1: no answer in time");
}

// Node 3 moves from c to d, which its peers tell. An address that it has left is nobody's.
class LeftAddressTest : public SessionClusterTest {
 protected:
  net::ServerHello moved(uint16_t node) {
    net::ServerHello hello = of(kOne, node);
    hello.members[2].client_address = "d:1";
    return hello;
  }
  // Node 1 answers all, c nothing: until it was dialled in vain so often that the map is asked for
  // again; then d, if it is `there`.
  void leave_c(bool there) {
    for (int round = 0; round < 100; ++round) {
      const size_t before = sent.size();
      submit(Op::kRead, name_homed_at(2, 3));
      now += 100 * kMs;
      session->on_tick(now);
      for (const auto& [path, address, core] : std::exchange(connects, {})) {
        if (address == "a:1") session->on_ready(path, moved(1), now);
        if (address == "d:1" && there) session->on_ready(path, moved(3), now);
      }
      for (size_t i = before; i < sent.size(); ++i) reply(i, Status::kEmpty);
    }
    results.clear();
  }
  std::string said_at_the_end() {
    submit(Op::kWrite, name_homed_at(0, 3), 300);
    while (results.empty()) {
      now = std::max(now + 1, session->next_wake_ns());
      session->on_tick(now);
    }
    return results[0].message;
  }
};

TEST_F(LeftAddressTest, IsNotNamedAmongThoseThatAreNotReached) {
  for (const bool there : {true, false}) {
    make({"a:1"});
    submit(Op::kRead, name_homed_at(2, 3));
    comes_up(0, kOne);
    leave_c(there);
    EXPECT_EQ(said_at_the_end(), there ? "no answer in time"
                                       : "no answer in time; not reached: d:1: no answer in time");
  }
}

// It is an endpoint, which is dialled all the same; but its node is reached.
TEST_F(LeftAddressTest, OfANodeThatAnswersElsewhereIsNotNamed) {
  make({"a:1", "c:1"});
  submit(Op::kRead, name_homed_at(2, 3));
  comes_up(0, kOne);
  session->on_ready(1, of(kOne, 3), now);
  session->on_dismissed(1, "it stops", now);
  leave_c(true);
  EXPECT_EQ(said_at_the_end(), "no answer in time");
}

// An hour ago a connection broke; what a silent node owes now has another reason.
TEST_F(SessionClusterTest, TroubleThatIsOverIsNoReason) {
  for (const int64_t since_ns : {int64_t{0}, 4 * kSecond, 3600 * kSecond}) {
    make({"a:1", "b:1"});
    submit(Op::kRead, name_homed_at(0, 3), 100);
    comes_up(0, kOne);
    comes_up(1, kOne);
    session->on_closed(1, "reset by peer", now);
    session->on_ready(1, of(kOne, 2), now);
    reply(sent.size() - 1, Status::kEmpty);
    pass_until(now + since_ns);
    results.clear();
    submit(Op::kWrite, name_homed_at(0, 3), 300);
    pass_until(now + kSecond);
    ASSERT_EQ(results.size(), 1u);
    const bool lately = since_ns < 3600 * kSecond;
    EXPECT_EQ(results[0].message.find("reset by peer") != std::string::npos, lately)
        << results[0].message;
    EXPECT_EQ(results[0].message.find("no answer in time") != std::string::npos, !lately)
        << results[0].message;
  }
}

// The one that is connected says nothing, and the other one is not reached yet.
TEST_F(SessionClusterTest, WhatIsInTheWayOfTheOthersIsSaidWhereTheAnswerIsMissing) {
  make({"a:1", "name:1"});
  delayed = 1;
  submit(Op::kWrite, "x", 500);
  comes_up(0, kOne);
  while (results.empty()) {
    now = std::max(now + 1, session->next_wake_ns());
    session->on_tick(now);
  }
  EXPECT_EQ(results[0].message, "name:1: its name is being looked up");
}

TEST_F(SessionClusterTest, WhereSomebodyAnswersThereIsNoTrouble) {
  submit(Op::kRead, "x");
  session->on_closed(0, "refused\x1b[2J", now);
  EXPECT_NE(session->trouble().find("a:1: refused\\x1b[2J"), std::string::npos);
  const uint64_t before = session->news();
  comes_up(1, kOne);
  EXPECT_EQ(session->trouble(), "");
  EXPECT_NE(session->news(), before);
}

}  // namespace session_cluster_test
}  // namespace once::client
