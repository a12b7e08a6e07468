// What clients of Redis say when they connect, and what they ask of the commands themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "doors/resp/commands.h"
#include "tests/unit/doors/resp_fixture.h"

namespace once::doors {
namespace resp_connection_test {

using RespConnection = RespDoorTest;

TEST_F(RespConnection, HelloTellsSevenThingsInOrder) {
  const std::string seven =
      "$6\r\nserver\r\n$4\r\nonce\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n";
  const std::string id = "$2\r\nid\r\n:" + std::to_string(door.id()) + "\r\n";
  const std::string rest =
      id +
      "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
  EXPECT_EQ(said("HELLO"), "*14\r\n" + seven + ":2\r\n" + rest);
  EXPECT_EQ(said("hello 3 SETNAME me"), "%7\r\n" + seven + ":3\r\n" + rest);
  EXPECT_EQ(said("CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_EQ(said("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(said("HELLO 2 AUTH default x"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(said("HELLO 2 NAME x"), "-ERR Syntax error in HELLO option 'NAME'\r\n");
  EXPECT_EQ(said("HELLO 3 SETNAME"), "-ERR Syntax error in HELLO option 'SETNAME'\r\n");
  EXPECT_EQ(said("GETNAME").front(), '-');
  EXPECT_EQ(said("CLIENT ID"), ":" + std::to_string(door.id()) + "\r\n");
  EXPECT_EQ(said("HELLO 2"), "*14\r\n" + seven + ":2\r\n" + rest);
  RespDoor other(host);
  EXPECT_NE(other.id(), door.id());
}

TEST_F(RespConnection, ARefusedHelloChangesNothing) {
  EXPECT_EQ(said("HELLO 3 AUTH user password").substr(0, 11), "-WRONGPASS ");
  EXPECT_EQ(told("GET a", Status::kEmpty), "$-1\r\n") << "as RESP2 has it";
  EXPECT_EQ(said("HELLO 3 SETNAME me AUTH user password").substr(0, 11), "-WRONGPASS ");
  EXPECT_EQ(said("CLIENT GETNAME"), "$-1\r\n");
}

TEST_F(RespConnection, NobodyIsSentToHelpThatIsNotThere) {
  for (const std::string line : {"CLIENT HELP", "CONFIG HELP", "COMMAND HELP"}) {
    EXPECT_EQ(refused(line),
              "-ERR unknown subcommand 'HELP' of " + line.substr(0, line.find(' ')) + "\r\n");
  }
}

TEST_F(RespConnection, AConnectionHasItsCommands) {
  EXPECT_EQ(said("PING"), "+PONG\r\n");
  EXPECT_EQ(said("PING x"), "$1\r\nx\r\n");
  EXPECT_EQ(said("PING x y"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(said("ECHO x"), "$1\r\nx\r\n");
  EXPECT_EQ(said("SELECT 0"), "+OK\r\n");
  EXPECT_EQ(said("SELECT 1"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(said("AUTH x").substr(0, 40), "-ERR AUTH <password> called without any ");
  EXPECT_EQ(said("AUTH default x").substr(0, 11), "-WRONGPASS ");
  EXPECT_EQ(said("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(said("CLIENT SETNAME me"), "+OK\r\n");
  EXPECT_EQ(said("CLIENT SETNAME \"a b\"").front(), '-');
  EXPECT_EQ(said("CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_EQ(said("CLIENT SETINFO LIB-NAME x"), "+OK\r\n");
  EXPECT_EQ(said("CLIENT NO-EVICT ON"), "+OK\r\n");
  EXPECT_NE(said("CLIENT LIST").find(" name=me "), std::string::npos);
  EXPECT_EQ(said("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-fqdn"),
            "-ERR unknown subcommand 'MAINT_NOTIFICATIONS' of CLIENT\r\n");
  EXPECT_EQ(said("CLUSTER INFO"), "-ERR This instance has cluster support disabled\r\n");
  said("HELLO 3");
  EXPECT_EQ(said("RESET"), "+RESET\r\n");
  EXPECT_EQ(said("CLIENT GETNAME"), "$-1\r\n");
}

TEST_F(RespConnection, QuitIsTheLast) {
  take("GET a\r\n");
  EXPECT_EQ(take("QUIT\r\nGET b\r\n").what, Taken::What::kLast);
  EXPECT_EQ(host.asked.size(), 1u);
  reply(0, Status::kEmpty);
  EXPECT_EQ(host.said(), "$-1\r\n+OK\r\n");
}

TEST_F(RespConnection, TheNodeTellsOfItself) {
  const std::string info = said("INFO server");
  for (const std::string line :
       {"redis_version:7.0.0\r\n", "once_version:1.2.3\r\n", "role:master\r\n", "loading:0\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(said("CONFIG GET save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(said("CONFIG GET appendonly"), "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n");
  EXPECT_EQ(said("CONFIG GET maxmemory"), "*0\r\n");
  EXPECT_EQ(said("CONFIG SET save x"), "-ERR unknown subcommand 'SET' of CONFIG\r\n");
}

TEST_F(RespConnection, OneTableTellsOfTheCommands) {
  const std::string count = std::to_string(resp_commands().size());
  EXPECT_EQ(said("COMMAND COUNT"), ":" + count + "\r\n");
  EXPECT_TRUE(said("COMMAND").starts_with("*" + count +
                                          "\r\n*6\r\n$3\r\nget\r\n:2\r\n*1\r\n"
                                          "+readonly\r\n:1\r\n:1\r\n:1\r\n"));
  EXPECT_EQ(said("COMMAND INFO mget nope ping"),
            "*3\r\n*6\r\n$4\r\nmget\r\n:-2\r\n*1\r\n+readonly\r\n:1\r\n:-1\r\n:1\r\n$-1\r\n"
            "*6\r\n$4\r\nping\r\n:-1\r\n*1\r\n+fast\r\n:0\r\n:0\r\n:0\r\n");
  said("HELLO 3");
  EXPECT_EQ(said("COMMAND DOCS incrby nope"),
            "%1\r\n$6\r\nincrby\r\n%4\r\n$7\r\nsummary\r\n$19\r\nAs INCR; by 1 only.\r\n"
            "$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$9\r\narguments\r\n*2\r\n"
            "%2\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$6\r\nstring\r\n"
            "%2\r\n$4\r\nname\r\n$1\r\n1\r\n$4\r\ntype\r\n$6\r\nstring\r\n");
  EXPECT_TRUE(said("COMMAND DOCS").starts_with("%" + count + "\r\n"));
  EXPECT_NE(said("COMMAND DOCS ping").find("$5\r\nflags\r\n*1\r\n+optional\r\n"),
            std::string::npos);
  EXPECT_EQ(said("COMMAND GETKEYS"), "-ERR unknown subcommand 'GETKEYS' of COMMAND\r\n");
  // Each takes as many words as it says: no fewer, and no more.
  for (const RespCommand& one : resp_commands()) {
    const auto words = static_cast<int>(std::count(one.syntax.begin(), one.syntax.end(), ' '));
    const bool more =
        one.syntax.find('[') != one.syntax.npos || one.name == "cluster" || one.name == "quit";
    if (!more) {
      EXPECT_EQ(one.words, one.syntax.empty() ? 1 : 2 + words) << one.name << ' ' << one.syntax;
      std::string line(one.name);
      for (int word = 0; word < one.words; ++word) line += " 1";
      EXPECT_EQ(refused(line),
                "-ERR wrong number of arguments for '" + std::string(one.name) + "' command\r\n");
    }
    if (one.words < 0 ? one.words == -1 : one.words == 1) continue;
    EXPECT_EQ(refused(std::string(one.name)),
              "-ERR wrong number of arguments for '" + std::string(one.name) + "' command\r\n");
  }
  EXPECT_EQ(refused("GET a b"), "-ERR wrong number of arguments for 'get' command\r\n");
}

TEST_F(RespConnection, WhatIsNotServedSaysWhatIs) {
  EXPECT_EQ(refused("FOO"), "-ERR unknown command 'FOO', with args beginning with: \r\n");
  EXPECT_EQ(refused("foo a \"b\\r\""),
            "-ERR unknown command 'foo', with args beginning with: 'a' 'b\\x0d' \r\n");
  EXPECT_LT(refused("foo " + std::string(10'000, 'x') + " y z").size(), 400u);
  for (const auto& [line, word] :
       std::vector<std::pair<std::string, std::string>>{{"DEL a", "never deleted"},
                                                        {"UNLINK a", "never deleted"},
                                                        {"GETDEL a", "never deleted"},
                                                        {"FLUSHALL", "never deleted"},
                                                        {"FLUSHDB", "never deleted"},
                                                        {"EXPIRE a 1", "once lock"},
                                                        {"PERSIST a", "once lock"},
                                                        {"SETEX a 1 v", "once lock"},
                                                        {"PSETEX a 1 v", "once lock"},
                                                        {"EVAL x 0", "once lock"},
                                                        {"EVALSHA x 0", "once lock"},
                                                        {"SCRIPT LOAD x", "once lock"},
                                                        {"SCAN 0", "once list"},
                                                        {"KEYS *", "once list"},
                                                        {"MULTI", "ONCE.CAS"},
                                                        {"WATCH a", "ONCE.CAS"},
                                                        {"SUBSCRIBE a", "ONCE.WAIT"},
                                                        {"PUBLISH a b", "ONCE.WAIT"}}) {
    const std::string text = refused(line);
    EXPECT_TRUE(text.starts_with("-ERR unknown command '")) << text;
    EXPECT_NE(text.find(word), std::string::npos) << text;
  }
}

}  // namespace resp_connection_test
}  // namespace once::doors
