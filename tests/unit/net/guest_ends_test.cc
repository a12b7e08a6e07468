// How clients that speak through a door end: what is counted of those that ask no more, and who is
// heard out.
#include <gtest/gtest.h>

#include "tests/unit/net/client_guests.h"

namespace once::net {
namespace guest_ends_test {

using GuestEnds = test::ClientGuests;

// What a door asks for one of them is counted as well: else two of these would make the sum of all
// less than nothing, and whoever comes third would be one too many.
TEST_F(GuestEnds, WhatIsAskedForThoseThatHaveEndedIsCounted) {
  at_once = false;
  for (int i = 0; i < 2; ++i) {
    const Client chaining = connect();
    chaining.pipe->to[1] = "c name\n";
    chaining.pipe->silent[0] = true;
    for (int rounds = 0; rounds < 2; ++rounds) io.round();  // what he asks, and that he has ended
    for (int answers = 0; answers < 2; ++answers) {
      EXPECT_FALSE(is_closed(chaining));
      answer_all();
      io.round();
    }
    EXPECT_EQ(heard(chaining), "0small0small\n");
    EXPECT_TRUE(is_closed(chaining));
  }
  const Client third = connect();
  third.pipe->to[1] = "r name\n";
  third.pipe->silent[0] = true;
  for (int rounds = 0; rounds < 2; ++rounds) io.round();
  EXPECT_FALSE(is_closed(third));
  answer_all();
  io.round();
  EXPECT_EQ(heard(third), "0small\n");
}

TEST_F(GuestEnds, TheLastCommandIsHeardOut) {
  const Client client = known();
  say(client, "x\nwhat he says behind it");
  EXPECT_EQ(heard(client), "bye\n");
  EXPECT_EQ(io.gentle_closes, 1u);
  const Client later = known();
  at_once = false;
  say(later, "r x\nx\n");
  answer_all();
  io.round();
  EXPECT_EQ(heard(later), "0small\nbye\n");
  EXPECT_EQ(io.gentle_closes, 2u);
}

// Health and figures are asked for just then.
TEST_F(GuestEnds, ADoorMayServeWhileTheNodeStops) {
  const Client asks = known();
  doors.latest->serves_to_the_end = true;
  const Client other = known();
  EXPECT_FALSE(doors.latest->host.is_stopping());
  listener->drain();
  EXPECT_TRUE(doors.latest->host.is_stopping());
  for (int i = 0; i < 2; ++i) {
    say(asks, "p\np\n");
    EXPECT_EQ(heard(asks), "pong\npong\n");
    EXPECT_FALSE(is_closed(asks));
  }
  say(other, "p\n");
  EXPECT_EQ(heard(other), "stopping\n");
  EXPECT_TRUE(is_closed(other));
}

// All that is there is copied each time that it is asked.
TEST_F(GuestEnds, ADoorIsNotAskedBeforeThereIsWhatItWants) {
  const Client client = known();
  once::test::LineDoor& door = *doors.latest;
  door.wanted_beyond = 99;
  const size_t before = door.takes;
  say(client, "r ");
  EXPECT_EQ(door.takes, before + 1);
  for (int piece = 0; piece < 9; ++piece) {
    say(client, std::string(11, 'x'));
    EXPECT_EQ(door.takes, before + 1) << piece;
  }
  say(client, "x");
  EXPECT_EQ(door.takes, before + 2) << "100 bytes more have come";
  say(client, "\n" + std::string(98, 'y'));
  EXPECT_EQ(door.takes, before + 2) << "it wants 100 more again";
  say(client, "z");
  EXPECT_EQ(door.takes, before + 4) << "the command, and what stands behind it";
  EXPECT_EQ(told.back().size(), 101u);
}

// Whoever loops over a wait has one of them under way, and is modest.
TEST_F(GuestEnds, WaitsThatAreAnsweredAreUnderWayNoMore) {
  const Client loops = known(), modest = known();
  for (size_t i = 0; i < 4 * UnderWay::kMostModest; ++i) {
    say(loops, "W name\n");
    say(modest, "r name\n");
    network.now_ns += UnderWay::kYoungNs / 1000;
  }
  heard(loops);
  at_once = false;
  say(modest, "r name\n");
  told.clear();
  say(loops, repeated("W name\n", 2));
  EXPECT_EQ(told.size(), 2u);
}

}  // namespace guest_ends_test
}  // namespace once::net
