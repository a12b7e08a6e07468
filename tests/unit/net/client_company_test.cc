// A greedy client beside modest ones: what he has under way is bounded, and only then.
#include "net/client_company.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/net/asking_clients.h"

namespace once::net {
namespace client_company_test {

using paxos::Operation;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kRemembered = 100 * kMs;
constexpr int64_t kGreedy = 1'000 * kMs;
constexpr size_t kWindow = 64;

struct ClientCompany : AskingClients {
  ClientCompany() {
    value = "small";
    at_once = false;
  }
  // Its first answers tell that they are small; that it was modest is forgotten.
  Client known() {
    Client client = open();
    for (uint64_t i = 0; i < 20; ++i) serve(client);
    forget_all();
    return client;
  }
  void forget_all() {
    answer_all();
    network.now_ns += kGreedy;
    io.round();
    asked.clear();
    due.clear();
  }
  // One question, and its answer; nobody else is answered.
  void serve(const Client& modest) {
    constexpr uint64_t kQuestion = 999'999;
    ask(modest, kQuestion, 1, Operation::kRead);
    const auto mine = std::find_if(due.begin(), due.end(),
                                   [](const Due& one) { return one.correlation == kQuestion; });
    ASSERT_NE(mine, due.end());
    listener->reply(mine->connection, kQuestion, Operation::kRead, {});
    due.erase(mine);
    io.round();
  }
  // Not answered for the rest of the test.
  void silent(int count) {
    for (int i = 0; i < count; ++i)
      ask(open(), 1, 40, Operation::kRead);  // of 64 KiB each, it seems
    due.clear();
    asked.clear();
  }
  // What was asked of it, in this round of the loop and all that follow by themselves.
  size_t asks(const Client& client, uint64_t from, uint64_t count,
              Operation operation = Operation::kWrite) {
    asked.clear();
    ask(client, from, count, operation);
    return asked.size();
  }
  size_t asks_after(int64_t ns) {
    asked.clear();
    network.now_ns += ns;
    io.round();
    return asked.size();
  }
  // The first ones that are due.
  size_t asks_after_answers(size_t count) {
    asked.clear();
    std::vector later(due.begin() + static_cast<ptrdiff_t>(count), due.end());
    due.resize(count);
    answer_all();
    due = std::move(later);
    io.round();
    return asked.size();
  }
};

TEST_F(ClientCompany, AloneAGreedyOneHasAllUnderWay) {
  EXPECT_EQ(asks(known(), 1000, 4000), 4000u);
}

TEST_F(ClientCompany, BesideAModestOneHeHasAWindow) {
  const Client greedy = known(), modest = known();
  serve(modest);
  EXPECT_EQ(asks(greedy, 1000, 4000), kWindow);
  EXPECT_EQ(asks(modest, 2, 1), 1u) << "and does not wait";
}

TEST_F(ClientCompany, HeGoesOnWhenHalfOfItIsAnsweredAndAllIsTakenInOrder) {
  const Client greedy = known(), modest = known();
  serve(modest);
  ASSERT_EQ(asks(greedy, 1000, 1000), kWindow);
  EXPECT_EQ(asks_after_answers(kWindow / 2), 0u);
  EXPECT_EQ(asks_after_answers(1), kWindow / 2 + 1);
  std::vector<uint64_t> order;
  const size_t left = 1000 - kWindow - kWindow / 2 - 1;
  for (int i = 0; i < 1000 && order.size() < left; ++i) {
    asks_after_answers(due.size());
    order.insert(order.end(), asked.begin(), asked.end());
  }
  ASSERT_EQ(order.size(), left);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.back(), 1999u);
}

// Changes whose home is away must not keep him from all others.
TEST_F(ClientCompany, WhatIsUnderWayForLongSlowsHimAndStopsHimNever) {
  const Client greedy = known(), modest = known();
  serve(modest);
  ASSERT_EQ(asks(greedy, 1000, 4000), kWindow);
  EXPECT_EQ(asks_after(5 * kMs - 1), 0u);
  EXPECT_EQ(asks_after(1), kWindow / 2);
  EXPECT_EQ(asks_after(5 * kMs - 1), 0u);
  EXPECT_EQ(asks_after(1), kWindow / 2);
  asks_after_answers(due.size() - 1);
  asks_after_answers(due.size() - 1);
  EXPECT_EQ(due.size(), kWindow) << "that does not last";
}

// He had thousands when the modest one came.
TEST_F(ClientCompany, WhatIsUnderWayFallsToTheWindow) {
  const Client greedy = known(), modest = known();
  ASSERT_EQ(asks(greedy, 1000, 4096), 4096u);
  serve(modest);
  uint64_t next = 10'000;
  for (int ms = 0; ms < 200; ++ms) {
    if (ms % 50 == 0) serve(modest);
    asks_after_answers(std::min<size_t>(due.size(), 40));
    asks(greedy, next, 40);
    next += 40;
    asks_after(kMs);
  }
  EXPECT_LE(due.size(), kWindow + kWindow / 2);
}

TEST_F(ClientCompany, WaitsCountWhileTheyAreYoung) {
  const Client greedy = known(), modest = known();
  serve(modest);
  ASSERT_EQ(asks(greedy, 1000, 65, Operation::kWait), kWindow);
  EXPECT_EQ(asks_after(5 * kMs), 1u) << "then they are no load";
  EXPECT_EQ(asks(greedy, 5000, 64), kWindow - 1);
}

TEST_F(ClientCompany, AnOldWaitThatEndsDoesNotPayForAChange) {
  const Client greedy = known(), modest = known();
  asks(greedy, 1000, 100, Operation::kWait);
  serve(modest);
  asks_after(5 * kMs);
  ASSERT_EQ(asks(greedy, 5000, 100), kWindow);
  EXPECT_EQ(asks_after_answers(60), 0u) << "these were waits";
}

TEST_F(ClientCompany, AModestOneIsRememberedForATenthOfASecond) {
  const Client greedy = known(), modest = known();
  serve(modest);
  network.now_ns += kRemembered - 1;
  EXPECT_EQ(asks(greedy, 1000, 1000), kWindow);
  EXPECT_EQ(asks_after(1), 1000 - kWindow) << "then he has all that he likes";
}

TEST_F(ClientCompany, AModestOneOfAnotherNodeIsCompanyToo) {
  const Client greedy = known(), modest = known();
  EXPECT_LT(listener->modest_until_ns(), network.now_ns) << "none is served here";
  listener->note_modest_elsewhere();
  network.now_ns += kRemembered - 1;
  EXPECT_EQ(asks(greedy, 1000, 1000), kWindow);
  EXPECT_EQ(asks(modest, 2, 20), 20u);
  EXPECT_LT(listener->modest_until_ns(), network.now_ns) << "and other nodes are not told of him";
  EXPECT_EQ(asks_after(1), 1000 - kWindow);
}

TEST_F(ClientCompany, OtherNodesAreToldOfModestOnesOnly) {
  const Client greedy = known(), modest = known();
  asks(greedy, 1000, 1000);
  answer_all();
  EXPECT_LT(listener->modest_until_ns(), network.now_ns);
  serve(modest);
  EXPECT_EQ(listener->modest_until_ns(), network.now_ns + kRemembered);
}

TEST_F(ClientCompany, AModestOneMayHaveMoreUnderWayWhenHeIsAnswered) {
  const Client greedy = known(), modest = known();
  asks(modest, 1, 32);
  asks_after_answers(1);
  EXPECT_EQ(asks(greedy, 1000, 1000), kWindow);
}

TEST_F(ClientCompany, WhoHasOneMoreIsNotModest) {
  const Client greedy = known(), other = known();
  asks(other, 1, 33);
  answer_all();
  EXPECT_EQ(asks(greedy, 1000, 1000), 1000u);
}

// They have no window, however many others have one or do not read.
TEST_F(ClientCompany, ModestOnesDoNotWait) {
  const Client modest = known(), another = known();
  std::vector<Client> greedy;
  for (int i = 0; i < 100; ++i) greedy.push_back(known());
  serve(modest);
  for (const Client& client : greedy) asks(client, 1000, 200);
  silent(100);
  EXPECT_EQ(asks(another, 1, 32), 32u);
  EXPECT_EQ(asks(another, 100, 1), 1u) << "the first one too many makes him greedy";
  EXPECT_EQ(asks(another, 101, 1), 0u);
}

TEST_F(ClientCompany, WhoWasGreedyIsSoForASecondAfterTheLastTime) {
  const Client first = known(), second = known();
  asks(first, 1, 33);
  EXPECT_EQ(asks(second, 1000, 1000), 1000u);
  answer_all();
  network.now_ns += 900 * kMs;
  asks(first, 100, 33);
  answer_all();
  network.now_ns += kGreedy - 1;
  serve(first);
  EXPECT_EQ(asks(second, 3000, 1000), 1000u) << "not modest between two bursts";
  forget_all();
  serve(first);
  EXPECT_EQ(asks(second, 5000, 1000), kWindow) << "and then he is again";
}

// However evenly he asks.
TEST_F(ClientCompany, WhoHasMuchUnderWayIsGreedyAsLongAsHeHas) {
  const Client steady = known(), burst = known();
  asks(steady, 1000, 4096);
  uint64_t next = 10'000;
  for (int ms = 0; ms < 1500; ++ms) {
    asks_after_answers(20);
    asks(steady, next, 20);
    next += 20;
    asks_after(kMs);
  }
  EXPECT_EQ(asks(burst, 1, 1000), 1000u);
}

TEST_F(ClientCompany, AWaitThatEndsMakesNobodyModest) {
  const Client greedy = known(), waiter = known();
  asks(waiter, 1, 1, Operation::kWait);
  answer_all();
  EXPECT_EQ(asks(greedy, 1000, 1000), 1000u);
}

TEST_F(ClientCompany, AQuestionForTheStatusMakesNobodyModest) {
  const Client greedy = known(), monitor = known();
  monitor.pipe->to[1] += made([&](auto& out) { encode_status_request(1, out); });
  io.round();
  listener->reply_status(status_asked.at(0), 1, {});
  EXPECT_EQ(asks(greedy, 1000, 1000), 1000u);
}

TEST_F(ClientCompany, NobodyIsHisOwnCompany) {
  const Client one = known(), other = known();
  serve(other);
  serve(one);
  network.now_ns += kRemembered;
  serve(one);
  EXPECT_EQ(asks(one, 1000, 1000), 1000u) << "the other one was not answered lately";
}

// His own last answers do not hide the other one, who was answered before them.
TEST_F(ClientCompany, OfTheModestTheLastTwoAreKnown) {
  const Client one = known(), other = known();
  serve(other);
  serve(one);
  serve(one);
  EXPECT_EQ(asks(one, 1000, 1000), kWindow);
}

TEST_F(ClientCompany, ManyGreedyOnesHaveSmallerWindows) {
  EXPECT_EQ(ModestClients::window_beside(0), 64u);
  EXPECT_EQ(ModestClients::window_beside(4), 64u);
  EXPECT_EQ(ModestClients::window_beside(8), 32u);
  EXPECT_EQ(ModestClients::window_beside(32), 8u);
  EXPECT_EQ(ModestClients::window_beside(4096), 8u);
  std::vector<Client> greedy;
  for (int i = 0; i < 100; ++i) greedy.push_back(known());
  const Client modest = known(), last = known();
  serve(modest);
  for (const Client& client : greedy) asks(client, 1000, 200);
  EXPECT_EQ(asks(last, 1000, 200), 33u) << "until he is greedy";
  asked.clear();
  answer_all();
  io.one_round();
  EXPECT_EQ(asked.size(), 64 * 8u) << "so many are looked at in a round";
}

// 64 are looked at in a round. Those who do not read are others.
TEST_F(ClientCompany, WindowsDoNotWaitBehindThoseWhoDoNotRead) {
  const Client greedy = known(), modest = known();
  silent(200);
  serve(modest);
  at_once = true;
  EXPECT_EQ(asks(greedy, 1000, 3000), 3000u) << "without a word from outside";
}

TEST_F(ClientCompany, ANodeThatStopsTakesAllAtOnce) {
  const Client greedy = known(), modest = known();
  serve(modest);
  listener->drain();
  EXPECT_EQ(asks(greedy, 1000, 1000), 1000u);
}

TEST_F(ClientCompany, ANodeThatStopsKnowsWhoWaitsForAWindow) {
  const Client modest = known();
  std::vector<Client> greedy;
  for (int i = 0; i < 300; ++i) greedy.push_back(known());
  silent(100);
  serve(modest);
  for (const Client& client : greedy) asks(client, 1000, 100);
  EXPECT_FALSE(listener->takes_more());
  listener->drain();
  EXPECT_TRUE(listener->takes_more());
  asked.clear();
  const size_t before = due.size();
  io.round();
  EXPECT_FALSE(listener->takes_more());
  EXPECT_EQ(asked.size() + before, 300u * 100);
}

}  // namespace client_company_test
}  // namespace once::net
