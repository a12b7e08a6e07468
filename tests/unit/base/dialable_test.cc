#include "base/dialable.h"

#include <gtest/gtest.h>

#include "base/host_port.h"

namespace once {
namespace dialable_test {

TEST(Dialable, WildcardsInEverySpelling) {
  for (const char* address : {"0.0.0.0:7401",
                              "[::]:7401",
                              ":7401",
                              "[::0]:7401",
                              "[0:0:0:0:0:0:0:0]:7401",
                              "*:7401",
                              "0:7401",
                              "0.0:7401",
                              "0x0:7401",
                              "00.00.00.00:7401",
                              "0X0:7401",
                              "0.0x0:7401",
                              "[0::0]:7401",
                              "[::ffff:0.0.0.0]:7401",
                              "::7401",
                              "[::0.0.0.0]:7401",
                              "[]:7401",
                              "[0.0.0.0]:7401",
                              "[::%lo]:7401",
                              "0.0.0.1:7401"}) {
    EXPECT_TRUE(is_wildcard(host_of(address))) << address;
    EXPECT_NE(undialable(address).find("every address"), std::string::npos) << address;
  }
}

TEST(Dialable, WhatIsForManyOrHasNoPort) {
  EXPECT_NE(undialable("224.0.0.1:7401").find("many"), std::string::npos);
  EXPECT_NE(undialable("255.255.255.255:7401").find("many"), std::string::npos);
  EXPECT_NE(undialable("[ff02::1]:7401").find("many"), std::string::npos);
  EXPECT_NE(undialable("10.0.0.1:0").find("port 0"), std::string::npos);
  EXPECT_NE(undialable("10.0.0.1:000").find("port 0"), std::string::npos);
  EXPECT_NE(undialable("node-1:0").find("port 0"), std::string::npos);
}

TEST(Dialable, AddressesOfOneMachineAreFine) {
  for (const char* address : {"127.0.0.1:7401", "10.0.0.1:7401", "[::1]:7401", "node-1:7401",
                              "zero.example.org:7401", "[fe80::1%eth0]:7401", "0a:7401",
                              "[::ffff:10.0.0.1]:7401", "223.255.255.255:80", "10.0.0.0:10"}) {
    EXPECT_EQ(undialable(address), "") << address;
    EXPECT_FALSE(is_wildcard(host_of(address))) << address;
  }
}

TEST(Dialable, Loopback) {
  for (const char* host : {"127.0.0.1", "127.1", "127.9.8.7", "::1", "localhost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"10.0.0.1", "::", "0.0.0.0", "node-1", "", "::2"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace dialable_test
}  // namespace once
