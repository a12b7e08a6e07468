// Clients that speak through a door: who gets one, and that each rule for clients holds for them.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/client_company.h"
#include "net/client_guest.h"
#include "net/client_intake.h"
#include "tests/unit/net/client_guests.h"

namespace once::net {
namespace client_guests_test {

using doors::Speaks;
using paxos::Operation;
using test::ClientGuests;
constexpr size_t kMost = ClientIntake::kMostShare;

TEST_F(ClientGuests, TheFirstBytesDecideWhoServes) {
  const Client ours = open();
  ask(ours, 7, 1, Operation::kRead);
  EXPECT_EQ(asked, std::vector<uint64_t>{7});
  EXPECT_TRUE(doors.made.empty());
  const Client array = connect(), inlined = connect();
  say(array, "*2 anything\n");
  say(inlined, "p\n");
  EXPECT_EQ(doors.made, std::vector(2, Speaks::kResp));
  EXPECT_EQ(heard(inlined), "pong\n");
  ask(ours, 8, 1, Operation::kRead);
  EXPECT_EQ(asked.back(), 8u) << "and nobody else's bytes matter to it";
}

TEST_F(ClientGuests, WhoIsNotServedIsToldWhy) {
  const Client tls = connect(), stranger = connect(), http = connect();
  say(tls, std::string("\x16\x03\x01\x02\x00", 5));
  EXPECT_EQ(error_heard(tls), "this port does not speak TLS");
  say(stranger, "\x01rest");
  EXPECT_EQ(error_heard(stranger), "its first bytes are of no protocol that this port speaks");
  say(http, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(error_heard(http), "this node does not speak HTTP");
  EXPECT_EQ(doors.made, std::vector{Speaks::kHttp});
  EXPECT_TRUE(asked.empty());
}

TEST_F(ClientGuests, AFirstLineIsWaitedForUpToItsBound) {
  const Client slow = connect(), endless = connect();
  for (const char c : std::string("p\n")) {
    EXPECT_TRUE(doors.made.empty());
    say(slow, std::string(1, c));
  }
  EXPECT_EQ(heard(slow), "pong\n");
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_FALSE(is_closed(endless));
    say(endless, std::string(doors::kMostFirstLine / 4, 'a'));
  }
  EXPECT_EQ(error_heard(endless), "its first bytes are of no protocol that this port speaks");
}

TEST_F(ClientGuests, AFirstLineHasTheTimeOfAHello) {
  const Client silent = connect(), begun = connect(), whole = connect();
  say(begun, "p");
  say(whole, "p\n");
  tick(kFirstFrameTimeoutNs - 1);
  EXPECT_FALSE(is_closed(silent) || is_closed(begun));
  tick(1);
  EXPECT_TRUE(is_closed(silent) && is_closed(begun));
  EXPECT_FALSE(is_closed(whole));
  EXPECT_EQ(listener->counters().closed_before_hello, 2u);
}

TEST_F(ClientGuests, CommandsAreTakenAtEverySplit) {
  const std::string all = "w one first\np\nr two\nc three\nw four " + std::string(70, 'x') + "\n";
  for (size_t chunk = 1; chunk <= all.size(); ++chunk) {
    told.clear();
    io.chunk_bytes = chunk;
    const Client client = connect();
    client.pipe->to[1] = all;
    while (!client.pipe->to[1].empty()) io.round();
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told, (std::vector<std::string>{"four=" + std::string(70, 'x'), "one=first",
                                              "three=", "three=chained", "two="}))
        << chunk;
    EXPECT_EQ(heard(client), "0small\npong\n0small\n0small0small\n0small\n") << chunk;
  }
}

TEST_F(ClientGuests, OthersWaitForOneShareOnly) {
  const Client greedy = known(), modest = known();
  greedy.pipe->to[1] = repeated("r x\n", 4096);
  io.one_round();
  EXPECT_EQ(asked.size(), 2 * kMost) << "its share of this round, and at its end of the next one";
  modest.pipe->to[1] = "r mine\n";
  told.clear();
  io.one_round();
  EXPECT_EQ(std::count(told.begin(), told.end(), "mine="), 1);
  EXPECT_LE(told.size(), kMost + 1);
  io.round();
  EXPECT_EQ(heard(greedy), repeated("0small\n", 4096));
}

TEST_F(ClientGuests, WhatIsAnsweredAtOnceIsOfTheShareToo) {
  const Client greedy = known();
  greedy.pipe->to[1] = repeated("p\n", 2000);
  io.one_round();
  EXPECT_EQ(heard(greedy).size(), 5 * 2 * kMost);
  io.round();
  EXPECT_EQ(heard(greedy).size(), 5 * (2000 - 2 * kMost));
}

TEST_F(ClientGuests, BesideSomebodyModestAWindowIsOpen) {
  const Client greedy = known(), modest = connect();
  at_once = false;
  say(greedy, repeated("r x\n", 100));
  ASSERT_EQ(due.size(), 100u);
  answer_all();
  io.round();
  say(modest, "r mine\n");
  answer_all();
  io.round();
  most_due = 0;
  say(greedy, repeated("r x\n", 1000));
  EXPECT_EQ(due.size(), ModestClients::kMostBeside);
  for (int i = 0; i < 100 && !due.empty(); ++i) {
    answer_all();
    io.round();
  }
  EXPECT_EQ(heard(greedy), repeated("0small\n", 1100));
}

// Of somebody whose answers nobody knows yet: they may be the longest.
TEST_F(ClientGuests, ReadsThatAreUnderWayCountUntilTheyAreAnswered) {
  const Client client = connect();
  at_once = false;
  say(client, repeated("r x\n", 100));
  for (int rounds = 0; rounds < 9; ++rounds) io.round();
  EXPECT_LE(due.size(), ClientIntake::kMostUnreadBytes / kMaxValueBytes + 1);
  at_once = true;
  for (int rounds = 0; rounds < 100; ++rounds) tick();
  EXPECT_EQ(heard(client), repeated("0small\n", 100));
}

TEST_F(ClientGuests, WhoDoesNotReadIsNotTakenFurther) {
  const Client client = connect();
  value = std::string(kMaxValueBytes, 'v');
  io.set_reading(client.stream, false);
  say(client, repeated("r x\n", 400));
  tick();
  EXPECT_LT(unsent(client), 2 * ClientIntake::kMostUnreadBytes);
  EXPECT_LT(asked.size(), 60u);
  io.set_reading(client.stream, true);
  for (int i = 0; i < 100; ++i) tick();
  EXPECT_EQ(asked.size(), 400u);
}

// A wait in front of them holds all answers back: they count as if he did not read them.
TEST_F(ClientGuests, AnswersThatWaitForTheirTurnAreUnread) {
  const Client client = connect();
  at_once = false;
  say(client, "W first\n");
  const Due wait = due.at(0);
  due.clear();
  value = std::string(kMaxValueBytes, 'v');
  at_once = true;
  say(client, repeated("r x\n", 400));
  tick();
  EXPECT_EQ(heard(client), "");
  EXPECT_LT(asked.size(), 60u);
  EXPECT_GE(doors.latest->kept_bytes(), ClientIntake::kMostUnreadBytes / 2);
  tick(60'000'000);
  EXPECT_GE(listener->input_bytes(), doors.latest->kept_bytes());
  listener->reply(wait.connection, wait.correlation, wait.operation, {});
  for (int i = 0; i < 100; ++i) tick();
  EXPECT_EQ(asked.size(), 401u);
}

// How long the next ones will be is guessed from those that wait, too.
TEST_F(ClientGuests, AnswersThatWaitTellHowLongTheNextOnesAre) {
  const Client client = known();
  at_once = false;
  say(client, "W first\n");
  due.clear();
  value = std::string(kMaxValueBytes, 'v');
  at_once = true;
  for (int i = 0; i < 4; ++i) say(client, "r x\n");
  asked.clear();
  say(client, repeated("r x\n", 400));
  EXPECT_LT(asked.size(), 60u);
}

TEST_F(ClientGuests, AllThatWasAskedBeforeTheEndOfInputIsAnswered) {
  const Client client = known();
  at_once = false;
  client.pipe->to[1] = repeated("r x\n", 3000) + "c chained\nr uncom";
  client.pipe->silent[0] = true;
  io.round();
  for (int i = 0; i < 100 && !is_closed(client); ++i) {
    EXPECT_FALSE(is_closed(client));
    answer_all();
    io.round();
  }
  EXPECT_TRUE(is_closed(client));
  EXPECT_EQ(heard(client), repeated("0small\n", 3000) + "0small0small\n");
  at_once = true;
  const Client quiet = known();
  quiet.pipe->to[1] = "p\n";
  quiet.pipe->silent[0] = true;
  io.round();
  io.round();
  EXPECT_EQ(heard(quiet), "pong\n");
  EXPECT_TRUE(is_closed(quiet));
}

TEST_F(ClientGuests, CommandsWaitUntilThereIsRoomForWhatTheyAsk) {
  const Client client = known();
  value.clear();
  at_once = false;
  const std::string many = "m " + std::to_string(doors::kMostAsksOfCommand) + "\n";
  say(client, repeated(many, 9));
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(due.size(), kMaxInFlightPerConnection);
    answer_all();
    tick();
  }
  EXPECT_EQ(most_due, kMaxInFlightPerConnection);
  const std::string line = repeated("0", doors::kMostAsksOfCommand) + "\n";
  EXPECT_EQ(heard(client), repeated(line, 9));
}

