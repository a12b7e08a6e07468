#include "base/nearest_word.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace once {
namespace nearest_word_test {

const std::vector<std::string> kWords = {"write",  "read",       "set",   "cas",   "seal",
                                         "next",   "check",      "wait",  "run",   "lock",
                                         "status", "completion", "start", "format"};

TEST(TypingDistance, CountsWhatFingersDo) {
  EXPECT_EQ(typing_distance("write", "write"), 0u);
  EXPECT_EQ(typing_distance("wirte", "write"), 1u) << "two neighbours swapped";
  EXPECT_EQ(typing_distance("wite", "write"), 1u) << "one left out";
  EXPECT_EQ(typing_distance("writee", "write"), 1u) << "one too many";
  EXPECT_EQ(typing_distance("wride", "write"), 1u) << "one exchanged";
  EXPECT_EQ(typing_distance("", "write"), 5u);
  EXPECT_EQ(typing_distance("write", ""), 5u);
  EXPECT_EQ(typing_distance("WRITE", "write"), 0u);
  EXPECT_EQ(typing_distance("abcdef", "badcfe"), 3u);
}

TEST(NearestWord, IsTheOneThatWasMeant) {
  EXPECT_EQ(nearest_word("wirte", kWords), "write");
  EXPECT_EQ(nearest_word("writ", kWords), "write");
  EXPECT_EQ(nearest_word("raed", kWords), "read");
  EXPECT_EQ(nearest_word("statsu", kWords), "status");
  EXPECT_EQ(nearest_word("Status", kWords), "status");
  EXPECT_EQ(nearest_word("comp", kWords), "completion") << "the beginning of a long word";
  EXPECT_EQ(nearest_word("fromat", kWords), "format");
  EXPECT_EQ(nearest_word("sael", kWords), "seal");
  EXPECT_EQ(nearest_word("rnu", kWords), "run");
}

TEST(NearestWord, IsNoneWhenNothingIsLikeIt) {
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word("x", kWords), "");
  EXPECT_EQ(nearest_word("delete", kWords), "");
  EXPECT_EQ(nearest_word("frobnicate", kWords), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'w'), kWords), "");
  EXPECT_EQ(nearest_word("write", std::vector<std::string_view>{}), "");
  EXPECT_EQ(nearest_word("write", std::vector<std::string>{"", std::string(1000, 'w')}), "");
}

TEST(NearestWord, OfTwoAsNearIsTheFirst) {
  EXPECT_EQ(nearest_word("rat", std::vector<std::string_view>{"cat", "hat"}), "cat");
  EXPECT_EQ(nearest_word("sta", std::vector<std::string_view>{"start", "status"}), "start");
}

}  // namespace nearest_word_test
}  // namespace once
