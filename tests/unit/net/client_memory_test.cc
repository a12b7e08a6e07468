// What clients cost that ask and do not read: who waits with his requests, and who has to go.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_intake.h"
#include "net/client_listener.h"
#include "net/client_outboxes.h"
#include "tests/unit/net/asking_clients.h"

namespace once::net {
namespace client_memory_test {

using paxos::Operation;
using paxos::Status;
constexpr int64_t kSecond = 1'000'000'000;
using ClientMemory = AskingClients;

// Not one reply more is made for him than he has room for; what he asked is taken when he reads.
TEST_F(ClientMemory, WhoDoesNotReadWaitsWithWhatHeAsks) {
  const Client client = open();
  io.set_reading(client.stream, false);
  ask(client, 1, 250, Operation::kRead);
  EXPECT_GT(unsent(client), ClientIntake::kMostUnreadBytes / 2);
  EXPECT_LE(unsent(client), ClientIntake::kMostUnreadBytes + 2 * kMaxValueBytes);
  const size_t taken = asked.size();
  EXPECT_LT(taken, 20u);
  ask(client, 251, 50, Operation::kRead);  // it stays where it is
  EXPECT_FALSE(client.pipe->to[1].empty());
  EXPECT_EQ(asked.size(), taken);
  io.set_reading(client.stream, true);
  for (int i = 0; i < 100; ++i) io.round();
  ASSERT_EQ(asked.size(), 300u);
  for (uint64_t i = 0; i < 300; ++i) ASSERT_EQ(asked[i], i + 1) << "in order";
  for (const std::string& name : names) ASSERT_EQ(name, "name");
  EXPECT_EQ(unsent(client), 0u);
}

TEST_F(ClientMemory, RefusedChangesBringValuesToo) {
  const Client client = open();
  io.set_reading(client.stream, false);
  ask(client, 1, 250, Operation::kWrite);
  EXPECT_LE(unsent(client), ClientIntake::kMostUnreadBytes + 2 * kMaxValueBytes);
}

// In pieces of any size, whole frames and parts of them.
TEST_F(ClientMemory, WhatIsHeldComesWholeHoweverItWasCut) {
  for (const size_t chunk : {1u, 1u, 7u, 7u, 333u, 333u, 1000u, 1000u}) {
    asked.clear();
    io.chunk_bytes = SIZE_MAX;
    const Client client = open();
    io.chunk_bytes = chunk;
    io.still_receives = !io.still_receives;
    ask(client, 1, 60, Operation::kRead);
    io.set_reading(client.stream, false);
    for (int i = 0; i < 10; ++i) io.round();
    io.set_reading(client.stream, true);
    for (int i = 0; i < 4000 && asked.size() < 60; ++i) io.round();
    ASSERT_EQ(asked.size(), 60u) << chunk;
    for (uint64_t i = 0; i < 60; ++i) ASSERT_EQ(asked[i], i + 1) << chunk;
  }
}

// Whose answers are small has all that he asks under way, once that is known.
TEST_F(ClientMemory, SmallAnswersHoldNobodyUp) {
  value = "small";
  const Client client = open();
  ask(client, 1, 20, Operation::kRead);
  at_once = false;
  ask(client, 21, 2000, Operation::kRead);
  EXPECT_EQ(due.size(), 2000u);
}

// Reads that nobody answers hold up what is behind them for a second, no longer; waits and changes
// not at all.
TEST_F(ClientMemory, WhatTakesItsTimeHoldsNobodyUp) {
  at_once = false;
  const Client patient = open();
  ask(patient, 1, 600, Operation::kWait);
  EXPECT_EQ(due.size(), 600u);
  const Client client = open();
  ask(client, 1, 100, Operation::kRead);
  EXPECT_EQ(due.size(), 616u) << "as many as 1 MiB of the longest answers";
  for (int i = 0; i < 8; ++i) tick(kSecond + 1);
  EXPECT_EQ(due.size(), 700u);
}

TEST_F(ClientMemory, TheEndOfInputWaitsForWhatIsHeld) {
  const Client client = open();
  io.set_reading(client.stream, false);
  io.still_receives = true;
  for (uint64_t i = 1; i <= 100; ++i) {
    client.pipe->to[1] += made([&](auto& out) {
      encode_request(i, {0, Operation::kRead, request_id(1, 2), 9, "name", ""}, out);
    });
  }
  client.pipe->silent[0] = true;
  io.round();
  io.round();
  EXPECT_LT(asked.size(), 100u);
  EXPECT_FALSE(client.pipe->closed[1]);
  io.set_reading(client.stream, true);
  for (int i = 0; i < 100; ++i) io.round();
  EXPECT_EQ(asked.size(), 100u);
  EXPECT_GT(client.pipe->to[0].size(), 100 * kMaxValueBytes);
  EXPECT_TRUE(client.pipe->closed[1]);
}

TEST_F(ClientMemory, WhoTakesNothingForFiveSecondsIsHeldToOneMebibyte) {
  const Client large = open(), small = open(), slow = open();
  for (const Client& client : {large, small, slow}) io.set_reading(client.stream, false);
  ask(large, 1, 40, Operation::kRead);
  ask(slow, 1, 40, Operation::kRead);
  ask(small, 1, 3, Operation::kRead);
  ASSERT_GT(unsent(large), ClientOutboxes::kQuietBytes);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(io.cuts.size(), 0u) << i;
    tick(kSecond - 1);
    io.pretend_sent(slow.stream, 1);  // one byte is progress
  }
  ASSERT_EQ(io.cuts.size(), 1u);
  EXPECT_EQ(listener->closed_unread(), 1u);
  EXPECT_EQ(unsent(large), 0u);
  EXPECT_GT(unsent(slow), 0u);
  EXPECT_GT(unsent(small), 0u);
  EXPECT_NE(log.find("a client that does not read is closed"), std::string::npos) << log;
  io.round();
  EXPECT_EQ(gone, 1);
}

TEST_F(ClientMemory, BeyondTheBoundOfAllTheLargestGoes) {
  listener->bound_unread(3 * ClientIntake::kMostUnreadBytes);
  std::vector<Client> clients;
  for (uint64_t i = 0; i < 8; ++i) {
    clients.push_back(open());
    io.set_reading(clients.back().stream, false);
    ask(clients.back(), 1, i == 1 ? 14 : 9, Operation::kRead);
    size_t all = 0;
    for (const Client& client : clients) all += unsent(client);
    EXPECT_LE(all, 3 * ClientIntake::kMostUnreadBytes + ClientIntake::kMostUnreadBytes / 4) << i;
  }
  EXPECT_GE(io.cuts.size(), 2u);
  EXPECT_EQ(unsent(clients[1]), 0u) << "the largest";
  EXPECT_EQ(listener->closed_unread(), io.cuts.size());
  EXPECT_GT(unsent(clients[7]), 0u);
}

TEST_F(ClientMemory, WhereMemoryIsShortOnlyWhoDoesNotReadGoes) {
  EXPECT_FALSE(listener->relieve());
  const Client reads = open(), much = open(), little = open();
  for (const Client& client : {reads, much, little}) io.set_reading(client.stream, false);
  ask(reads, 1, 12, Operation::kRead);
  ask(much, 1, 5, Operation::kRead);
  value = "a few bytes";
  ask(little, 1, 5, Operation::kRead);
  EXPECT_FALSE(listener->relieve()) << "they have only just been answered";
  for (int i = 0; i < 30; ++i) {
    tick();
    io.pretend_sent(reads.stream, 1);
  }
  EXPECT_TRUE(listener->relieve());
  EXPECT_EQ(unsent(much), 0u);
  EXPECT_GT(unsent(reads), 0u);
  EXPECT_FALSE(listener->relieve());
  EXPECT_GT(unsent(little), 0u);
}

TEST_F(ClientMemory, WhereMemoryIsShortTheLargestGoesFirst) {
  const Client three = open(), ten = open();
  for (const Client& client : {three, ten}) io.set_reading(client.stream, false);
  ask(three, 1, 3, Operation::kRead);
  ask(ten, 1, 10, Operation::kRead);
  tick(2 * ClientOutboxes::kStillNs);
  EXPECT_TRUE(listener->relieve());
  EXPECT_GT(unsent(three), 0u);
  EXPECT_EQ(unsent(ten), 0u);
}

TEST_F(ClientMemory, WhatIsHeldIsCounted) {
  const Client client = open();
  io.set_reading(client.stream, false);
  ask(client, 1, 250, Operation::kRead);
  tick(50'000'000);
  EXPECT_GT(listener->input_bytes(), 230u * 40);
  io.set_reading(client.stream, true);
  for (int i = 0; i < 100; ++i) io.round();
  tick(50'000'000);
  EXPECT_EQ(listener->input_bytes(), 0u);
}

// A frame that does not end is memory that nobody reads either.
TEST_F(ClientMemory, WhoeverBeganToSayMostGoesWhenMemoryIsShort) {
  at_once = false;
  const Client asks = open();
  ask(asks, 1, 1, Operation::kWait);
  for (const size_t size : {size_t{20'000}, size_t{60'000}, size_t{1'000}}) {
    const Client client = open();
    std::string frame(size, 'x');
    store<uint32_t>(frame.data(), 100'000);
    client.pipe->to[1] += frame;
    io.round();
  }
  tick(50'000'000);
  EXPECT_FALSE(listener->relieve()) << "the rest may come any moment";
  for (int left = 2; left > 0; --left) {
    tick(1'000'000'000);
    EXPECT_GT(listener->input_bytes(), left == 2 ? 80'000u : 20'000u);
    EXPECT_TRUE(listener->relieve());
    io.round();
    EXPECT_EQ(gone, 3 - left);
  }
  tick(50'000'000);
  EXPECT_LT(listener->input_bytes(), 16'000u);
  EXPECT_FALSE(listener->relieve()) << "nobody else is worth it";
}

TEST_F(ClientMemory, WhoBeganToSayMostGoesFirstWhoeverCameFirst) {
  std::vector<Client> clients;
  for (const size_t size : {size_t{60'000}, size_t{20'000}}) {
    clients.push_back(open());
    std::string frame(size, 'x');
    store<uint32_t>(frame.data(), 100'000);
    clients.back().pipe->to[1] += frame;
    io.round();
  }
  tick(2 * kSecond);
  EXPECT_TRUE(listener->relieve());
  io.round();
  EXPECT_TRUE(clients[0].pipe->closed[1]);
  EXPECT_FALSE(clients[1].pipe->closed[1]);
}

// It is owed an answer, and so it has not gone silent.
TEST_F(ClientMemory, WhoIsStillOwedAnAnswerStaysHoweverMuchItBeganToSay) {
  at_once = false;
  const Client client = open();
  ask(client, 1, 1, Operation::kWait);
  std::string frame(60'000, 'x');
  store<uint32_t>(frame.data(), 100'000);
  client.pipe->to[1] += frame;
  io.round();
  for (int i = 0; i < 2; ++i) tick(kSecond);
  ASSERT_GE(listener->input_bytes(), 60'000u);
  EXPECT_FALSE(listener->relieve());
  answer_all();
  io.round();
  EXPECT_TRUE(listener->relieve());
}

}  // namespace client_memory_test
}  // namespace once::net