TEST_F(ClientGuests, WhatOneCommandAsksBeyondTheBoundIsRefused) {
  const Client client = known();
  value.clear();
  at_once = false;
  say(client, "m " + std::to_string(kMaxInFlightPerConnection + 5) + "\n");
  EXPECT_EQ(due.size(), kMaxInFlightPerConnection);
  answer_all();
  io.round();
  const std::string line = heard(client);
  EXPECT_EQ(line, repeated("5", 5) + repeated("0", kMaxInFlightPerConnection) + "\n");
  EXPECT_EQ(turned_away.size(), 5u) << "and they are counted";
  at_once = true;
  say(client, "r again\n");
  EXPECT_EQ(heard(client), "0\n");
}

// Commands that ask nothing, behind one that waits.
TEST_F(ClientGuests, UnansweredCommandsAreBounded) {
  const Client client = known();
  at_once = false;
  say(client, "W first\n");
  say(client, repeated("p\n", 2 * kMaxInFlightPerConnection));
  EXPECT_EQ(doors.latest->unanswered(), kMaxInFlightPerConnection);
  answer_all();
  for (int i = 0; i < 20; ++i) tick();
  EXPECT_EQ(heard(client), "0small\n" + repeated("pong\n", 2 * kMaxInFlightPerConnection));
}

