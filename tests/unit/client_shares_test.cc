// One client's thousands of requests, and what others ask meanwhile: each has a share of a round.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/client_intake.h"
#include "tests/unit/asking_clients.h"

namespace once::net {
namespace {

using paxos::Operation;
constexpr size_t kMost = ClientIntake::kMostShare;
constexpr size_t kLeast = ClientIntake::kLeastShare;

struct ClientShares : AskingClients {
  ClientShares() { value = "small"; }
  // Its first answers tell that they are small.
  Client known() {
    Client client = open();
    ask(client, 1, 20, Operation::kRead);
    asked.clear();
    return client;
  }
  void say(const Client& client, uint64_t from, uint64_t count, Operation operation) {
    for (uint64_t i = from; i < from + count; ++i) {
      client.pipe->to[1] += made([&](auto& out) {
        encode_request(i, {0, operation, request_id(1, 2), 9, "name", ""}, out);
      });
    }
  }
  // How many of one client's numbers were taken in this round.
  size_t taken(uint64_t from, uint64_t to) const {
    return static_cast<size_t>(
        std::count_if(asked.begin(), asked.end(), [&](uint64_t i) { return i >= from && i < to; }));
  }
};

TEST_F(ClientShares, WhatOthersAskWaitsForOneShareOnly) {
  const Client greedy = known(), modest = known();
  say(greedy, 1000, 4096, Operation::kWrite);
  io.one_round();
  EXPECT_EQ(asked.size(), 2 * kMost) << "its share of this round, and at its end of the next one";
  say(modest, 1, 1, Operation::kWrite);
  asked.clear();
  io.one_round();
  EXPECT_EQ(taken(1, 2), 1u) << "in the round in which it came";
  EXPECT_LE(asked.size(), kMost + 1);
}

TEST_F(ClientShares, AllOfItIsTakenInOrderWithoutAWordFromOutside) {
  const Client greedy = known();
  say(greedy, 1000, 4000, Operation::kRead);
  io.round();  // as long as the listener asks for another one
  ASSERT_EQ(asked.size(), 4000u);
  EXPECT_TRUE(std::is_sorted(asked.begin(), asked.end()));
  say(greedy, 9000, 10, Operation::kRead);
  io.round();
  EXPECT_EQ(asked.size(), 4010u) << "and it is heard again";
}

TEST_F(ClientShares, QuestionsForTheStatusAreOfTheShare) {
  const Client greedy = known();
  for (uint64_t i = 0; i < 2000; ++i) {
    greedy.pipe->to[1] += made([&](auto& out) { encode_status_request(i, out); });
  }
  say(greedy, 1000, 1, Operation::kRead);
  io.one_round();
  EXPECT_EQ(asked.size(), 0u);
  io.round();
  EXPECT_EQ(asked.size(), 1u);
}

TEST_F(ClientShares, ManyGreedyOnesHaveSmallerSharesInTurn) {
  constexpr uint64_t kClients = 100, kRequests = 3000;
  std::vector<Client> greedy;
  for (uint64_t i = 0; i < kClients; ++i) greedy.push_back(known());
  for (uint64_t i = 0; i < kClients; ++i) {
    say(greedy[i], 10'000 * (i + 1), kRequests, Operation::kWrite);
  }
  io.one_round();  // that they are greedy is known after it
  size_t rounds = 0, at_most = 0;
  std::vector<size_t> had(kClients, 0);
  for (; rounds < 1000 && *std::min_element(had.begin(), had.end()) < kRequests / 2; ++rounds) {
    asked.clear();
    io.one_round();
    at_most = std::max(at_most, asked.size());
    for (uint64_t i = 0; i < kClients; ++i) {
      const size_t now = taken(10'000 * (i + 1), 10'000 * (i + 2));
      EXPECT_LE(now, rounds == 0 ? kMost : kLeast) << i;
      had[i] += now;
    }
    const auto [least, most] = std::minmax_element(had.begin(), had.end());
    EXPECT_LE(*most - *least, kMost + 4 * kLeast) << "after round " << rounds;
  }
  EXPECT_LT(rounds, 1000u);
  EXPECT_GT(rounds, kRequests / 2 / kLeast / 2);
}

TEST_F(ClientShares, TheSharesOfFewAreLarge) {
  EXPECT_EQ(ClientIntake::share_beside(0), kMost);
  EXPECT_EQ(ClientIntake::share_beside(4), kMost);
  EXPECT_EQ(ClientIntake::share_beside(5), 4 * kMost / 5);
  EXPECT_EQ(ClientIntake::share_beside(4096), kLeast);
}

}  // namespace
}  // namespace once::net
