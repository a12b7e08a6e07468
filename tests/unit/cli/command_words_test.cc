// What somebody is told who mistypes the command line of `once`, or asks what there is.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/arguments.h"

namespace once::client {
namespace command_words_test {

EarlyExit said(std::vector<const char*> words) {
  words.insert(words.begin(), "once");
  words.push_back(nullptr);
  const auto parsed = parse_arguments(static_cast<int>(words.size()) - 1, words.data());
  return parsed ? EarlyExit{-1, "", ""} : parsed.error();
}

void expect_wrong(const std::vector<const char*>& words, const std::vector<std::string>& told) {
  const EarlyExit end = said(words);
  EXPECT_EQ(end.code, kExitUsage) << end.err;
  EXPECT_EQ(end.out, "");
  for (const std::string& text : told) {
    EXPECT_NE(end.err.find(text), std::string::npos) << "not " << text << " in: " << end.err;
  }
}

Arguments parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "once");
  words.push_back(nullptr);
  const auto all = parse_arguments(static_cast<int>(words.size()) - 1, words.data());
  EXPECT_TRUE(all) << all.error().err;
  return all.value_or(Arguments{});
}

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(CommandWords, AnUnknownCommandIsNamedAndTheNearestSuggested) {
  expect_wrong({"wirte", "x", "y"}, {"no command 'wirte'", "did you mean 'write'?",
                                     "Commands: write read set", "status"});
  expect_wrong({"stat"}, {"did you mean 'status'?"});
  expect_wrong({"READ", "x"}, {"did you mean 'read'?"});
  expect_wrong({"--timeout", "5", "raed", "x"}, {"no command 'raed'", "did you mean 'read'?"});
  expect_wrong({"--timeout=5", "--json", "raed"}, {"no command 'raed'"});
  expect_wrong({"help", "lokc"}, {"no command 'lokc'", "did you mean 'lock'?"});
  const EarlyExit far = said({"frobnicate"});
  EXPECT_EQ(far.err.find("did you mean"), std::string::npos) << far.err;
  EXPECT_NE(far.err.find("Commands: write"), std::string::npos) << far.err;
  expect_wrong({"\x1b[2J\nonce: done"}, {"'\\x1b[2J\\x0aonce: done'"});
  expect_wrong({"read", "x", "--a\nonce: done"}, {"'--a\\x0aonce: done'"});
}

TEST(CommandWords, AnUnknownOptionToo) {
  expect_wrong({"write", "--timout", "5", "x", "y"},
               {"once write: there is no option '--timout'", "'--timeout'?", "`once help write`"});
  expect_wrong({"status", "--cuont=3"}, {"'--count'?"});
  expect_wrong({"--jsno", "read", "x"}, {"'--json'?"});
  expect_wrong({"--ttl", "5", "lock", "x"}, {"no option '--ttl'", "behind the command", "lock"});
  expect_wrong({"run", "x", "make", "--report"}, {"no option '--report'", "stand behind --"});
}

// Not what is missing, or was not expected, because of it.
TEST(CommandWords, AnUnknownShortOptionToo) {
  expect_wrong({"write", "-x", "v"}, {"once write: there is no option '-x'",
                                      "begin with a dash stand behind --", "`once help write`"});
  expect_wrong({"read", "-x"}, {"once read: there is no option '-x'"});
  expect_wrong({"-x", "read", "y"}, {"once: there is no option '-x'"});
  expect_wrong({"list", "-lx"}, {"no option '-lx'"});
  expect_wrong({"list", "-\x1b"}, {"'-\\x1b'"});
  expect_wrong({"run", "-w", "0", "nn", "--", "true"},
               {"once run: there is no option '-w'", "to be run stand behind --"});
  EXPECT_EQ(said({"run", "-w", "0", "nn", "--", "true"}).err.find("COMMAND -w"), std::string::npos);
  EXPECT_EQ(said({"list", "-l"}).code, -1);
  EXPECT_EQ(said({"list", "-l0"}).code, -1);
  EXPECT_EQ(said({"write", "x", "-"}).code, -1) << "standard input";
  EXPECT_EQ(parsed({"write", "x", "-5"}).value, "-5");
  EXPECT_EQ(parsed({"write", "--", "x", "-v"}).value, "-v");
  EXPECT_EQ(said({"run", "x", "--", "make", "-x"}).code, -1);
}