TEST_F(ClientGuests, WhatADoorAsksWhenItIsToldGoesOnInTheNextRound) {
  const Client client = known();
  at_once = false;
  say(client, "c name\n");
  ASSERT_EQ(told, std::vector<std::string>{"name="});
  answer_all();
  EXPECT_EQ(told.size(), 1u);
  EXPECT_TRUE(due.empty()) << "not from inside of an answer";
  io.round();
  EXPECT_EQ(told.back(), "name=chained");
  answer_all();
  io.round();
  EXPECT_EQ(heard(client), "0small0small\n");
}

TEST_F(ClientGuests, WhoHasGoneIsAskedForNoMore) {
  const Client client = known();
  at_once = false;
  say(client, "c name\nr other\n");
  ASSERT_EQ(due.size(), 2u);
  answer_all();
  client.pipe->closed[0] = true;
  io.round();
  EXPECT_EQ(gone, 1);
  io.round();
  EXPECT_TRUE(due.empty());
  at_once = true;
  const Client late = known();
  at_once = false;
  say(late, "r name\n");
  late.pipe->closed[0] = true;
  io.round();
  answer_all();
  EXPECT_EQ(gone, 2);
}

TEST_F(ClientGuests, ANodeThatStopsSaysSoAndAnswersWhatItHasTaken) {
  const Client busy = known(), idle = known();
  at_once = false;
  say(busy, "r taken\n");
  listener->drain();
  say(busy, "r late\nr later\n");
  EXPECT_EQ(told, std::vector<std::string>{"taken="});
  EXPECT_FALSE(is_closed(busy) || is_closed(idle));
  answer_all();
  io.round();
  EXPECT_EQ(heard(busy), "0small\nstopping\n");
  EXPECT_TRUE(is_closed(busy));
  EXPECT_EQ(heard(idle), "");
}

TEST_F(ClientGuests, WhatIsHeldWhenTheNodeStopsIsRefusedToo) {
  const Client client = known();
  at_once = false;
  say(client, "W first\n");
  say(client, repeated("p\n", 2 * kMaxInFlightPerConnection));
  listener->drain();
  tick();
  answer_all();
  io.round();
  EXPECT_EQ(heard(client),
            "0small\n" + repeated("pong\n", kMaxInFlightPerConnection - 1) + "stopping\n");
  EXPECT_TRUE(is_closed(client));
}

TEST_F(ClientGuests, TheLongestIdleGivesItsPlaceWithAWord) {
  remake({.max_connections = 4});
  const Client first = known(), second = known(), third = known(), fourth = known();
  const Client fifth = connect();
  io.round();
  EXPECT_EQ(heard(first), "idle\n");
  EXPECT_TRUE(is_closed(first));
  EXPECT_FALSE(is_closed(second) || is_closed(third) || is_closed(fourth) || is_closed(fifth));
}

