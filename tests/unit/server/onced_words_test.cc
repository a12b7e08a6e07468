// What somebody is told who mistypes the command line of `onced`, or asks what there is.
#include <gtest/gtest.h>

#include <sstream>

#include "server/command_line.h"
#include "server/exit_codes.h"

namespace once::server {
namespace onced_words_test {

EarlyExit said(std::vector<const char*> words) {
  words.insert(words.begin(), "onced");
  words.push_back(nullptr);
  const auto parsed = parse_command_line(static_cast<int>(words.size()) - 1, words.data());
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

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(OncedWords, AnUnknownCommandIsNamedAndTheNearestSuggested) {
  expect_wrong({"strat"}, {"no command 'strat'", "did you mean 'start'?",
                           "Commands: format start dev inspect verify version help"});
  expect_wrong({"help", "fromat"}, {"did you mean 'format'?"});
  expect_wrong({"frobnicate"}, {"no command 'frobnicate'", "Commands: format"});
  EXPECT_EQ(said({"\x1b[2J"}).err.find('\x1b'), std::string::npos);
}

TEST(OncedWords, AnUnknownOptionToo) {
  expect_wrong({"dev", "--nods", "3"}, {"onced dev: there is no option '--nods'", "'--nodes'?"});
  expect_wrong({"start", "--advertize", "a:1"}, {"'--advertise'?"});
}

TEST(OncedWords, WithoutArgumentsAShortHelpWithExamples) {
  expect_wrong({}, {"onced dev --nodes 3", "onced start --data", "Commands: format", "onced help"});
  expect_narrow(said({}).err);
}

TEST(OncedWords, HelpOfAllAndOfEach) {
  for (const char* command : {"format", "start", "dev", "inspect", "version", "help"}) {
    const EarlyExit help = said({"help", command});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_EQ(help.out, said({command, "--help"}).out) << command;
    expect_narrow(help.out);
    EXPECT_NE(said({"help"}).out.find(std::string("  ") + command + " "), std::string::npos);
  }
  EXPECT_EQ(said({"help"}).out, said({"--help"}).out);
  const std::string start = said({"help", "start"}).out;
  for (const char* shown : {"--data DIR", "--listen HOST:PORT", "--memory SIZE", "(75%)"}) {
    EXPECT_NE(start.find(shown), std::string::npos) << shown << " not in " << start;
  }
  for (const char* command : {"format", "start", "dev", "inspect"}) {
    const std::string text = said({"help", command}).out;
    for (const char* parsers : {"TEXT", " INT", "UINT", " in ["}) {
      EXPECT_EQ(text.find(parsers), std::string::npos) << parsers << " in " << text;
    }
  }
}

TEST(OncedWords, TheVersionIsAskedForInTwoWays) {
  const char* const words[] = {"onced", "version", nullptr};
  const auto parsed = parse_command_line(2, words);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(std::holds_alternative<VersionOptions>(*parsed));
  EXPECT_EQ(said({"--version"}).code, 0);
  EXPECT_NE(said({"--version"}).out.find(version_text()), std::string::npos);
  EXPECT_NE(version_text().find("onced "), std::string::npos);
}

TEST(OncedWords, WhatIsMissingIsNamedWithTheUsage) {
  expect_wrong({"start", "--data", "d"}, {"onced start", "--listen", "`onced help start`"});
  expect_wrong({"format", "--data", "d", "--node", "1", "--cluster", "1=h:1"}, {"--new-cluster"});
  expect_wrong({"dev", "--nodes", "99"}, {"--nodes"});
  expect_wrong({"dev", "--nodes", "three"}, {"--nodes"});
  expect_wrong({"--data", "d"}, {"--data"});
}

TEST(OncedWords, WhatIsNoNumberIsSaid) {
  expect_wrong({"dev", "--port", "abc"}, {"--port", "'abc' is not a whole number, from 1 to "});
  expect_wrong({"dev", "--segment-mib", "8M"},
               {"'8M' is not a whole number of MiB, from 2 to 4096"});
}

TEST(OncedWords, AHelpHasNoHeadingWithNothingBelow) {
  for (const char* command : {"format", "start", "dev", "inspect", "verify"}) {
    const std::string help = said({"help", command}).out;
    EXPECT_EQ(help.find("of every command"), std::string::npos) << help;
    EXPECT_NE(help.find("Example"), std::string::npos) << help;
  }
}

// Most likely a variable that is not set. What is needed cannot be left out.
TEST(OncedWords, AnEmptyValueIsToldWhatToDo) {
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"start", "--data", "d", "--listen", ""},
        {"start", "--data", "d", "--listen="},
        {"start", "--data", "", "--listen", "h:1"},
        {"start", "--data=", "--listen", "h:1"},
        {"inspect", "--data", ""},
        {"verify", "--data="},
        {"format", "--data", "d", "--node", "1", "--new-cluster", "--cluster", ""}}) {
    expect_wrong(words, {"give it "});
    EXPECT_EQ(said(words).err.find("leave"), std::string::npos) << said(words).err;
  }
  for (const char* option : {"--advertise", "--admin", "--http-host"}) {
    expect_wrong({"start", "--data", "d", "--listen", "h:1", option, ""},
                 {option, "it is empty; leave the option out, or give it a value"});
    expect_wrong({"start", "--data", "d", "--listen", "h:1", (std::string(option) + "=").c_str()},
                 {option, "leave the option out, or give it one"});
  }
}

TEST(OncedWords, OptionsArriveWhereTheyBelong) {
  const char* const words[] = {"onced",    "dev",  "--nodes", "3", "--port",        "7600",
                               "--data",   "d",    "--cores", "2", "--segment-mib", "16",
                               "--memory", "1GiB", "--ready", "0", "--no-restart",  nullptr};
  const auto parsed = parse_command_line(17, words);
  ASSERT_TRUE(parsed) << parsed.error().err;
  const auto& dev = std::get<DevOptions>(*parsed);
  EXPECT_EQ(dev.nodes, 3);
  EXPECT_EQ(dev.port, 7600);
  EXPECT_EQ(dev.data, "d");
  EXPECT_EQ(dev.cores, 2);
  EXPECT_EQ(dev.segment_mib, 16u);
  EXPECT_EQ(dev.memory, "1GiB");
  EXPECT_EQ(dev.ready, "0");
  EXPECT_TRUE(dev.no_restart);
  const char* const bare[] = {"onced", "dev", nullptr};
  const auto defaults = std::get<DevOptions>(*parse_command_line(2, bare));
  EXPECT_FALSE(defaults.port);
  EXPECT_EQ(defaults.segment_mib, kDefaultDevSegmentMib);
  EXPECT_FALSE(defaults.no_restart);
}

}  // namespace onced_words_test
}  // namespace once::server
