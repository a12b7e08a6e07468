// What a door for RESP keeps, counted: values, answers that wait for their turn, what waits to be
// asked. And of our own commands, that those which change a name have their turns.
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "tests/unit/doors/resp_fixture.h"

namespace once::doors {
namespace resp_kept_test {

using RespKept = RespDoorTest;

TEST_F(RespKept, AnAnswerThatWaitsForItsTurn) {
  take("ONCE.WAIT w 0 1000\r\nGET a\r\n");
  ASSERT_EQ(host.asked.size(), 2u);
  reply(1, Status::kDone, 1, std::string(60'000, 'v'));
  EXPECT_EQ(host.said(), "");
  EXPECT_GE(door.kept_bytes(), 60'000u);
  reply(0, Status::kNotYet);
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespKept, WhatWaitsToBeAsked) {
  take("SET a 1\r\n");
  const size_t before = door.kept_bytes();
  take("SET a " + std::string(60'000, 'v') + "\r\n");
  ASSERT_EQ(host.asked.size(), 1u);
  EXPECT_GE(door.kept_bytes(), before + 60'000);
  reply(0, Status::kDone, 1);
  reply(1, Status::kDone, 2);
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespKept, ValuesOfACommandThatIsNotAnswered) {
  take("MGET a b c\r\n");
  const std::string value(kMaxValueBytes, 'v');
  for (size_t i = 0; i < 2; ++i) reply(i, Status::kDone, 1, value);
  EXPECT_GE(door.kept_bytes(), 2 * kMaxValueBytes);
  reply(2, Status::kDone, 1, "v");
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespKept, TheTurnsOfOurOwnCommands) {
  for (const std::string line :
       {"ONCE.CAS a 1 x", "ONCE.SEAL a 1", "ONCE.WRITE a x", "ONCE.NEXT a"}) {
    const size_t before = host.asked.size();
    take(line + "\r\nGET a\r\n");
    ASSERT_EQ(host.asked.size(), before + 1) << line << " comes first";
    reply(before, Status::kDone, 2);
    ASSERT_EQ(host.asked.size(), before + 2) << line;
    reply(before + 1, Status::kEmpty);
  }
  for (const std::string line : {"ONCE.CHECK a 1", "ONCE.WAIT a 1 1", "ONCE.READ a"}) {
    const size_t before = host.asked.size();
    take(line + "\r\nGET a\r\n");
    ASSERT_EQ(host.asked.size(), before + 2) << line << " holds up no read";
    for (size_t i = 0; i < 2; ++i) reply(before + i, Status::kEmpty);
  }
}

}  // namespace resp_kept_test
}  // namespace once::doors