TEST_F(ClientGuests, AnIdleOneGivesItsPlaceAlsoWhenItsInputIsHeld) {
  remake({.max_connections = 4});
  const Client first = connect();
  value = std::string(kMaxValueBytes, 'v');
  io.set_reading(first.stream, false);
  say(first, repeated("r x\n", 100));
  ASSERT_TRUE(due.empty());
  ASSERT_LT(asked.size(), 100u);
  value = "small";
  const Client second = known(), third = known(), fourth = known();
  const Client fifth = connect();
  io.round();
  EXPECT_TRUE(is_closed(first));
  EXPECT_FALSE(is_closed(second) || is_closed(third) || is_closed(fourth) || is_closed(fifth));
}

TEST_F(ClientGuests, WhoBeganToSayMuchGivesItsMemoryWithAWord) {
  const Client client = known();
  say(client, "w large " + std::string(50'000, 'x'));
  tick(2'000'000'000);
  EXPECT_GE(listener->input_bytes(), 50'000u);
  EXPECT_TRUE(listener->relieve());
  io.round();
  EXPECT_EQ(heard(client), "full\n");
  EXPECT_TRUE(is_closed(client));
}

TEST_F(ClientGuests, ACommandHasItsTime) {
  const Client dripping = known(), talking = known(), silent = known(), waiting = known();
  say(dripping, "w a");
  say(talking, "w b");
  at_once = false;
  say(waiting, "r x\nw a");
  at_once = true;
  for (int second = 0; second < 29; ++second) {
    dripping.pipe->to[1] += "a";
    talking.pipe->to[1] += " c\nw b";
    tick(1'000'000'000);
    EXPECT_FALSE(is_closed(dripping)) << second;
  }
  tick(1'000'000'000);
  say(talking, " c\n");
  EXPECT_EQ(heard(dripping), "slow\n");
  EXPECT_TRUE(is_closed(dripping));
  EXPECT_FALSE(is_closed(talking) || is_closed(silent));
  tick(60'000'000'000);
  EXPECT_FALSE(is_closed(talking) || is_closed(silent)) << "who asks nothing has all the time";
}

TEST_F(ClientGuests, WhatASlowOneHasAskedIsAnsweredFirst) {
  const Client client = known();
  at_once = false;
  say(client, "r x\nw a");
  tick(Guest::kPatienceNs);
  EXPECT_EQ(heard(client), "");
  say(client, " b\nr y\n");
  EXPECT_EQ(told, std::vector<std::string>{"x="}) << "nothing more is taken";
  for (int i = 0; i < 3; ++i) tick(60'000'000);
  answer_all();
  io.round();
  EXPECT_EQ(heard(client), "0small\nslow\n");
  EXPECT_TRUE(is_closed(client));
}

TEST_F(ClientGuests, NothingIsTakenBehindTheLastCommand) {
  const Client client = known();
  at_once = false;
  say(client, "r x\nx\nr y\n");
  say(client, "r z\n");
  EXPECT_EQ(told, std::vector<std::string>{"x="});
  client.pipe->silent[0] = true;
  io.round();
  EXPECT_FALSE(is_closed(client));
  answer_all();
  io.round();
  EXPECT_EQ(heard(client), "0small\nbye\n");
  EXPECT_TRUE(is_closed(client));
}

TEST_F(ClientGuests, WhoEndsBehindTheLastCommandIsCountedOnce) {
  const Client client = known();
  at_once = false;
  value.clear();
  const std::string many = "m " + std::to_string(doors::kMostAsksOfCommand) + "\n";
  say(client, repeated(many, 3) + "x\n");
  client.pipe->silent[0] = true;
  io.round();
  EXPECT_FALSE(is_closed(client));
  answer_all();
  io.round();
  EXPECT_EQ(heard(client), repeated(repeated("0", doors::kMostAsksOfCommand) + "\n", 3) + "bye\n");
}

TEST_F(ClientGuests, AnswersThatNobodyReadsAreCounted) {
  const Client client = known();
  listener->bound_unread(100'000);
  value = std::string(kMaxValueBytes, 'v');
  io.set_reading(client.stream, false);
  say(client, "r x\n");
  EXPECT_EQ(listener->closed_unread(), 0u);
  client.pipe->to[1] = "r y\nr z\np\n";
  io.round();
  EXPECT_EQ(listener->closed_unread(), 1u);
  EXPECT_TRUE(is_closed(client));
  const Client pinging = connect();
  io.set_reading(pinging.stream, false);
  for (int i = 0; i < 50; ++i) say(pinging, repeated("p\n", 500));
  EXPECT_EQ(listener->closed_unread(), 2u) << "what is said at once counts too";
}

}  // namespace client_guests_test
}  // namespace once::net
