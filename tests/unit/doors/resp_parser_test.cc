// What is a command in a stream of RESP, and what is none; the same however the bytes come.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "doors/resp/parser.h"

namespace once::doors {
namespace resp_parser_test {

using What = ParsedCommand::What;

// As the listener does: what is not whole is asked again with more, from memory of its own.
struct Seen {
  std::vector<std::vector<std::string>> commands;
  std::string broken;
  bool operator==(const Seen&) const = default;
};
Seen seen(const std::string& all, size_t chunk = std::string::npos) {
  Seen seen;
  CommandParser parser;
  std::string there;
  size_t wanted = 0;
  for (size_t at = 0; at < all.size() && seen.broken.empty(); at += std::min(chunk, all.size())) {
    there += all.substr(at, chunk);
    while (!there.empty() && there.size() >= wanted) {
      const std::vector<char> exact(there.begin(), there.end());
      const ParsedCommand parsed = parser.parse({exact.data(), exact.size()});
      if (parsed.what == What::kNeedsMore) {
        EXPECT_GT(parsed.bytes, there.size());
        EXPECT_LE(parsed.bytes, kMostDoorBytes);
        wanted = parsed.bytes;
        break;
      }
      wanted = 0;
      if (parsed.what == What::kBroken) {
        seen.broken = parsed.broken;
        break;
      }
      auto& words = seen.commands.emplace_back();
      for (const auto word : parser.words()) words.emplace_back(word);
      there.erase(0, parsed.bytes);
    }
  }
  return seen;
}
std::vector<std::string> words(const std::string& all) {
  const Seen one = seen(all);
  EXPECT_EQ(one.broken, "");
  EXPECT_EQ(one.commands.size(), 1u);
  return one.commands.empty() ? std::vector<std::string>{} : one.commands[0];
}
std::string broken(const std::string& all) {
  const Seen one = seen(all);
  EXPECT_TRUE(one.commands.empty());
  return one.broken;
}

using List = std::vector<std::string>;

TEST(RespParser, EverySplitGivesTheSame) {
  const std::string binary("a\r\n\0*$", 6);
  const std::string all = "*3\r\n$3\r\nSET\r\n$6\r\n" + binary +
                          "\r\n$0\r\n\r\nPING\r\n\r\n\n*0\r\n" +
                          "SET \"a b\" 'c'\n*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$70\r\n" +
                          std::string(70, 'x') + "\r\n";
  const Seen whole = seen(all);
  EXPECT_EQ(whole.commands, (std::vector<List>{{"SET", binary, ""},
                                               {"PING"},
                                               {},
                                               {},
                                               {},
                                               {"SET", "a b", "c"},
                                               {"PING"},
                                               {"GET", std::string(70, 'x')}}));
  for (size_t chunk = 1; chunk <= all.size(); ++chunk) EXPECT_EQ(seen(all, chunk), whole) << chunk;
}

TEST(RespParser, WhatIsBrokenIsSoAtEverySplit) {
  for (const std::string all :
       {"*1\r\n$4\r\nPING\r\n*-1\r\n", "*1\r\n$x\r\n", "*1\r\nPING\r\n", "SET \"a\r\n"}) {
    const Seen whole = seen(all);
    EXPECT_NE(whole.broken, "");
    for (size_t chunk = 1; chunk <= all.size(); ++chunk) EXPECT_EQ(seen(all, chunk), whole);
  }
}

TEST(RespParser, CountsAreDigitsWithinTheirBounds) {
  for (const std::string count : {"-1", "-0", "+1", "", "x", "1 ", " 1", "1x", "0x1",
                                  "99999999999999999999", "18446744073709551617"}) {
    EXPECT_EQ(broken("*" + count + "\r\n"), "invalid multibulk length") << count;
    EXPECT_EQ(broken("*1\r\n$" + count + "\r\n"), "invalid bulk length") << count;
  }
  const size_t most = CommandParser::kMostWords;
  EXPECT_EQ(broken("*" + std::to_string(most + 1) + "\r\n"), "invalid multibulk length");
  std::string all = "*" + std::to_string(most) + "\r\n";
  for (size_t i = 0; i < most; ++i) all += "$1\r\na\r\n";
  EXPECT_EQ(words(all).size(), most);
  EXPECT_EQ(broken("*" + std::string(30, '1')), "too big mbulk count string");
  EXPECT_EQ(broken("*1\r\n$" + std::string(30, '1')), "too big bulk count string");
}

TEST(RespParser, ACommandIsBounded) {
  const std::string head = "*2\r\n$3\r\nGET\r\n$131030\r\n";
  const size_t room = kMostDoorBytes - head.size() - 2;
  ASSERT_EQ(room, 131048u);
  EXPECT_EQ(words("*2\r\n$3\r\nGET\r\n$131048\r\n" + std::string(room, 'x') + "\r\n")[1].size(),
            room);
  EXPECT_NE(broken("*2\r\n$3\r\nGET\r\n$131049\r\n"), "") << "before any of it has come";
  EXPECT_NE(broken("*1\r\n$999999999999\r\n"), "");
  // Many that are small each.
  std::string all = "*100\r\n";
  for (size_t i = 0; i < 100; ++i) all += "$2000\r\n" + std::string(2000, 'x') + "\r\n";
  EXPECT_NE(broken(all), "");
}

TEST(RespParser, OnlyBulkStringsAreWords) {
  EXPECT_EQ(broken("*1\r\n*1\r\n$4\r\nPING\r\n"), "expected '$', got '*'");
  EXPECT_EQ(broken("*1\r\n+PING\r\n"), "expected '$', got '+'");
  EXPECT_EQ(broken("*1\r\n\x01"), "expected '$', got '\\x01'");
}

TEST(RespParser, LinesEndWithBoth) {
  EXPECT_EQ(broken("*1\rx"), "a line ends with CR and LF");
  EXPECT_EQ(broken("*1\n$4\r\nPING\r\n"), "invalid multibulk length");
  EXPECT_EQ(broken("*1\r\n$4\rxPING\r\n"), "a line ends with CR and LF");
  EXPECT_EQ(broken("*1\r\n$4\r\nPINGxx"), "a bulk string ends with CR and LF");
  EXPECT_EQ(broken("*1\r\n$4\r\nPING\n\n"), "a bulk string ends with CR and LF");
  EXPECT_EQ(broken("*1\r\n$4\r\nPING\rx"), "a bulk string ends with CR and LF");
}

TEST(RespParser, InlineWordsAreSplitAsByAShell) {
  EXPECT_EQ(words("  set\ta  b \r\n"), (List{"set", "a", "b"}));
  EXPECT_EQ(words("a \"b \\\"c\\n\\r\\t\\b\\a\\x41\\xff\\q\\\\\"\n"),
            (List{"a", "b \"c\n\r\t\b\aA\xffq\\"}));
  EXPECT_EQ(words("a 'b \\'c\\n' \"\"\n"), (List{"a", "b 'c\\n", ""}));
  EXPECT_EQ(words("a \"\\x4\"\n"), (List{"a", "x4"}));
  EXPECT_EQ(words("a\"b c\"\n"), (List{"ab c"}));
  for (const std::string line : {"a \"b\n", "a 'b\n", "a \"b\"c\n", "a 'b'c\n", "a \"b\\\n"}) {
    EXPECT_EQ(broken(line), "unbalanced quotes in request") << line;
  }
}

TEST(RespParser, AnInlineCommandIsBounded) {
  const size_t most = CommandParser::kMostInlineBytes;
  EXPECT_EQ(words(std::string(most - 1, 'a') + "\n")[0].size(), most - 1);
  EXPECT_EQ(broken(std::string(most, 'a') + "\n"), "too big inline request");
  EXPECT_EQ(broken(std::string(1 << 20, 'a')), "too big inline request");
  std::string many;
  for (size_t i = 0; i < CommandParser::kMostWords; ++i) many += "a ";
  EXPECT_EQ(words(many + "\n").size(), CommandParser::kMostWords);
  EXPECT_EQ(broken(many + "a\n"), "too many words in an inline request");
}

// A large value one byte at a time: it is asked for at once, and nothing is looked at twice.
TEST(RespParser, WhatIsNeededIsKnownEarly) {
  CommandParser parser;
  const ParsedCommand parsed = parser.parse("*3\r\n$3\r\nSET\r\n$1000\r\nx");
  EXPECT_EQ(parsed.what, What::kNeedsMore);
  EXPECT_EQ(parsed.bytes, 20 + 1002 + 6u);
}

}  // namespace resp_parser_test
}  // namespace once::doors
