// The bytes of each kind of answer, in RESP2 and RESP3.
#include <gtest/gtest.h>

#include <string>

#include "doors/resp/writer.h"

namespace once::doors {
namespace resp_writer_test {

template <class Write>
std::string two(Write write) {
  std::vector<char> out{'<'};  // what stands there stays
  RespWriter writer(out, Resp::kTwo);
  write(writer);
  return {out.begin() + 1, out.end()};
}
template <class Write>
std::string three(Write write) {
  std::vector<char> out;
  RespWriter writer(out, Resp::kThree);
  write(writer);
  return {out.begin(), out.end()};
}

TEST(RespWriter, WhatBothSayAlike) {
  const auto write = [](RespWriter& writer) {
    writer.simple("OK");
    writer.error("ERR a\r\nb");
    writer.integer(0);
    writer.integer(-2);
    writer.integer(INT64_MAX);
    writer.integer(INT64_MIN);
    writer.bulk(std::string_view("a\0\r\n", 4));
    writer.bulk("");
    writer.array(0);
    writer.array(12);
  };
  const std::string bytes(
      "+OK\r\n-ERR a  b\r\n:0\r\n:-2\r\n:9223372036854775807\r\n"
      ":-9223372036854775808\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n*0\r\n*12\r\n",
      95);
  EXPECT_EQ(two(write), bytes);
  EXPECT_EQ(three(write), bytes);
}

TEST(RespWriter, WhatEachSaysInItsOwnWay) {
  const auto write = [](RespWriter& writer) {
    writer.null();
    writer.truth(true);
    writer.truth(false);
    writer.map(3);
  };
  EXPECT_EQ(two(write), "$-1\r\n:1\r\n:0\r\n*6\r\n");
  EXPECT_EQ(three(write), "_\r\n#t\r\n#f\r\n%3\r\n");
}

}  // namespace resp_writer_test
}  // namespace once::doors
