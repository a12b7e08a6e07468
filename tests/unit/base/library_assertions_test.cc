// The assertions of the standard library are on, whatever the build: what is read beyond an end
// ends the process, where it would be somebody's answer otherwise.
#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace once {
namespace library_assertions_test {

TEST(LibraryAssertions, NothingIsReadBeyondAnEnd) {
  const std::vector<int> vector(3, 1);
  const std::span<const int> span(vector);
  const std::string string = "abc";
  const std::string_view view = string;
  const std::vector<int> empty;
  const std::optional<int> nothing;
  volatile size_t three = 3;  // no compiler knows it
  EXPECT_EQ(vector[three - 1] + span[three - 1], 2);
  EXPECT_DEATH((void)vector[three], "Assertion");
  EXPECT_DEATH((void)span[three], "Assertion");
  EXPECT_DEATH((void)string[three + 1], "Assertion");
  EXPECT_DEATH((void)view[three], "Assertion");
  EXPECT_DEATH((void)empty.front(), "Assertion");
  EXPECT_DEATH((void)empty.back(), "Assertion");
  EXPECT_DEATH((void)*nothing, "Assertion");
}

}  // namespace library_assertions_test
}  // namespace once
