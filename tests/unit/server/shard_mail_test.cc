// Two cores of one node: requests cross to the core that owns the name, answers cross back, and
// the letters that carry them are used again.
#include <gtest/gtest.h>

#include "tests/check/allocation_count.h"
#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace {

using paxos::Output;
using paxos::Status;

class ShardMail : public testing::Test {
 protected:
  ShardMail() {
    a.log.report(1);
    b.log.report(1);
  }
  // The replica of core 1 answers the last `count` requests that came to it.
  void answer_last(size_t count, std::string_view value) {
    b.replica.script.push_back([this, count, value](Output& out) {
      const auto& requests = b.replica.requests;
      for (size_t i = requests.size() - count; i < requests.size(); ++i) {
        FakeReplica::reply(out, requests[i].token(), value);
      }
    });
  }
  static void wake(Core& core) {
    core.shard.on_wake();
    core.round();
  }

  PostOffice office{2};
  Core a{0, &office};
  Core b{1, &office, 4};
};

TEST_F(ShardMail, CarriesARequestToTheOwnerOfTheNameAndItsAnswerBack) {
  a.request(70, "1-name", "value");
  EXPECT_TRUE(a.replica.requests.empty());
  EXPECT_EQ(a.io.wakes + b.io.wakes, 0) << "woken once a round";
  a.round();
  EXPECT_EQ(b.io.wakes, 1);
  answer_last(1, "winner");
  wake(b);
  ASSERT_EQ(b.replica.requests.size(), 1u);
  EXPECT_EQ(b.replica.requests[0].name, "1-name");
  EXPECT_EQ(b.replica.requests[0].value, "value");
  EXPECT_TRUE(b.listener.replies.empty());
  EXPECT_EQ(b.shard.outstanding(), 0u);
  EXPECT_EQ(a.io.wakes, 1);
  EXPECT_EQ(a.shard.outstanding(), 1u);
  wake(a);
  ASSERT_EQ(a.listener.replies.size(), 1u);
  EXPECT_EQ(a.listener.replies[0].connection, 7u);
  EXPECT_EQ(a.listener.replies[0].correlation, 70u);
  EXPECT_EQ(a.listener.replies[0].value, "winner");
  EXPECT_EQ(a.shard.outstanding(), 0u);
}

// A client went away: each core is told of those of its requests that are there.
TEST_F(ShardMail, ForgetsTheRequestsOfAConnectionThatIsGone) {
  a.request(1, "0-name");
  a.request(2, "1-name");
  paxos::ClientRequest of_another;
  of_another.name = "1-name";
  a.shard.client_handler()->on_request({9}, 3, of_another);
  of_another.name = "0-name";
  a.shard.client_handler()->on_request({9}, 4, of_another);
  a.round();
  wake(b);
  ASSERT_EQ(b.replica.requests.size(), 2u);
  a.shard.client_handler()->on_gone({8});  // which asked for nothing
  a.tick();
  EXPECT_TRUE(a.replica.forgotten.empty());
  a.shard.client_handler()->on_gone({7});
  EXPECT_TRUE(a.replica.forgotten.empty()) << "with the next tick";
  a.tick();
  ASSERT_EQ(a.replica.forgotten.size(), 2u) << "which of them are its own, the replica knows";
  EXPECT_EQ(a.replica.forgotten[0], a.replica.requests[0].token());
  EXPECT_EQ(b.io.wakes, 2);
  wake(b);
  EXPECT_EQ(b.replica.forgotten, std::vector<uint64_t>{b.replica.requests[0].token()});
  EXPECT_EQ(a.shard.outstanding(), 4u) << "each still gets its one answer";
}

// Two cores may know requests by one number: each speaks of its own alone.
TEST(ShardMailOfThree, ForgetsWhatTheCoreThatSaysSoAskedFor) {
  PostOffice office{3};
  Core asked{1, &office}, one{0, &office}, other{2, &office};
  for (Core* core : {&asked, &one, &other}) core->log.report(1);
  one.request(1, "1-name");
  other.request(1, "1-name");
  for (Core* core : {&one, &other}) {
    core->round();
    asked.shard.on_wake();
    asked.round();
  }
  ASSERT_EQ(asked.replica.requests.size(), 2u);
  one.shard.client_handler()->on_gone({7});
  one.tick();
  asked.shard.on_wake();
  asked.round();
  EXPECT_EQ(asked.replica.forgotten, std::vector<uint64_t>{asked.replica.requests[0].token()});
}

