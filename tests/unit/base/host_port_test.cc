#include "base/host_port.h"

#include <gtest/gtest.h>

namespace once {
namespace host_port_test {

TEST(HostPort, ApartAtTheLastColon) {
  struct Row {
    const char* address;
    const char* host_part;
    const char* host;
    const char* port_part;
    const char* digits;
  };
  for (const Row& row :
       {Row{"host:7400", "host", "host", ":7400", "7400"},
        Row{"[::1]:7400", "[::1]", "::1", ":7400", "7400"}, Row{":7400", "", "", ":7400", "7400"},
        Row{"host:", "host", "host", ":", ""}, Row{"host", "host", "host", "", ""},
        Row{"", "", "", "", ""}, Row{"::1:80", "::1", "::1", ":80", "80"},
        Row{"[]:1", "[]", "", ":1", "1"}, Row{"[:1", "[", "[", ":1", "1"},
        Row{"*:0", "*", "*", ":0", "0"}}) {
    EXPECT_EQ(host_part(row.address), row.host_part) << row.address;
    EXPECT_EQ(host_of(row.address), row.host) << row.address;
    EXPECT_EQ(port_part(row.address), row.port_part) << row.address;
    EXPECT_EQ(port_digits(row.address), row.digits) << row.address;
  }
}

TEST(HostPort, APortIsDigitsUpTo65535) {
  EXPECT_EQ(port_number("0"), 0);
  EXPECT_EQ(port_number("65535"), 65535);
  EXPECT_EQ(port_number("00080"), 80);
  for (const char* wrong :
       {"", "65536", "99999999999999999999", "+80", "-1", " 80", "80 ", "0x50", "http"}) {
    EXPECT_EQ(port_number(wrong), std::nullopt) << wrong;
  }
}

TEST(HostPort, BracketsAroundIpv6Alone) {
  EXPECT_EQ(bracketed("::1"), "[::1]");
  EXPECT_EQ(bracketed("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(bracketed("host"), "host");
}

}  // namespace host_port_test
}  // namespace once
