// Who is there, by his first bytes, however they come.
#include "doors/choose.h"

#include <gtest/gtest.h>

#include <string>

#include "doors/http/request_head.h"

namespace once::doors {
namespace choose_test {

TEST(Choose, TheFirstByteTellsMostOfThem) {
  EXPECT_EQ(who_speaks(""), Speaks::kNotKnownYet);
  EXPECT_EQ(who_speaks("\x24"), Speaks::kOnce);
  EXPECT_EQ(who_speaks("\x16"), Speaks::kTls);
  EXPECT_EQ(who_speaks("*"), Speaks::kResp);
  EXPECT_EQ(who_speaks("\x01"), Speaks::kStranger);
  EXPECT_EQ(who_speaks("7"), Speaks::kStranger);
}

TEST(Choose, ALineTellsByItsEnd) {
  EXPECT_EQ(who_speaks("GET / HTTP/1.1"), Speaks::kNotKnownYet);
  EXPECT_EQ(who_speaks("GET / HTTP/1.1\r\n"), Speaks::kHttp);
  EXPECT_EQ(who_speaks("GET / HTTP/1.1\nmore"), Speaks::kHttp);
  EXPECT_EQ(who_speaks("GET name\r\n"), Speaks::kResp);
  EXPECT_EQ(who_speaks("PING\r\n"), Speaks::kResp);
}

TEST(Choose, ALineThatHasNotEndedSeemsToBeHttpIfItBeginsSo) {
  for (const std::string begun : {"GET /", "PUT /v1/names/a", "GET http://a", "\r\nGET /v1"}) {
    EXPECT_EQ(who_speaks(begun), Speaks::kNotKnownYet) << begun;
    EXPECT_EQ(who_seems_to_speak(begun), Speaks::kHttp) << begun;
  }
  for (const std::string begun : {"", "\r\n", "GET", "GET ", "GET name"}) {
    EXPECT_EQ(who_seems_to_speak(begun), Speaks::kNotKnownYet) << begun;
  }
  EXPECT_EQ(who_seems_to_speak("GET /\n"), Speaks::kResp) << "its end has come";
  EXPECT_EQ(who_seems_to_speak("\x24"), Speaks::kOnce);
}

TEST(Choose, EmptyLinesInFrontTellNothing) {
  for (const std::string empty : {"\r", "\n", "\r\n", "\r\n\r\n", "\n\n\r\n"}) {
    EXPECT_EQ(who_speaks(empty), Speaks::kNotKnownYet) << empty;
    EXPECT_EQ(who_speaks(empty + "GET / HTTP/1.1"), Speaks::kNotKnownYet) << empty;
    EXPECT_EQ(who_speaks(empty + "GET / HTTP/1.1\r\n"), Speaks::kHttp) << empty;
    EXPECT_EQ(who_speaks(empty + "PING\r\n"), Speaks::kResp) << empty;
    EXPECT_EQ(who_speaks(empty + "*1"), Speaks::kResp) << empty;
    EXPECT_EQ(who_speaks(empty + "\x24"), Speaks::kStranger) << "frames have none in front";
  }
  EXPECT_EQ(who_speaks(std::string(kMostFirstLine - 1, '\n')), Speaks::kNotKnownYet);
  EXPECT_EQ(who_speaks(std::string(kMostFirstLine, '\n')), Speaks::kStranger);
}

// The same whether its end has come by then or not, so that the refusal is one of HTTP.
TEST(Choose, ALineBeyondTheBoundIsHttpIfItBeginsSo) {
  static_assert(kMostFirstLine == http::kMaxHeadBytes, "else the reader waits for more of it");
  const std::string rest(kMostFirstLine, 'x');
  for (const std::string begin : {"GET /", "POST http://", "delete https://"}) {
    const std::string line = begin + rest;
    EXPECT_EQ(who_speaks(line.substr(0, kMostFirstLine - 1)), Speaks::kNotKnownYet);
    EXPECT_EQ(who_speaks(line.substr(0, kMostFirstLine)), Speaks::kHttp) << begin;
    EXPECT_EQ(who_speaks(line + " HTTP/1.1\r\n"), Speaks::kHttp) << begin;
  }
  for (const std::string begin : {"GET ", "GET", "SET name ", "GET  /", "GET httpx://"}) {
    EXPECT_EQ(who_speaks(begin + rest), Speaks::kStranger) << begin;
  }
}

}  // namespace choose_test
}  // namespace once::doors
