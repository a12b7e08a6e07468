// HOST:PORT as people write it: what is taken, and what is said of the rest.
#include "base/endpoints.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace once {
namespace endpoints_test {

using List = std::vector<std::string>;

TEST(Endpoints, HostsAndPortsAreTakenAsTheyAre) {
  for (const char* text : {"127.0.0.1:7401", "localhost:1", "db_1.example-host.org:65535", "h:007",
                           "[::1]:7401", "[fe80::1%eth0]:7401", "[::ffff:10.0.0.1]:7", "10.1:7401",
                           "node-3.:7401", "0.0.0.0:7401", "[localhost]:7401", "10.0.0.1.nip:80"}) {
    EXPECT_EQ(read_endpoint(text).value_or("none"), text);
  }
}

TEST(Endpoints, BlanksAroundThemAreLeftOut) {
  EXPECT_EQ(split_endpoints("a:1, b:2,\tc:3").value_or(List{}), (List{"a:1", "b:2", "c:3"}));
  EXPECT_EQ(split_endpoints(" a:1 ,\n  b:2\r\n").value_or(List{}), (List{"a:1", "b:2"}));
  EXPECT_EQ(read_endpoints({" a:1", "b:2\n"}).value_or(List{}), (List{"a:1", "b:2"}));
}

// A variable that was not set, as in "$A,$B,$C", must not pass for a shorter list.
TEST(Endpoints, NothingBetweenTwoCommasIsNoList) {
  for (const char* text : {"", ",", "a:1,", ",a:1", "a:1,,b:2", "a:1, ,b:2", "a:1,\n", " "}) {
    const auto list = split_endpoints(text);
    ASSERT_FALSE(list) << text;
    EXPECT_NE(list.error().message.find("endpoint is empty"), std::string::npos) << text;
  }
  EXPECT_FALSE(read_endpoints({}));
  EXPECT_FALSE(read_endpoints({"a:1", ""}));
}

TEST(Endpoints, ASlipIsSaidInWords) {
  const std::pair<const char*, const char*> slips[] = {
      {"127.0.0.1", "no port"},
      {"7401", "no port"},
      {"localhost:", "no port behind the colon"},
      {":7401", "no host"},
      {"h:x", "the port \"x\", which is no number"},
      {"h:+80", "no number"},
      {"h:-1", "no number"},
      {"h:7401/", "no number"},
      {"h:0", "ports go from 1 to 65535"},
      {"h:000", "ports go from 1 to 65535"},
      {"h:65536", "ports go from 1 to 65535"},
      {"h:99999999999999999999", "ports go from 1 to 65535"},
      {"h:7401 i:7402", "a blank"},
      {"h :7401", "a blank"},
      {"h\n:7401", "a blank"},
      {"http://h:7401", "a scheme"},
      {"::1:7401", "brackets"},
      {"::1", "brackets"},
      {"fe80::1%eth0", "brackets"},
      {"2001:db8::5:7401", "brackets"},
      {"[::1]", "no port behind the ]"},
      {"[::1]7401", "no port behind the ]"},
      {"[::1]:", "no port behind the colon"},
      {"[::1:7401", "a [ without its ]"},
      {"[]:7401", "no IPv6 address"},
      {"[::g]:7401", "no IPv6 address"},
      {"::1]:7401", "':' in the host"},
      {"a:1;b:2", "':' in the host"},
      {"me@h:7401", "'@' in the host"},
      {"1=10.0.0.1:7501", "'=' in the host"},
      {"h\xc2\xa0:7401", "in the host"},
      {"10.0.0.300:7401", "no IPv4 address"},
      {"10.0.0.1.1:7401", "no IPv4 address"},
  };
  for (const auto& [text, words] : slips) {
    const auto endpoint = read_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_NE(endpoint.error().message.find(words), std::string::npos) << endpoint.error().message;
    EXPECT_NE(endpoint.error().message.find(text), std::string::npos) << "it is quoted";
    EXPECT_FALSE(split_endpoints(std::string("127.0.0.1:7401,") + text)) << "one is enough";
  }
  const std::string longest(253, 'h');
  EXPECT_TRUE(read_endpoint(longest + ":1"));
  EXPECT_FALSE(read_endpoint("h" + longest + ":1"));
}

// More would be passed over in silence.
TEST(Endpoints, NoMoreThanAreUsed) {
  EXPECT_TRUE(read_endpoints(List(kMaxEndpoints, "h:1")));
  EXPECT_FALSE(read_endpoints(List(kMaxEndpoints + 1, "h:1")));
}

}  // namespace endpoints_test
}  // namespace once
