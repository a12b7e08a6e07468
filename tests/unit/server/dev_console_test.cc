#include "server/dev_console.h"

#include <gtest/gtest.h>

#include <vector>

namespace once::server {
namespace dev_console_test {

std::string wrong(std::string_view line) {
  const auto command = parse_console(line, 3);
  return command ? "" : command.error().message;
}

TEST(DevConsole, Commands) {
  EXPECT_EQ(parse_console("kill 2", 3)->word, ConsoleWord::kKill);
  EXPECT_EQ(parse_console("kill 2", 3)->node, 2);
  EXPECT_EQ(parse_console("  start   3 \r", 3)->word, ConsoleWord::kStart);
  EXPECT_EQ(parse_console("status", 3)->word, ConsoleWord::kStatus);
  EXPECT_EQ(parse_console("help", 3)->word, ConsoleWord::kHelp);
  EXPECT_EQ(parse_console("?", 3)->word, ConsoleWord::kHelp);
  for (const char* line : {"quit", "exit", "stop"}) {
    EXPECT_EQ(parse_console(line, 3)->word, ConsoleWord::kQuit) << line;
  }
  EXPECT_EQ(parse_console("", 3)->word, ConsoleWord::kNothing);
  EXPECT_EQ(parse_console("   ", 3)->word, ConsoleWord::kNothing);
}

TEST(DevConsole, WhatIsWrongIsSaid) {
  for (const char* line : {"kill", "kill 0", "kill 4", "kill two", "kill 1 2", "start -1",
                           "kill 99999999999999999999", "kill 2x"}) {
    EXPECT_NE(wrong(line).find("1 to 3"), std::string::npos) << line;
  }
  EXPECT_NE(wrong("kil 2").find("did you mean kill?"), std::string::npos);
  EXPECT_NE(wrong("write a b").find("there is no command \"write\""), std::string::npos);
  EXPECT_NE(wrong("quit now"), "") << "who says more may mean something else";
  EXPECT_NE(wrong(std::string(100'000, 'k')), "");
}

TEST(DevConsole, LinesOutOfBytes) {
  ConsoleLines lines;
  std::vector<std::string> seen;
  const auto take = [&seen](std::string_view line) { seen.emplace_back(line); };
  lines.feed("sta", take);
  lines.feed("tus\nkill 2\nhe", take);
  EXPECT_EQ(seen, (std::vector<std::string>{"status", "kill 2"}));
  lines.feed(std::string(1'000'000, 'x'), take);
  lines.feed("\nquit\n", take);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_LE(seen[2].size(), ConsoleLines::kMaxBytes + 1) << "bounded";
  EXPECT_NE(wrong(seen[2]), "");
  EXPECT_EQ(seen[3], "quit");
}

TEST(DevConsole, TheVerdictSaysWhatTheNumbersMean) {
  EXPECT_EQ(dev_verdict(3, 3), "3 of 3 nodes run: writes go on, and after 1 more failure too");
  EXPECT_EQ(dev_verdict(2, 3), "2 of 3 nodes run: writes go on, and one more failure stops them");
  EXPECT_NE(dev_verdict(1, 3).find("no majority"), std::string::npos);
  EXPECT_NE(dev_verdict(2, 4).find("no majority"), std::string::npos);
  EXPECT_NE(dev_verdict(5, 5).find("2 more failures"), std::string::npos);
}

}  // namespace dev_console_test
}  // namespace once::server