// With a unit behind it, most likely.
TEST(CommandWords, WhatIsNoNumberIsSaidWithItsUnit) {
  expect_wrong({"--timeout", "5s", "read", "x"},
               {"--timeout", "'5s' is not a whole number of milliseconds, from 1 to 86400000"});
  expect_wrong({"--timeout", "0", "read", "x"}, {"'0' is not a whole number of milliseconds"});
  expect_wrong({"lock", "x", "--ttl", "10s", "--", "true"},
               {"--ttl", "'10s' is not a whole number of seconds, from 1 to 3600"});
  expect_wrong({"status", "--watch", "x"}, {"'x' is not a whole number of seconds, from 1 to "});
  expect_wrong({"status", "--watch", "1", "--count", "many"},
               {"'many' is not a whole number, from"});
  expect_wrong({"list", "--limit", "1e3"}, {"'1e3' is not a whole number, from 0 to 1000000"});
  expect_wrong({"lock", "x", "--grace", "1s", "--", "true"}, {"'1s' is not a number of seconds"});
}

TEST(CommandWords, WhatOptionsAreGivenIsNoCommand) {
  EXPECT_EQ(said({"--endpoints", "wirte:1", "read", "x"}).code, -1);
  EXPECT_EQ(said({"read", "wirte"}).code, -1);
  EXPECT_EQ(said({"write", "--", "x", "--timout"}).code, -1);
  EXPECT_EQ(said({"run", "x", "--", "wirte", "--timout"}).code, -1);
  EXPECT_EQ(said({"status", "--watch", "3"}).code, -1);
}

TEST(CommandWords, NothingAtAllIsAnsweredWithExamples) {
  expect_wrong({}, {"once write leader node-7", "once lock nightly", "Commands: write",
                    "`once help`", "`onced dev`"});
  const std::string text = said({}).err;
  expect_narrow(text);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 20) << "it fits a screen";
}

TEST(CommandWords, WhatIsMissingIsSaidWithTheUsage) {
  expect_wrong({"write", "x"}, {"once write: VALUE", "Usage: once write [OPTIONS] NAME VALUE",
                                "`once help write`"});
  expect_wrong({"--json"}, {"once: no command was given", "Usage: once [OPTIONS] COMMAND"});
  expect_wrong({"lock", "x", "--ttl", "0", "--", "true"}, {"once lock: --ttl: ", "1 to 3600"});
}

TEST(CommandWords, AnOptionThatIsGivenTwiceOrWithoutItsValueIsNamed) {
  expect_wrong({"--timeout", "1", "--timeout", "2", "read", "x"}, {"--timeout was given twice"});
  expect_wrong({"read", "x", "--timeout=1", "--timeout=2", "--timeout=3"},
               {"once read: --timeout was given 3 times"});
  expect_wrong({"lock", "x", "--ttl", "5", "--ttl", "6", "--", "true"}, {"--ttl was given twice"});
  expect_wrong({"lock", "x", "--ttl", "--", "true"}, {"once lock: --ttl needs a value"});
  expect_wrong({"list", "--after"}, {"once list: --after needs a value", "`once help list`"});
  expect_wrong({"--endpoints"}, {"once: --endpoints needs a value"});
  EXPECT_EQ(said({"status", "--watch"}).code, -1) << "there the value may be left out";
}

// The words behind -- are the program's, and those before it are looked at without them.
TEST(CommandWords, WhatStandsBeforeAProgramIsExplainedByItself) {
  for (const char* command : {"lock", "run"}) {
    expect_wrong({command, "a", "b", "--", "true"}, {"'b' stands before --; only NAME does"});
    expect_wrong({command, "--", "true"}, {"NAME is required", "Usage: once "});
    expect_wrong({command, "a", "true"}, {"the command to run comes last, behind --"});
    expect_wrong({command, "a", "--"}, {"COMMAND"});
    expect_wrong({command, "a"}, {"COMMAND"});
  }
  EXPECT_EQ(parsed({"lock", "COMMAND", "--", "a", "--", "-x"}).program,
            (std::vector<std::string>{"a", "--", "-x"}));
  EXPECT_EQ(parsed({"--json", "run", "x", "--wait", "3", "--", "--help"}).program,
            (std::vector<std::string>{"--help"}));
}

