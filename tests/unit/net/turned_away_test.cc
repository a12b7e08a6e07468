// Those who find no place: whoever they are, they are told in words that they understand.
#include <gtest/gtest.h>

#include "net/turned_away.h"
#include "tests/unit/net/client_guests.h"

namespace once::net {
namespace turned_away_test {

struct Newcomers : test::ClientGuests {
  Newcomers() { doors.serve_http = true; }
  void fill(size_t max_leaving = 40) {
    remake({.max_connections = 4, .max_leaving = max_leaving});
    at_once = false;
    for (int i = 0; i < 4; ++i) {
      busy.push_back(connect());
      say(busy.back(), "r x\n");
    }
    asked.clear();
  }
  std::vector<Client> busy;
};
const std::string kFrame = "overloaded: too many connections";

TEST_F(Newcomers, HearWhyInTheirOwnProtocol) {
  fill();
  const Client http = connect(), resp = connect(), ours = connect(), tls = connect();
  for (const Client& one : {http, resp, ours, tls}) EXPECT_FALSE(is_closed(one));
  say(http, "GET / HTTP/1.1\r\n");
  say(resp, "*1\r\n");
  EXPECT_EQ(heard(http) + heard(resp), "no place\nno place\n");
  EXPECT_TRUE(is_closed(http) && is_closed(resp));
  EXPECT_EQ(doors.made.back(), doors::Speaks::kResp);
  say(ours, made([](auto& out) { encode_client_hello(ClientHello{}, out); }));
  EXPECT_EQ(error_heard(ours), kFrame);
  say(tls, "\x16\x03");
  EXPECT_EQ(error_heard(tls), kFrame);
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(listener->connections(), 4u);
  EXPECT_EQ(listener->counters().turned_away, 4u);
}

TEST_F(Newcomers, HearThatTheNodeStops) {
  const Client stays = known();
  listener->drain();
  const Client late = connect();
  say(late, "PING\r\n");
  EXPECT_EQ(heard(late), "stopping\n");
  EXPECT_FALSE(is_closed(stays));
}

TEST_F(Newcomers, AreWaitedForUntilALineTellsWhoTheyAre) {
  fill();
  const Client slow = connect(), endless = connect(), ends = connect();
  for (const char c : std::string("GET / HTTP/1.1")) {
    say(slow, std::string(1, c));
    EXPECT_EQ(heard(slow), "");
  }
  say(slow, "\n");
  EXPECT_EQ(heard(slow), "no place\n");
  say(endless, "GET /" + std::string(TurnedAway::kMostHeard - 6, 'a'));
  EXPECT_FALSE(is_closed(endless));
  say(endless, "aaa");
  EXPECT_EQ(heard(endless), "no place\n");
  ends.pipe->to[1] = "GET /v1/na";
  ends.pipe->silent[0] = true;
  for (int rounds = 0; rounds < 2; ++rounds) io.round();
  EXPECT_EQ(heard(ends), "no place\n");
  EXPECT_TRUE(is_closed(slow) && is_closed(endless) && is_closed(ends));
}

// One that neither knows: a line of letters may be one of RESP, or become one of HTTP.
TEST_F(Newcomers, HearInASecondWhateverTheySay) {
  fill();
  const Client silent = connect(), http = connect(), letters = connect();
  say(http, "GET /v1/na");
  say(letters, "GET v1");
  tick(TurnedAway::kPatienceNs - 1);
  EXPECT_FALSE(is_closed(silent) || is_closed(http) || is_closed(letters));
  tick(1);
  EXPECT_EQ(error_heard(silent), kFrame);
  EXPECT_EQ(heard(http), "no place\n");
  EXPECT_EQ(heard(letters), "");
  EXPECT_TRUE(is_closed(http) && is_closed(letters));
}

// They hold descriptors, and those that leave need room.
TEST_F(Newcomers, AreHeardOneQuarterOfThoseThatMayLeave) {
  fill(8);
  const Client first = connect(), second = connect(), third = connect();
  io.round();
  EXPECT_FALSE(is_closed(first) || is_closed(second));
  EXPECT_EQ(error_heard(third), kFrame);
  second.pipe->closed[0] = true;
  io.round();
  const Client fourth = connect();
  io.round();
  EXPECT_FALSE(is_closed(fourth));
  say(first, "PING\r\n");
  say(fourth, "PING\r\n");
  EXPECT_EQ(heard(first) + heard(fourth), "no place\nno place\n");
}

TEST_F(Newcomers, MayGoBeforeTheyAreTold) {
  fill();
  const Client gone = connect();
  io.on_batch_end = [this, &gone, was = io.on_batch_end] {
    io.close(gone.stream);
    was();
  };
  say(gone, "PING\r\n");
  EXPECT_EQ(heard(gone), "");
  EXPECT_EQ(io.streams(), 4u);
}

// A place that is given away before a word was said, or in the middle of the first line.
TEST_F(Newcomers, TakeThePlaceOfThoseWhoHaveNotShownWhoTheyAre) {
  remake({.max_connections = 4});
  at_once = false;
  for (int i = 0; i < 3; ++i) say(connect(), "r x\n");
  for (const auto& [begun, told] :
       {std::pair<std::string, std::string>{"GET /v1/na", "idle\n"}, {"GET na", ""}}) {
    const Client old = connect();
    say(old, begun);
    const Client next = connect();
    io.round();
    EXPECT_EQ(heard(old), told);
    EXPECT_TRUE(is_closed(old));
    EXPECT_FALSE(is_closed(next));
    next.pipe->closed[0] = true;
    io.round();
  }
}

TEST_F(Newcomers, WhoDoesNotEndHisFirstLineHearsSo) {
  const Client http = connect(), letters = connect(), silent = connect();
  say(http, "GET /v1/na");
  say(letters, "GET na");
  tick(kFirstFrameTimeoutNs);
  EXPECT_EQ(heard(http), "slow\n");
  EXPECT_EQ(heard(letters), "");
  EXPECT_EQ(error_heard(silent), "no client hello came within 5000 ms");
  EXPECT_TRUE(is_closed(http) && is_closed(letters));
  EXPECT_EQ(listener->counters().closed_before_hello, 3u);
  EXPECT_EQ(listener->connections(), 0u);
}

}  // namespace turned_away_test
}  // namespace once::net
