// Which bytes of others reach people as they are, and what stands for the rest.
#include "base/printable.h"

#include <gtest/gtest.h>

namespace once {
namespace printable_test {

using namespace std::string_literals;

TEST(Printable, TextOfAnyLanguageStaysAsItIs) {
  for (const std::string text : {"", "plain ~ text", "C:\\dir \\x1b", "\u00fc \u00a0\u20ac",
                                 "\u4e2d\u6587 \u0627", "\U0001f600 \U0010ffff", "\u2027\u202f"}) {
    for (const Shown shown : {Shown::kLine, Shown::kLines, Shown::kJson}) {
      EXPECT_EQ(printable(text, shown), text);
    }
  }
}

TEST(Printable, WhatATerminalActsOnIsAnEscape) {
  EXPECT_EQ(printable("\x1b]0;owned\a\x1b[31m"), "\\x1b]0;owned\\x07\\x1b[31m");
  EXPECT_EQ(printable("a\0b\r\b\x1f\x20\x7e\x7f"s), "a\\x00b\\x0d\\x08\\x1f ~\\x7f");
  // C1 as a character, and its bytes alone, which some terminals take for one.
  EXPECT_EQ(printable("\u0080\u009b31m\u009f\u00a0"), "\\u0080\\u009b31m\\u009f\u00a0");
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b31m");
}

TEST(Printable, MarksOfDirectionAndSeparatorsOfLinesAreEscapes) {
  EXPECT_EQ(printable("\u061c\u200e\u200f"), "\\u061c\\u200e\\u200f");
  EXPECT_EQ(printable("\u2028\u2029\u202a\u202b\u202c\u202d\u202e"),
            "\\u2028\\u2029\\u202a\\u202b\\u202c\\u202d\\u202e");
  EXPECT_EQ(printable("\u2066\u2067\u2068\u2069\u206a"), "\\u2066\\u2067\\u2068\\u2069\u206a");
}

TEST(Printable, WhatIsNoUtf8IsShownByteByByte) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc0\x9b\xc1\xbf"), "\\xc0\\x9b\\xc1\\xbf");  // overlong
  EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");
  EXPECT_EQ(printable("\xf0\x80\x82\x9b"), "\\xf0\\x80\\x82\\x9b");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // past the last
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");                    // cut off
  EXPECT_EQ(printable("\xe2\x82z"), "\\xe2\\x82z");
  EXPECT_EQ(printable("\xe2\x1b[m"), "\\xe2\\x1b[m");  // what follows is looked at by itself
}

TEST(Printable, LineBreaksAndTabsStayOfWhatMayHaveLines) {
  EXPECT_EQ(printable("a\n\tb"), "a\\x0a\\x09b");
  EXPECT_EQ(printable("a\n\tb\r\v", Shown::kLines), "a\n\tb\\x0d\\x0b");
}

TEST(Printable, AJsonDocumentSaysTheSame) {
  EXPECT_EQ(printable("{\n  \"a\": \"\x7f\u009b\u202e\"\n}", Shown::kJson),
            "{\n  \"a\": \"\\u007f\\u009b\\u202e\"\n}");
}

TEST(Printable, WhatIsPrintableIsNotChangedAgain) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  all += "\u202e\n\u009b";
  for (const Shown shown : {Shown::kLine, Shown::kLines, Shown::kJson}) {
    const std::string once = printable(all, shown);
    EXPECT_EQ(printable(once, shown), once);
    for (const char c : once) EXPECT_TRUE(c >= 0x20 || c == '\n' || c == '\t') << int{c};
  }
}

}  // namespace printable_test
}  // namespace once