// It came, its client went and the tick was due in one round: it is no wait before the step.
TEST_F(ShardMail, ForgetsAWaitOfThisRoundBehindItsStep) {
  a.request(1, "0-name");
  a.request(2, "1-name");
  a.shard.client_handler()->on_gone({7});
  a.shard.on_timer(a.io.timer);
  EXPECT_TRUE(a.replica.forgotten.empty());
  a.round();
  ASSERT_EQ(a.replica.requests.size(), 1u);
  ASSERT_EQ(a.replica.forgotten.size(), 2u);
  EXPECT_EQ(a.replica.forgotten[0], a.replica.requests[0].token());
  b.shard.on_wake();  // both letters at once
  EXPECT_TRUE(b.replica.forgotten.empty());
  b.round();
  ASSERT_EQ(b.replica.requests.size(), 1u);
  EXPECT_EQ(b.replica.forgotten, std::vector<uint64_t>{b.replica.requests[0].token()});
  b.replica.forgotten.clear();
  b.round();
  EXPECT_TRUE(b.replica.forgotten.empty()) << "once: its number may be another's by then";
}

TEST_F(ShardMail, KeepsARequestForItsOwnNameAtHome) {
  a.request(1, "0-name");
  a.round();
  EXPECT_EQ(a.replica.requests.size(), 1u);
  EXPECT_EQ(b.io.wakes, 0);
}

TEST_F(ShardMail, ARequestIsInHandOnce) {
  a.request(1, "1-name");
  a.round();
  wake(b);
  ASSERT_EQ(b.replica.requests.size(), 1u);
  for (Core* core : {&a, &b}) core->shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(a.host.published["operations"], 1u);
  EXPECT_EQ(b.host.published["operations"], 0u);
}

TEST_F(ShardMail, WhatTheOwnerHasNoPlaceForIsCountedThere) {
  for (uint64_t i = 1; i <= 5; ++i) a.request(i, "1-name");
  a.round();
  wake(b);
  wake(a);
  for (Core* core : {&a, &b}) core->shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(a.host.published["overloaded"], 0u);
  EXPECT_EQ(b.host.published["overloaded"], 1u);
}

TEST_F(ShardMail, SaysOverloadedWhileTheOwnersLogIsBehind) {
  b.log.is_behind = true;
  a.request(1, "1-name");
  a.round();
  wake(b);
  EXPECT_TRUE(b.replica.requests.empty());
  wake(a);
  ASSERT_EQ(a.listener.replies.size(), 1u);
  EXPECT_EQ(a.listener.replies[0].status, Status::kOverloaded);
  EXPECT_EQ(a.shard.outstanding(), 0u);
}

TEST_F(ShardMail, SaysOverloadedWhenTheOwnersTableIsFull) {
  for (uint64_t i = 1; i <= 5; ++i) a.request(i, "1-name");
  a.round();
  wake(b);
  EXPECT_EQ(b.replica.requests.size(), 4u);
  wake(a);
  ASSERT_EQ(a.listener.replies.size(), 1u);
  EXPECT_EQ(a.listener.replies[0].correlation, 5u);
  EXPECT_EQ(a.listener.replies[0].status, Status::kOverloaded);
  EXPECT_EQ(a.shard.outstanding(), 4u);
}

TEST(ShardMailBounds, SaysOverloadedWhenTheBoxIsFull) {
  PostOffice office(2);
  Core a(0, &office, kMailboxLetters + 10);
  Core b(1, &office, kMailboxLetters + 10);
  a.log.report(1);
  b.log.report(1);
  for (uint64_t i = 1; i <= kMailboxLetters + 1; ++i) a.request(i, "1-name");
  a.round();
  ASSERT_EQ(a.listener.replies.size(), 1u);
  EXPECT_EQ(a.listener.replies[0].correlation, kMailboxLetters + 1);
  EXPECT_EQ(a.listener.replies[0].status, Status::kOverloaded);
  b.shard.on_wake();
  b.round();
  EXPECT_EQ(b.replica.requests.size(), kMailboxLetters);
}

