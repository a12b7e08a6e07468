// One client's thousands of requests, and what others ask meanwhile: each has a share of a round.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/client_company.h"
#include "net/client_intake.h"
#include "tests/unit/net/asking_clients.h"

namespace once::net {
namespace client_shares_test {

using paxos::Operation;
constexpr size_t kMost = ClientIntake::kMostShare;
constexpr size_t kLeast = ClientIntake::kLeastShare;

struct ClientShares : AskingClients {
  ClientShares() { value = "small"; }
  // Its first answers tell that they are small.
  Client known() {
    Client client = open();
    ask(client, 1, 20, Operation::kRead);
    network.now_ns += ModestClients::kRememberedNs;  // nobody else is bounded for his sake
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

// Also when each of them has less to ask than two shares, again and again: a list of those who wait
// that is taken from at its end would leave some at its beginning for ever.
TEST_F(ClientShares, NobodyIsPassedOverByThoseWhoAskLittleAndOften) {
  constexpr uint64_t kClients = 300;
  std::vector<Client> clients;
  std::vector<uint64_t> said(kClients, 0), told(kClients, 0);
  for (uint64_t i = 0; i < kClients; ++i) clients.push_back(known());
  const auto say_more = [&](uint64_t i, uint64_t count) {
    say(clients[i], 100'000 * (i + 1) + said[i], count, Operation::kWrite);
    said[i] += count;
  };
  for (uint64_t i = 0; i < kClients; ++i) say_more(i, 600);
  std::vector<size_t> last(kClients, 0);  // the round in which it had all of its answers
  size_t longest = 0;
  for (size_t round = 1; round <= 400; ++round) {
    asked.clear();
    io.one_round();
    for (const uint64_t i : asked) ++told[i / 100'000 - 1];
    for (uint64_t i = 0; i < kClients; ++i) {
      longest = std::max(longest, round - last[i]);
      if (told[i] != said[i]) continue;
      last[i] = round;
      say_more(i, 100);
    }
  }
  EXPECT_LT(longest, 100u) << "rounds that somebody waited for his 600, and then for his 100";
}

// The looks at those who do not read are bounded; who had his share only has his turn all the same.
TEST_F(ClientShares, WhoHadHisShareIsNotBehindThoseWhoDoNotRead) {
  at_once = false;
  std::vector<Client> silent;
  for (int i = 0; i < 200; ++i) {
    silent.push_back(open());
    ask(silent.back(), 1, 40, Operation::kRead);  // of 64 KiB each, for all that is known
  }
  at_once = true;
  due.clear();
  const Client greedy = open();
  ask(greedy, 1, 10, Operation::kWrite);
  for (int i = 0; i < 40; ++i) io.round();
  asked.clear();
  say(greedy, 100'000, 3000, Operation::kWrite);
  io.round();
  EXPECT_EQ(taken(100'000, 200'000), 3000u) << "without a word from outside";
}

TEST_F(ClientShares, WhatIsRefusedIsOfTheShareToo) {
  const Client greedy = known();
  at_once = false;
  say(greedy, 1000, kMaxInFlightPerConnection, Operation::kWait);
  io.round();
  ASSERT_EQ(asked.size(), kMaxInFlightPerConnection);
  greedy.pipe->to[0].clear();
  say(greedy, 10'000, 3000, Operation::kWait);
  io.one_round();
  const size_t refusal = made([](auto& out) {
                           paxos::ClientReply overloaded;
                           overloaded.status = paxos::Status::kOverloaded;
                           encode_reply(1, overloaded, out);
                         }).size();
  EXPECT_EQ(greedy.pipe->to[0].size(), 2 * kMost * refusal);
}

TEST_F(ClientShares, WhatIsLeftForTheNextRoundsIsKnown) {
  const Client greedy = known();
  EXPECT_FALSE(listener->takes_more());
  say(greedy, 1000, 2000, Operation::kWrite);
  io.one_round();
  EXPECT_TRUE(listener->takes_more());
  io.round();
  EXPECT_FALSE(listener->takes_more());
  EXPECT_EQ(asked.size(), 2000u);
}

TEST_F(ClientShares, TheSharesOfFewAreLarge) {
  EXPECT_EQ(ClientIntake::share_beside(0), kMost);
  EXPECT_EQ(ClientIntake::share_beside(4), kMost);
  EXPECT_EQ(ClientIntake::share_beside(5), 4 * kMost / 5);
  EXPECT_EQ(ClientIntake::share_beside(4096), kLeast);
}

}  // namespace client_shares_test
}  // namespace once::net
