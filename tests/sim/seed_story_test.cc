// The story of a run: it tells each kind of event, of one name if it is asked to, in the order of
// time, bounded; and telling changes nothing.
#include "tests/sim/seed_story.h"

#include <gtest/gtest.h>

#include <sstream>

namespace once::sim {
namespace seed_story_test {

constexpr size_t kAll = 10'000'000;
constexpr uint64_t kBusySeed = 30;  // much happens in it

Options run_of(uint64_t seed, int64_t seconds = 2) {
  Options options;
  options.seed = seed;
  options.seconds = seconds;
  return options;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> told(uint64_t seed, const Telling& telling) {
  SeedStory story(telling);
  (void)run_seed(run_of(seed), story);
  return lines_of(story.text());
}

TEST(SeedStory, ChangesNothing) {
  for (const uint64_t seed : {5u, 7u, 17u}) {
    const uint64_t hash = run_seed(run_of(seed), nullptr).hash;
    for (const Telling& telling : {Telling{"", kAll}, Telling{"hot-1", 10}}) {
      SeedStory story(telling);
      EXPECT_EQ(run_seed(run_of(seed), story).hash, hash) << seed;
      EXPECT_NE(story.text(), "");
    }
  }
}

TEST(SeedStory, TellsEachKindOfEvent) {
  std::string text;
  for (const uint64_t seed : {kBusySeed, uint64_t{17}, uint64_t{25}}) {
    SeedStory story({"", kAll});
    const RunResult result = run_seed(run_of(seed), story);
    EXPECT_EQ(result.violation, "");
    text += story.text();
  }
  for (const char* words : {"client 1 asks node",
                            "answers client",
                            " passes on to node",
                            " to promise (",
                            " promises (",
                            ", and has accepted nothing",
                            ", and reports ",
                            " to accept ",
                            ": accepted (",
                            " refuses (",
                            ": it has promised (",
                            ": what have you accepted?",
                            " proposed is decided",
                            ": which of my names have you accepted",
                            " disk: accept (",
                            " disk: promise (",
                            " chosen: ",
                            " crashes",
                            " starts: incarnation ",
                            " -- never arrives",
                            " -- takes ",
                            "(as the home, so without a prepare)",
                            "(instead of the home, node ",
                            "(it is the home; its first round is lost, or closed)",
                            "(because node ",
                            "(no promise reported a state)",
                            ": is what I accepted on your disk",
                            ": it is on my disk"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words;
  }
}

TEST(SeedStory, IsInTheOrderOfTime) {
  double before = 0;
  for (const std::string& line : told(kBusySeed, {"", kAll})) {
    const double now = std::stod(line);
    EXPECT_GE(now, before) << line;
    before = now;
  }
}

TEST(SeedStory, OfOneNameIsOfNoOther) {
  const auto all = told(kBusySeed, {"", kAll});
  std::string name;  // that many speak about
  for (const std::string& line : all) {
    const size_t at = line.find(" passes on to ");
    if (at != std::string::npos && line.find(" or ") == std::string::npos) {
      name = line.substr(line.find('[') + 1, line.find(']') - line.find('[') - 1);
      break;
    }
  }
  ASSERT_NE(name, "");
  const auto some = told(kBusySeed, {name, kAll});
  EXPECT_LT(some.size(), all.size());
  size_t messages = 0;
  for (const std::string& line : some) {
    EXPECT_NE(std::find(all.begin(), all.end(), line), all.end()) << "as it stands in the whole";
    if (line.find(" -- ") == std::string::npos) continue;
    ++messages;
    EXPECT_NE(line.find(name), std::string::npos) << line;
  }
  EXPECT_GT(messages, 4u);
  for (const std::string& line : all) {
    if (line.ends_with("[" + name + "]") || line.find("[" + name + "] --") != std::string::npos) {
      EXPECT_NE(std::find(some.begin(), some.end(), line), some.end()) << "left out: " << line;
    }
  }
}

TEST(SeedStory, IsBounded) {
  const size_t all = told(kBusySeed, {"", kAll}).size();
  const auto some = told(kBusySeed, {"", 50});
  ASSERT_EQ(some.size(), 51u);
  EXPECT_EQ(some.back().find("... and " + std::to_string(all - 50) + " lines more"), 0u)
      << some.back();
}

}  // namespace seed_story_test
}  // namespace once::sim