// No answer is lost because its box was full: it leaves at a later tick.
TEST(ShardMailBounds, KeepsAnAnswerWhoseBoxIsFull) {
  constexpr size_t kMany = kMailboxLetters + 100;
  PostOffice office(2);
  Core a(0, &office, kMany), b(1, &office, kMany);
  a.log.report(1);
  b.log.report(1);
  for (size_t sent = 0; sent < kMany;) {
    for (; sent < kMany && a.listener.replies.empty(); ++sent) {
      a.request(sent, "1-name");
      if (sent % 1000 == 0) break;
    }
    ++sent;
    a.round();
    b.shard.on_wake();
    b.round();
  }
  ASSERT_EQ(b.replica.requests.size(), kMany);
  b.replica.script.push_back([&b](Output& out) {
    for (const auto& request : b.replica.requests) FakeReplica::reply(out, request.token(), "v");
  });
  b.tick();
  a.shard.on_wake();
  EXPECT_EQ(a.listener.replies.size(), kMailboxLetters);
  const int wakes = a.io.wakes;
  b.tick();
  EXPECT_EQ(a.io.wakes, wakes + 1) << "nothing else tells it that there is mail";
  a.shard.on_wake();
  EXPECT_EQ(a.listener.replies.size(), kMany);
  EXPECT_EQ(a.shard.outstanding() + b.shard.outstanding(), 0u);
}

struct EmptyHandoff final : reactor::Handoff {};

TEST_F(ShardMail, HandsConnectionsOverToTheCoreTheyAskedFor) {
  a.shard.client_handler()->hand_over(CoreId{1}, std::make_unique<EmptyHandoff>());
  a.shard.hand_over(CoreId{1}, std::make_unique<EmptyHandoff>());
  a.shard.hand_over(CoreId{9}, std::make_unique<EmptyHandoff>());  // no such core: it is closed
  a.round();
  EXPECT_EQ(b.io.wakes, 1);
  wake(b);
  EXPECT_EQ(b.listener.accepted, 1);
  EXPECT_EQ(b.links.accepted, 1);
}

// The whole way over and back with the real core, once it is warm: nothing is allocated. (The fakes
// allocate nothing here either: their lists are reserved, their strings short.)
TEST(ShardMailAllocation, UsesItsLettersAgain) {
  paxos::ReplicaOptions options{.self = {NodeId{1}, CoreId{0}},
                                .cores = 2,
                                .members = {NodeId{1}},
                                .hash_seed = 1,
                                .shard_count = 64};
  const auto replica_a = paxos::Replica::make(options);
  options.self.core = CoreId{1};
  const auto replica_b = paxos::Replica::make(options);
  PostOffice office(2);
  Core a(0, &office, 64, replica_a.get()), b(1, &office, 64, replica_b.get());
  for (Core* core : {&a, &b}) {
    core->log.report_in_flush = true;
    core->journal.reserve(100'000);
    core->listener.replies.reserve(100'000);
    core->log.report(1);
  }
  std::string name(60, 'n');
  while (replica_a->core_of_name(name) != CoreId{1}) ++name[0];
  const std::string loser(300, 'v');
  uint64_t allocations = 0, correlation = 0;
  for (int round = 0; round < 200; ++round) {
    if (round == 20) allocations = 0;
    const once::test::AllocationCount count(allocations);
    for (int i = 0; i < 4; ++i, ++correlation) {
      a.request(correlation, name, correlation == 0 ? std::string_view("winner") : loser);
    }
    a.round();
    for (Core* core : {&b, &a}) {
      core->shard.on_wake();
      core->round();
    }
  }
  ASSERT_EQ(a.listener.replies.size(), 800u);
  EXPECT_EQ(a.listener.replies.back().status, Status::kAlreadySet);
  EXPECT_EQ(a.listener.replies.back().value, "winner");
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace once::server::test
