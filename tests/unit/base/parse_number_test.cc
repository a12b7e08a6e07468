#include "base/parse_number.h"

#include <gtest/gtest.h>

#include <string>

namespace once {
namespace parse_number_test {

TEST(ParseNumber, OfTheWholeText) {
  EXPECT_EQ(parse_number<uint64_t>("0"), 0u);
  EXPECT_EQ(parse_number<uint64_t>("007"), 7u);
  EXPECT_EQ(parse_number<uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number<uint64_t>("fF", 16), 255u);
  EXPECT_EQ(parse_number<double>("1.5"), 1.5);
  for (const char* wrong :
       {"", " 1", "1 ", "+1", "-1", "1.", "0x1", "1\n", "a", "18446744073709551616"}) {
    EXPECT_EQ(parse_number<uint64_t>(wrong), std::nullopt) << wrong;
  }
}

// Nothing behind the view counts, and all within it does.
TEST(ParseNumber, NoFurtherThanTheText) {
  const std::string text = "12345";
  EXPECT_EQ(parse_number<uint32_t>(std::string_view(text).substr(0, 2)), 12u);
  EXPECT_EQ(parse_number<uint32_t>(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseNumber, OnlyWhatTheTypeHolds) {
  EXPECT_EQ(parse_number<uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_number<int32_t>("-1"), -1);
  EXPECT_EQ(parse_number<int32_t>("2147483648"), std::nullopt);
}

}  // namespace parse_number_test
}  // namespace once