TEST(CommandWords, AProgramHasAsManyWordsAsTheSystemTakes) {
  for (const char* command : {"lock", "run"}) {
    std::vector<const char*> words = {command, "x", "--", "echo"};
    words.resize(10'000, "word");
    EXPECT_EQ(parsed(words).program.size(), 10'000u - 3);
  }
}

TEST(CommandWords, TheGraceIsInSecondsAndHalfOfTheTtlAtMost) {
  const auto grace_of = [](const char* grace) {
    return parsed({"lock", "x", "--ttl", "10", "--grace", grace, "--", "true"}).grace_ms;
  };
  EXPECT_EQ(grace_of("2.5"), 2500);
  EXPECT_EQ(grace_of("5"), 5000);
  EXPECT_EQ(grace_of("0"), 0);
  EXPECT_EQ(parsed({"lock", "x", "--ttl", "9", "--", "true"}).grace_ms, 3000);
  expect_wrong({"lock", "x", "--ttl", "10", "--grace", "5.001", "--", "true"},
               {"--grace may be half of --ttl at most"});
}

TEST(CommandWords, TheVersion) {
  for (const auto& words : {std::vector<const char*>{"version"}, {"--version"}}) {
    const EarlyExit end = said(words);
    EXPECT_EQ(end.code, 0);
    EXPECT_TRUE(end.out.starts_with("once 0.") || end.out.starts_with("once 1.")) << end.out;
    EXPECT_TRUE(end.out.ends_with("\n") && end.err.empty()) << end.out;
  }
}

TEST(CommandWords, HelpIsTheSameHoweverItIsAskedFor) {
  const std::string all = said({"--help"}).out;
  EXPECT_EQ(said({"help"}).out, all);
  EXPECT_EQ(said({"-h"}).out, all);
  for (const char* command : {"write", "read", "set", "cas", "seal", "next", "check", "wait", "run",
                              "lock", "status", "completion", "version", "help"}) {
    EXPECT_NE(all.find("\n  " + std::string(command) + " "), std::string::npos) << command;
    const EarlyExit help = said({"help", command});
    EXPECT_EQ(help.code, 0);
    EXPECT_EQ(help.out, said({command, "--help"}).out) << command;
    expect_narrow(help.out);
    EXPECT_NE(help.out.find("Usage: once " + std::string(command)), std::string::npos) << help.out;
  }
  expect_narrow(all);
}

TEST(CommandWords, EachHelpShowsTheOptionsOfEveryCommand) {
  for (const char* command : {"write", "lock", "status", "completion"}) {
    const std::string help = said({"help", command}).out;
    for (const char* option :
         {"--endpoints HOST:PORT,...", "--cluster-id HEX", "--timeout MS ", "--json", "--raw"}) {
      EXPECT_NE(help.find("\n  " + std::string(option)), std::string::npos) << option << help;
    }
  }
}

// INT:INT in [1 - 3600] is how it is parsed, not what is to be given.
TEST(CommandWords, HelpIsForPeople) {
  std::string all = said({"help"}).out;
  for (const char* command : {"write", "cas", "wait", "run", "lock", "status", "completion"}) {
    all += said({"help", command}).out;
  }
  for (const char* of_the_parser :
       {" INT", "UINT", "TEXT", "REQUIRED", " in [", "Env:", "SUBCOMMAND", "Positionals", ":{"}) {
    EXPECT_EQ(all.find(of_the_parser), std::string::npos) << of_the_parser;
  }
  for (const char* given : {"--ttl SECONDS", "--wait SECONDS", "--watch [SECONDS]", "--count TIMES",
                            "--request-id HEX"}) {
    EXPECT_NE(all.find(given), std::string::npos) << given;
  }
}

}  // namespace command_words_test
}  // namespace once::client
