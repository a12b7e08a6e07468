// A greedy client beside modest ones: what he has under way is bounded, and only then.
#include "net/client_company.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/client_intake.h"
#include "tests/unit/asking_clients.h"

namespace once::net {
namespace {

using paxos::Operation;
constexpr size_t kWindow = ClientIntake::kMostBeside;
constexpr size_t kLeastWindow = ClientIntake::kLeastBeside;
constexpr int64_t kLately = UnderWay::kLatelyNs;
constexpr int64_t kRemembered = ModestClients::kRememberedNs;

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
    network.now_ns += UnderWay::kGreedyNs;
    io.round();
    asked.clear();
    due.clear();
  }
  void serve(const Client& modest) {
    at_once = true;
    ask(modest, 1, 1, Operation::kRead);
    at_once = false;
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

// Waits, and changes whose home is away, are no load, and nobody waits behind his own.
TEST_F(ClientCompany, WhatIsUnderWayForLongStopsNobody) {
  const Client greedy = known(), modest = known();
  serve(modest);
  ASSERT_EQ(asks(greedy, 1000, 4000, Operation::kWait), kWindow);
  EXPECT_EQ(asks_after(kLately - 1), 0u);
  EXPECT_EQ(asks_after(1), kWindow);
  EXPECT_EQ(asks_after(kLately), kWindow);
}

TEST_F(ClientCompany, AModestOneIsRememberedForATenthOfASecond) {
  const Client greedy = known(), modest = known();
  serve(modest);
  network.now_ns += kRemembered - 1;
  EXPECT_EQ(asks(greedy, 1000, 1000), kWindow);
  EXPECT_EQ(asks_after(1), 1000 - kWindow) << "then he has all that he likes";
}

TEST_F(ClientCompany, AsMuchAsIsModestDoesNotMakeOneGreedy) {
  const Client greedy = known(), modest = known();
  asks(modest, 1, UnderWay::kMostModest);
  answer_all();
  network.now_ns += kRemembered - 1;
  EXPECT_EQ(asks(greedy, 1000, 1000), kWindow);
}

TEST_F(ClientCompany, WhoWasGreedyIsSoForAWhile) {
  const Client first = known(), second = known();
  asks(first, 1, UnderWay::kMostModest + 1);
  answer_all();
  EXPECT_EQ(asks(second, 1000, 1000), 1000u) << "a burst makes nobody modest";
  answer_all();
  network.now_ns += UnderWay::kGreedyNs - 1;
  serve(first);
  EXPECT_EQ(asks(second, 3000, 1000), 1000u) << "nor does what he asks between two of them";
  forget_all();
  serve(first);
  EXPECT_EQ(asks(second, 5000, 1000), kWindow) << "and then he is modest again";
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
  EXPECT_EQ(ClientIntake::window_beside(4), kWindow);
  EXPECT_EQ(ClientIntake::window_beside(8), kWindow / 2);
  EXPECT_EQ(ClientIntake::window_beside(4096), kLeastWindow);
  std::vector<Client> greedy;
  for (int i = 0; i < 100; ++i) greedy.push_back(known());
  const Client modest = known(), last = known();
  serve(modest);
  for (const Client& client : greedy) asks(client, 1000, 200);
  EXPECT_EQ(asks(last, 1000, 200), kLeastWindow);
}

TEST_F(ClientCompany, ANodeThatStopsTakesAllAtOnce) {
  const Client greedy = known(), modest = known();
  serve(modest);
  listener->drain();
  EXPECT_EQ(asks(greedy, 1000, 1000), 1000u);
}

}  // namespace
}  // namespace once::net
