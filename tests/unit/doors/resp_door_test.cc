// Commands of RESP on names: what is asked, and what is said.
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "tests/unit/doors/resp_fixture.h"

namespace once::doors {
namespace resp_door_test {

TEST_F(RespDoorTest, ReadsAskOnceAndTellWhatTheyFind) {
  EXPECT_EQ(told("GET a", Status::kDone, 3, "value"), "$5\r\nvalue\r\n");
  EXPECT_EQ(last().operation, Operation::kRead);
  EXPECT_EQ(last().name, "a");
  EXPECT_EQ(told("get a", Status::kDone, 1, ""), "$0\r\n\r\n");
  EXPECT_EQ(told("GET a", Status::kEmpty), "$-1\r\n");
  EXPECT_EQ(told("STRLEN a", Status::kDone, 3, "value"), ":5\r\n");
  EXPECT_EQ(told("STRLEN a", Status::kEmpty), ":0\r\n");
  EXPECT_EQ(told("TYPE a", Status::kDone, 3, ""), "+string\r\n");
  EXPECT_EQ(told("TYPE a", Status::kEmpty), "+none\r\n");
  for (const std::string line : {"TTL a", "PTTL a"}) {
    EXPECT_EQ(told(line, Status::kDone, 1, "v"), ":-1\r\n");
    EXPECT_EQ(told(line, Status::kEmpty), ":-2\r\n");
  }
  EXPECT_EQ(told("EXISTS a", Status::kDone, 1, "v"), ":1\r\n");
  EXPECT_EQ(told("EXISTS a", Status::kEmpty), ":0\r\n");
}

TEST_F(RespDoorTest, ManyNamesAreToldWhenAllAreKnown) {
  take("MGET a b c\r\nEXISTS a a b\r\n");
  ASSERT_EQ(host.asked.size(), 6u);
  reply(2, Status::kDone, 1, "third");
  reply(0, Status::kDone, 1, "first");
  reply(4, Status::kDone, 1, "x");
  reply(3, Status::kDone, 1, "x");
  reply(5, Status::kEmpty);
  EXPECT_EQ(host.said(), "");
  EXPECT_GT(door.kept_bytes(), 10u);
  reply(1, Status::kEmpty);
  EXPECT_EQ(host.said(), "*3\r\n$5\r\nfirst\r\n$-1\r\n$5\r\nthird\r\n:2\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespDoorTest, OneOfManyThatFailsFailsAll) {
  take("MGET a b c\r\nEXISTS a b\r\n");
  reply(2, Status::kOverloaded);
  reply(1, Status::kUnavailable);
  reply(0, Status::kDone, 1, "first");
  EXPECT_EQ(host.said(),
            "-CLUSTERDOWN this node reaches no majority, has no vote yet, or stops; nothing "
            "happened\r\n");
  reply(3, Status::kOverloaded);
  reply(4, Status::kDone, 1, "v");
  EXPECT_EQ(
      host.said(),
      "-TRYAGAIN a limit of this node was met (requests, memory, disk); nothing happened\r\n");
}

TEST_F(RespDoorTest, ManyNamesAreBounded) {
  std::string line = "MGET";
  for (size_t i = 0; i < kMostAsksOfCommand; ++i) line += " a";
  EXPECT_EQ(refused(line + " a"), "-ERR at most 1024 names at once, these are 1025\r\n");
  EXPECT_EQ(said(line), "");
  ASSERT_EQ(host.asked.size(), kMostAsksOfCommand);
  const std::string large(kMaxValueBytes, 'v');
  for (size_t i = 0; i < kMostAsksOfCommand; ++i) {
    reply(i, Status::kDone, 1, large);
    EXPECT_LT(door.kept_bytes(), 5u * 1024 * 1024);
  }
  EXPECT_EQ(host.said(),
            "-ERR these values have more than 4194304 bytes: ask for fewer at once\r\n");
}

TEST_F(RespDoorTest, SetChangesANameOrSetsItForEver) {
  EXPECT_EQ(told("SET a v", Status::kDone, 4, "v"), "+OK\r\n");
  EXPECT_EQ(last().operation, Operation::kSet);
  EXPECT_EQ(last().value, "v");
  EXPECT_NE(last().id, RequestId{});
  EXPECT_EQ(told("SET a v", Status::kSealed, 1, "w", true), "-SEALED a never changes again\r\n");
  EXPECT_EQ(told("SET a v nx", Status::kDone, 1, "v", true), "+OK\r\n");
  EXPECT_EQ(last().operation, Operation::kWrite);
  EXPECT_EQ(told("SET a v NX", Status::kAlreadySet, 1, "w", true), "$-1\r\n");
  EXPECT_EQ(told("SETNX a v", Status::kDone, 1, "v", true), ":1\r\n");
  EXPECT_EQ(last().operation, Operation::kWrite);
  EXPECT_EQ(told("SETNX a v", Status::kAlreadySet, 1, "w", true), ":0\r\n");
}

// A client that asks again by itself after a lost answer finds the value that it has set.
TEST_F(RespDoorTest, NxGetTellsTheWinner) {
  EXPECT_EQ(told("SET a mine NX GET", Status::kDone, 1, "mine", true), "$-1\r\n");
  EXPECT_EQ(last().operation, Operation::kWrite);
  const RequestId first = last().id;
  EXPECT_EQ(told("SET a mine GET NX", Status::kAlreadySet, 1, "mine", true), "$4\r\nmine\r\n");
  EXPECT_NE(last().id, first);
  EXPECT_EQ(told("SET a mine NX GET", Status::kAlreadySet, 1, "other", true), "$5\r\nother\r\n");
  EXPECT_EQ(told("SET a mine NX GET", Status::kUnknown),
            "-UNKNOWN it may have happened; ask again with SET key value NX GET\r\n");
}

TEST_F(RespDoorTest, IfEqualReadsAndThenChangesThatVersion) {
  EXPECT_EQ(told("SET a new IFEQ old", Status::kEmpty), "$-1\r\n");
  EXPECT_EQ(told("SET a new IFEQ old", Status::kDone, 3, "other"), "$-1\r\n");
  EXPECT_EQ(told("SET a new IFEQ old", Status::kDone, 3, "old", true),
            "-SEALED a never changes again\r\n");
  for (const auto& [status, text] :
       {std::pair<Status, std::string>{Status::kDone, "+OK\r\n"},
        {Status::kConflict, "$-1\r\n"},
        {Status::kSealed, "-SEALED a never changes again\r\n"},
        {Status::kUnknown, "-UNKNOWN it may have happened, or may still happen\r\n"}}) {
    const size_t before = host.asked.size();
    take("SET a new IFEQ old\r\n");
    EXPECT_EQ(last().operation, Operation::kRead);
    reply(before, Status::kDone, 3, "old");
    ASSERT_EQ(host.asked.size(), before + 2);
    EXPECT_EQ(last().operation, Operation::kCas);
    EXPECT_EQ(last().version, 3u);
    EXPECT_EQ(last().name, "a");
    EXPECT_EQ(last().value, "new");
    EXPECT_EQ(host.said(), "");
    reply(before + 1, status, 4);
    EXPECT_EQ(host.said(), text);
  }
}

TEST_F(RespDoorTest, OptionsThatAreNotServedAreRefused) {
  for (const std::string option : {"EX 5", "px 5", "EXAT 5", "PXAT 5", "KEEPTTL", "NX EX 5"}) {
    EXPECT_EQ(refused("SET a v " + option),
              "-ERR names do not expire; for what ends by itself use 'once lock'\r\n");
  }
  EXPECT_EQ(refused("SET a v XX"),
            "-ERR SET with XX is not served; use 'SET key value IFEQ old'\r\n");
  EXPECT_EQ(refused("SET a v GET"),
            "-ERR SET with GET is served with NX only; use GET and 'SET key "
            "value IFEQ old'\r\n");
  for (const std::string option :
       {"NY", "IFEQ", "NX IFEQ old", "IFEQ old GET", "\"\"", "IFEQ old IFEQ other"}) {
    EXPECT_EQ(refused("SET a v " + option), "-ERR syntax error\r\n") << option;
  }
  EXPECT_EQ(refused("INCRBY a 2"),
            "-ERR INCRBY is served with 1 only: it draws the next number\r\n");
}

TEST_F(RespDoorTest, NumbersAreDrawn) {
  for (const std::string line : {"INCR a", "INCRBY a 1", "ONCE.NEXT a"}) {
    EXPECT_EQ(told(line, Status::kDone, 7), ":7\r\n");
    EXPECT_EQ(last().operation, Operation::kNext);
    EXPECT_EQ(told(line, Status::kSealed, 7, "", true), "-SEALED a never changes again\r\n");
  }
}

const std::string kWriter = "$32\r\n00000000000000ab00000000000000cd\r\n";

TEST_F(RespDoorTest, OurOwnCommandsTellAll) {
  const std::string state = "$7\r\nversion\r\n:2\r\n$6\r\nsealed\r\n:0\r\n$6\r\nwriter\r\n" +
                            kWriter + "$5\r\nvalue\r\n$1\r\nv\r\n";
  EXPECT_EQ(told("ONCE.READ a", Status::kDone, 2, "v"), "*8\r\n" + state);
  EXPECT_EQ(told("ONCE.READ a", Status::kEmpty), "$-1\r\n");
  EXPECT_EQ(told("ONCE.WAIT a 1 250", Status::kDone, 2, "v"), "*8\r\n" + state);
  EXPECT_EQ(last().operation, Operation::kWait);
  EXPECT_EQ(last().version, 1u);
  EXPECT_EQ(last().timeout_ms, 250u);
  EXPECT_EQ(told("ONCE.WAIT a 2 0", Status::kNotYet), "$-1\r\n");
  EXPECT_EQ(last().timeout_ms, 1u);
  EXPECT_EQ(told("ONCE.WAIT a 2 60000", Status::kSealed), "-SEALED a never changes again\r\n");
  EXPECT_EQ(last().timeout_ms, 60'000u);
  for (const std::string ms : {"60001", "4294967296", "18446744073709551615"}) {
    EXPECT_EQ(refused("ONCE.WAIT a 2 " + ms),
              "-ERR a wait has at most 60000 milliseconds: ask again when they are over\r\n");
  }
  said("HELLO 3");
  // As a node answers: what is done comes without the value that was sent.
  EXPECT_EQ(
      told("ONCE.WRITE a v ID 0123456789abcdef", Status::kDone, 1, "", true),
      "%4\r\n$3\r\nwon\r\n#t\r\n$7\r\nversion\r\n:1\r\n$6\r\nsealed\r\n#t\r\n$6\r\nwriter\r\n" +
          kWriter);
  EXPECT_EQ(last().id, request_id(0, 0x0123456789abcdef));
  const std::string lost = told("ONCE.WRITE a v", Status::kAlreadySet, 1, "w", true);
  EXPECT_TRUE(lost.starts_with("%5\r\n$3\r\nwon\r\n#f\r\n")) << lost;
  EXPECT_TRUE(lost.ends_with("$5\r\nvalue\r\n$1\r\nw\r\n")) << lost;
  EXPECT_NE(last().id, RequestId{});
  EXPECT_EQ(told("ONCE.WRITE a v ID 1", Status::kIdReused, 1, "w", true),
            "-IDREUSED this id has set the name to another value; nothing happened\r\n");
  for (const std::string end : {"ID", "ID x", "ID 0", "IT 1", "ID 1 2"}) {
    refused("ONCE.WRITE a v " + end);
  }
}

TEST_F(RespDoorTest, VersionsAreExpectedAndChecked) {
  EXPECT_EQ(told("ONCE.CAS a 3 v", Status::kDone, 4, "v"), ":4\r\n");
  EXPECT_EQ(last().operation, Operation::kCas);
  EXPECT_EQ(last().version, 3u);
  EXPECT_EQ(last().value, "v");
  EXPECT_EQ(told("ONCE.CAS a 3 v", Status::kConflict, 9, "v"), "-CONFLICT version 9\r\n");
  EXPECT_EQ(told("ONCE.SEAL a 4", Status::kDone, 5, "v", true), ":5\r\n");
  EXPECT_EQ(last().operation, Operation::kSeal);
  EXPECT_EQ(told("ONCE.SEAL a 4", Status::kSealed, 5, "v", true),
            "-SEALED a never changes again\r\n");
  EXPECT_EQ(told("ONCE.CHECK a 18446744073709551615", Status::kDone, 5, ""), ":1\r\n");
  EXPECT_EQ(last().version, UINT64_MAX);
  EXPECT_EQ(told("ONCE.CHECK a 4", Status::kConflict, 5, ""), ":0\r\n");
  for (const std::string number : {"-1", "x", "\"\"", "18446744073709551616", "1x"}) {
    EXPECT_EQ(refused("ONCE.CAS a " + number + " v"),
              "-ERR the version is not a number of this range\r\n");
    EXPECT_EQ(refused("ONCE.CHECK a " + number),
              "-ERR the token is not a number of this range\r\n");
    EXPECT_EQ(refused("ONCE.WAIT a 1 " + number),
              "-ERR the time is not a number of this range\r\n");
  }
}

TEST_F(RespDoorTest, EachOutcomeHasItsWord) {
  EXPECT_EQ(told("SET a v", Status::kUnknown),
            "-UNKNOWN it may have happened, or may still happen\r\n");
  EXPECT_EQ(told("SET a v NX", Status::kUnknown),
            "-UNKNOWN it may have happened; ask again with SET key value NX GET\r\n");
  EXPECT_EQ(told("SET a v", Status::kUnavailable),
            "-CLUSTERDOWN this node reaches no majority, has no vote yet, or stops; nothing "
            "happened\r\n");
  EXPECT_EQ(
      told("GET a", Status::kOverloaded),
      "-TRYAGAIN a limit of this node was met (requests, memory, disk); nothing happened\r\n");
  EXPECT_EQ(told("INCR a", Status::kInvalid),
            "-ERR the request breaks a limit; nothing happened\r\n");
  EXPECT_EQ(told("GET a", Status::kRetired).substr(0, 9), "-RETIRED ");
  EXPECT_EQ(told("GET a", Status::kDenied).substr(0, 8), "-NOPERM ");
}

TEST_F(RespDoorTest, NamesAndValuesAreBytesWithinLimits) {
  const std::string name(kMaxNameBytes, 'n'), value(kMaxValueBytes, 'v');
  const auto set = [](const std::string& name, const std::string& value) {
    return "*3\r\n$3\r\nSET\r\n$" + std::to_string(name.size()) + "\r\n" + name + "\r\n$" +
           std::to_string(value.size()) + "\r\n" + value + "\r\n";
  };
  take(set(name, value));
  ASSERT_EQ(host.asked.size(), 1u);
  EXPECT_TRUE(last().name == name && last().value == value);
  reply(0, Status::kDone, 1);
  take(set(std::string("\0\r\n\xff", 4), std::string("\0\r\n\xff", 4)));
  EXPECT_EQ(host.asked.back().name, std::string("\0\r\n\xff", 4));
  reply(1, Status::kDone, 1);
  host.said();
  take(set(name + "n", "v"));
  EXPECT_EQ(host.said(), "-ERR a name has 1 to 1024 bytes, this one has 1025\r\n");
  take(set("", "v"));
  EXPECT_EQ(host.said(), "-ERR a name has 1 to 1024 bytes, this one has 0\r\n");
  take(set("a", value + "v"));
  EXPECT_EQ(host.said(), "-ERR a value has at most 65536 bytes, this one has 65537\r\n");
  EXPECT_EQ(host.asked.size(), 2u);
}

// The node refuses these, so that it counts them as it counts those of other doors.
TEST_F(RespDoorTest, NamesOfTheSystemAreRefusedByTheNode) {
  const std::string text = "-ERR names that begin with _ are reserved for the system\r\n";
  for (const std::string line :
       {"GET _a", "SET _a v", "SETNX _a v", "INCR _a", "MGET _a", "EXISTS _a", "SET _a v IFEQ w",
        "ONCE.WRITE _a v", "ONCE.READ _a", "ONCE.CAS _a 1 v", "ONCE.WAIT _a 1 1", "TTL _a"}) {
    EXPECT_EQ(told(line, Status::kInvalid), text) << line;
    EXPECT_EQ(last().name, "_a");
  }
  const size_t before = host.asked.size();
  take("MGET a _a\r\n");
  reply(before, Status::kEmpty);
  reply(before + 1, Status::kInvalid);
  EXPECT_EQ(host.said(), text);
}

TEST_F(RespDoorTest, WithoutAnIdNothingIsAsked) {
  host.ids = false;
  const std::string text =
      "-TRYAGAIN the system gives no random bits for a request id; nothing happened\r\n";
  for (const std::string line :
       {"SET a v", "SET a v NX", "INCR a", "ONCE.WRITE a v", "ONCE.CAS a 1 v", "ONCE.SEAL a 1"}) {
    EXPECT_EQ(refused(line), text) << line;
  }
  EXPECT_EQ(told("SET a new IFEQ old", Status::kDone, 3, "old"), text) << "it has read alone";
  EXPECT_EQ(last().operation, Operation::kRead);
  EXPECT_EQ(told("ONCE.WRITE a v ID 1", Status::kDone, 1).substr(0, 4), "*8\r\n");
  EXPECT_EQ(told("GET a", Status::kEmpty), "$-1\r\n") << "no turn was taken, and none is missing";
}

// As a shard does: it looks at what was asked when the round ends.
TEST(RespDoorViews, LiveUntilTheRoundEnds) {
  struct LateHost final : DoorHost {
    void ask(uint64_t, const paxos::ClientRequest& request) override { asked.push_back(request); }
    std::string_view keep(std::vector<char>&& bytes) override {
      kept.push_back(std::move(bytes));
      return {kept.back().data(), kept.back().size()};
    }
    RequestId draw_id() override { return request_id(1, 1); }
    std::vector<char>* out() override { return nullptr; }
    const NodeView& node() override { return view; }
    CoreId core() const override { return CoreId{0}; }
    FakeNode view;
    std::vector<paxos::ClientRequest> asked;
    std::deque<std::vector<char>> kept;
  } host;
  RespDoor door(host);
  std::string_view left = "SET first-name first-value\r\nSET other-name other-value\r\n";
  while (!left.empty()) left.remove_prefix(door.take(left).bytes);
  ASSERT_EQ(host.asked.size(), 2u);
  EXPECT_EQ(host.asked[0].name, "first-name");
  EXPECT_EQ(host.asked[0].value, "first-value");
  EXPECT_EQ(host.asked[1].name, "other-name");
  EXPECT_EQ(host.asked[1].value, "other-value");
}

TEST_F(RespDoorTest, WhatACommandNeedsIsCounted) {
  const std::string value(kMaxValueBytes, 'v');
  take("*5\r\n$3\r\nSET\r\n$1\r\na\r\n$65536\r\n" + value + "\r\n$4\r\nIFEQ\r\n$1\r\nx\r\n");
  ASSERT_EQ(host.asked.size(), 1u);
  EXPECT_GE(door.kept_bytes(), kMaxValueBytes);
  reply(0, Status::kEmpty);
  EXPECT_EQ(door.kept_bytes(), 0u);
}

// What an answer was made of goes when it is made, however long it waits for its turn.
TEST_F(RespDoorTest, WhatACommandNeededIsGoneWhenItIsAnswered) {
  const std::string value(kMaxValueBytes, 'v');
  take("ONCE.WAIT w 0 60000\r\nMGET a b c d\r\n");
  for (size_t i = 1; i <= 4; ++i) reply(i, Status::kDone, 1, value);
  EXPECT_LT(door.kept_bytes(), 8 * kMaxValueBytes + 4096) << "the text alone, and its room to grow";
  take("SET a " + std::string(60'000, 'x') + " IFEQ y\r\n");
  const size_t before = door.kept_bytes();
  reply(5, Status::kEmpty);
  EXPECT_LT(door.kept_bytes(), before - 60'000);
  reply(0, Status::kNotYet);
  EXPECT_EQ(door.kept_bytes(), 0u);
}

// A connection that once asked for much is idle as one that never did.
TEST_F(RespDoorTest, RoomForManyWordsIsCountedAndGivenBack) {
  std::string many = "*1040\r\n";
  for (int i = 0; i < 1040; ++i) many += "$1\r\na\r\n";
  take(many.substr(0, many.size() - 1));
  EXPECT_GE(door.kept_bytes(), 1039 * 2 * sizeof(size_t)) << "where the words are";
  door.take(many);
  EXPECT_EQ(door.kept_bytes(), 0u);
  take(std::string(60'000, ' ') + "\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u) << "no words at all, in a long line";
  take("PING " + std::string(50'000, 'x') + "\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u);
  take(std::string(50'000, 'x') + " \"\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u) << "what is broken is not read on";
}

TEST_F(RespDoorTest, AnswersKeepTheOrderOfCommands) {
  take("GET a\r\nPING\r\nGET b\r\nINCR c\r\nECHO x\r\n");
  EXPECT_EQ(door.unanswered(), 5u);
  reply(2, Status::kDone, 9);
  reply(1, Status::kDone, 1, "b");
  EXPECT_EQ(host.said(), "");
  reply(0, Status::kDone, 1, "a");
  EXPECT_EQ(host.said(), "$1\r\na\r\n+PONG\r\n$1\r\nb\r\n:9\r\n$1\r\nx\r\n");
  EXPECT_EQ(door.unanswered(), 0u);
  EXPECT_EQ(door.kept_bytes(), 0u);
}

// As a client of Redis expects that sends without waiting: each command finds what those before it
// left.
TEST_F(RespDoorTest, CommandsOfOneNameHaveTheirTurns) {
  take("SET a 1\r\nGET a\r\nSTRLEN a\r\nINCR a\r\nGET a\r\nGET b\r\n");
  const auto asked = [&] {
    std::string all;
    for (const auto& one : host.asked) {
      all += one.name + std::to_string(static_cast<int>(one.request.operation)) + " ";
    }
    return all;
  };
  EXPECT_EQ(asked(), "a3 b2 ");
  EXPECT_EQ(host.asked[0].value, "1");
  EXPECT_GT(door.kept_bytes(), 3 * sizeof(NameTurns::Ask));
  reply(1, Status::kEmpty);
  EXPECT_EQ(asked(), "a3 b2 ");
  reply(0, Status::kDone, 1);
  EXPECT_EQ(asked(), "a3 b2 a2 a2 ") << "reads go side by side";
  reply(3, Status::kDone, 1, "1");
  EXPECT_EQ(asked(), "a3 b2 a2 a2 ");
  reply(2, Status::kDone, 1, "1");
  EXPECT_EQ(asked(), "a3 b2 a2 a2 a6 ");
  reply(4, Status::kDone, 2);
  EXPECT_EQ(asked(), "a3 b2 a2 a2 a6 a2 ");
  reply(5, Status::kDone, 2, "");
  EXPECT_EQ(host.said(), "+OK\r\n$1\r\n1\r\n:1\r\n:2\r\n$0\r\n\r\n$-1\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespDoorTest, AReadWaitsBehindAChangeThatWaits) {
  take("GET a\r\nSET a 1\r\nGET a\r\n");
  ASSERT_EQ(host.asked.size(), 1u);
  reply(0, Status::kEmpty);
  ASSERT_EQ(host.asked.size(), 2u);
  reply(1, Status::kDone, 1);
  ASSERT_EQ(host.asked.size(), 3u);
  reply(2, Status::kDone, 1, "1");
  EXPECT_EQ(host.said(), "$-1\r\n+OK\r\n$1\r\n1\r\n");
}

TEST_F(RespDoorTest, ACommandOfTwoStepsKeepsItsTurn) {
  take("SET a new IFEQ old\r\nGET a\r\n");
  ASSERT_EQ(host.asked.size(), 1u);
  reply(0, Status::kDone, 3, "old");
  ASSERT_EQ(host.asked.size(), 2u);
  EXPECT_EQ(last().operation, Operation::kCas);
  reply(1, Status::kDone, 4);
  ASSERT_EQ(host.asked.size(), 3u);
  reply(2, Status::kDone, 4, "new");
  EXPECT_EQ(host.said(), "+OK\r\n$3\r\nnew\r\n");
}

TEST_F(RespDoorTest, OneOfManyNamesWaitsForItsTurn) {
  take("SET b 1\r\nMGET a b a\r\nSET a 2\r\nEXISTS b\r\n");
  ASSERT_EQ(host.asked.size(), 3u) << "set b, mget a and a; exists waits";
  EXPECT_EQ(door.waiting(), 3u) << "b of mget, set and exists";
  reply(1, Status::kEmpty);
  reply(2, Status::kEmpty);
  ASSERT_EQ(host.asked.size(), 3u);
  reply(0, Status::kDone, 1);
  ASSERT_EQ(host.asked.size(), 5u) << "b of mget, and exists";
  EXPECT_EQ(door.waiting(), 1u);
  reply(3, Status::kDone, 1, "1");
  ASSERT_EQ(host.asked.size(), 6u);
  EXPECT_EQ(last().operation, Operation::kSet);
  reply(4, Status::kDone, 1, "1");
  reply(5, Status::kDone, 1);
  EXPECT_EQ(host.said(), "+OK\r\n*3\r\n$-1\r\n$1\r\n1\r\n$-1\r\n+OK\r\n:1\r\n");
  EXPECT_EQ(door.kept_bytes(), 0u);
}

TEST_F(RespDoorTest, ACommandIsAnsweredInTheProtocolThatItWasAskedIn) {
  take("GET a\r\nHELLO 3\r\nGET b\r\n");
  reply(1, Status::kEmpty);
  reply(0, Status::kEmpty);
  const std::string text = host.said();
  EXPECT_TRUE(text.starts_with("$-1\r\n%7\r\n")) << text;
  EXPECT_TRUE(text.ends_with("_\r\n")) << text;
}

TEST_F(RespDoorTest, AnErrorOfACommandEndsNothingAndOneOfTheProtocolAll) {
  EXPECT_EQ(take("FOO\r\n").what, Taken::What::kCommand);
  EXPECT_EQ(take("GET a\r\n").what, Taken::What::kCommand);
  EXPECT_EQ(take("*1\r\n$x\r\nGET b\r\n").what, Taken::What::kLast);
  host.said();
  reply(0, Status::kEmpty);
  EXPECT_EQ(host.said(), "$-1\r\n-ERR Protocol error: invalid bulk length\r\n");
}

TEST_F(RespDoorTest, AFarewellComesAfterWhatIsDue) {
  for (const auto& [why, word] :
       {std::pair<Door::Farewell, std::string>{Door::Farewell::kSlow, "-ERR Protocol error"},
        {Door::Farewell::kIdle, "-ERR max number of clients reached"},
        {Door::Farewell::kFull, "-ERR max number of clients reached: the memory"},
        {Door::Farewell::kNoPlace, "-ERR max number of clients reached\r\n"},
        {Door::Farewell::kStopping, "-LOADING "}}) {
    const size_t before = host.asked.size();
    take("GET a\r\n");
    door.say_farewell(why);
    EXPECT_EQ(host.said(), "");
    reply(before, Status::kEmpty);
    EXPECT_TRUE(host.said().starts_with("$-1\r\n" + word));
  }
}

TEST_F(RespDoorTest, NobodyIsThereAnyMore) {
  take("GET a\r\nPING\r\n");
  host.gone = true;
  reply(0, Status::kDone, 1, "v");
  EXPECT_EQ(door.unanswered(), 0u);
  EXPECT_EQ(door.kept_bytes(), 0u);
  host.gone = false;
  EXPECT_EQ(host.said(), "");
}

}  // namespace resp_door_test
}  // namespace once::doors
