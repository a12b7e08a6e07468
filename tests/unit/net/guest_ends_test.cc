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

}  // namespace guest_ends_test
}  // namespace once::net
