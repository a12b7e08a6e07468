// What clients may cost that speak through a door: answers that it keeps for them, what they have
// under way, and their share of a round.
#include <gtest/gtest.h>

#include "net/client_outboxes.h"
#include "tests/unit/net/client_guests.h"

namespace once::net {
namespace guest_bounds_test {

struct GuestBounds : test::ClientGuests {
  // One that waits, with so many long values behind it.
  Client with_answers_behind_a_wait(size_t answers) {
    const Client client = known();
    at_once = false;
    say(client, "W first\n");
    wait = due.at(0);
    due.clear();
    at_once = true;
    value = std::string(kMaxValueBytes, 'v');
    say(client, "m " + std::to_string(answers) + "\n");
    value = "small";
    return client;
  }
  void end_wait() { listener->reply(wait.connection, wait.correlation, wait.operation, {}); }

  Due wait;
};

TEST_F(GuestBounds, AnswersThatDoorsKeepAreOfTheBoundOfAll) {
  listener->bound_unread(5 * kMaxValueBytes);
  const Client first = with_answers_behind_a_wait(2), second = with_answers_behind_a_wait(1);
  EXPECT_EQ(listener->closed_unread(), 0u);
  const Client third = with_answers_behind_a_wait(3);
  EXPECT_EQ(listener->closed_unread(), 1u);
  EXPECT_TRUE(is_closed(third)) << "who has most of them";
  EXPECT_FALSE(is_closed(first) || is_closed(second));
  EXPECT_NE(log.find("a client that waits in front of its own answers is closed"),
            std::string::npos)
      << log;
}

TEST_F(GuestBounds, AnswersThatHaveLeftTheDoorAreKeptNoMore) {
  listener->bound_unread(5 * kMaxValueBytes);
  for (int times = 0; times < 9; ++times) {
    const Client client = with_answers_behind_a_wait(3);
    end_wait();
    io.round();
    EXPECT_GT(heard(client).size(), 3 * kMaxValueBytes);
  }
  const Client leaves = with_answers_behind_a_wait(4);
  leaves.pipe->closed[0] = true;
  io.round();
  const Client last = with_answers_behind_a_wait(4);
  EXPECT_EQ(listener->closed_unread(), 0u);
}

TEST_F(GuestBounds, WhereMemoryIsShortWhoWaitsBeforeMostAnswersGoes) {
  const Client little = with_answers_behind_a_wait(14);  // a command that is under way has so much
  const Client less = with_answers_behind_a_wait(17), most = with_answers_behind_a_wait(20);
  tick(ClientOutboxes::kStillNs);
  const size_t counted = listener->input_bytes();
  EXPECT_TRUE(listener->relieve());
  EXPECT_LE(listener->input_bytes() + 20 * kMaxValueBytes, counted) << "or another one goes for it";
  io.round();
  EXPECT_TRUE(is_closed(most));
  EXPECT_FALSE(is_closed(less));
  EXPECT_TRUE(listener->relieve());
  for (int times = 0; times < 3; ++times) {
    tick(ClientOutboxes::kStillNs);
    EXPECT_FALSE(listener->relieve());
  }
  EXPECT_TRUE(is_closed(less));
  EXPECT_FALSE(is_closed(little));
}

// He has waited for long, and his answers have not.
TEST_F(GuestBounds, WhoWaitsHasHisTimeFromTheAnswersOn) {
  const Client client = with_answers_behind_a_wait(2);
  tick(1'000'000'000);
  value = std::string(kMaxValueBytes, 'v');
  say(client, "m 18\n");
  EXPECT_FALSE(listener->relieve()) << "the wait may end any moment";
  tick(ClientOutboxes::kStillNs);
  EXPECT_TRUE(listener->relieve());
}

// He cannot read what his door keeps, and has his time when it has left it.
TEST_F(GuestBounds, WhoWaitsBeforeHisAnswersIsNotSlow) {
  const Client client = with_answers_behind_a_wait(20);
  ASSERT_GT(doors.latest->kept_bytes(), ClientOutboxes::kQuietBytes);
  for (int second = 0; second < 50; ++second) tick(1'000'000'000);
  EXPECT_EQ(listener->closed_unread(), 0u);
  io.set_reading(client.stream, false);
  end_wait();
  tick(ClientOutboxes::kPatienceNs - 1);
  EXPECT_EQ(listener->closed_unread(), 0u);
  tick(1);
  EXPECT_EQ(listener->closed_unread(), 1u);
}

// What a door asks when it is told is of a command that was taken: nobody refuses it.
TEST_F(GuestBounds, WhatWaitsForItsTurnHasItsRoom) {
  const Client client = known();
  at_once = false;
  value.clear();
  constexpr size_t kMany = doors::kMostAsksOfCommand;
  say(client, repeated("u " + std::to_string(kMany) + "\n", 6));
  EXPECT_EQ(due.size(), 3u) << "the fourth might find no room";
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(due.size(), kMaxInFlightPerConnection);
    answer_all();
    tick();
  }
  EXPECT_EQ(heard(client), repeated(repeated("0", kMany + 1) + "\n", 6));
  EXPECT_EQ(turned_away.size(), 0u);
}

TEST_F(GuestBounds, TheSecondStepOfACommandTakesThePlaceOfTheFirst) {
  const Client client = known();
  at_once = false;
  value.clear();
  say(client, "c name\nm 1023\n" + repeated("m 1024\n", 3));
  ASSERT_EQ(due.size(), kMaxInFlightPerConnection);
  for (int i = 0; i < 2; ++i) {
    answer_all();
    tick();
  }
  EXPECT_EQ(turned_away.size(), 0u);
  EXPECT_EQ(heard(client).substr(0, 3), "00\n");
}

// What they ask then counts as what they asked before.
TEST_F(GuestBounds, WhoHasEndedIsBoundedWithWhatWaitedForItsTurn) {
  const std::vector<Client> clients = {known(), known()};
  at_once = false;
  for (const Client& client : clients) {
    client.pipe->to[1] = repeated("u 1000\n", 3);
    client.pipe->silent[0] = true;
    for (int rounds = 0; rounds < 2; ++rounds) io.round();
  }
  ASSERT_EQ(due.size(), 6u);
  EXPECT_FALSE(is_closed(clients[0]) || is_closed(clients[1]));
  answer_all();
  io.round();
  EXPECT_TRUE(is_closed(clients[0])) << "who ended first";
  EXPECT_FALSE(is_closed(clients[1]));
  value.clear();
  answer_all();
  io.round();
  EXPECT_EQ(heard(clients[1]), repeated("0small" + repeated("0", 1000) + "\n", 3));
}

TEST_F(GuestBounds, ACommandIsOfTheShareWithAllThatItAsks) {
  const Client client = known();
  client.pipe->to[1] = repeated("m 400\n", 10);
  io.one_round();
  EXPECT_EQ(asked.size(), 4 * 400u) << "two in this round, and at its end two in the next one";
  io.round();
  EXPECT_EQ(asked.size(), 10 * 400u);
}

}  // namespace guest_bounds_test
}  // namespace once::net
