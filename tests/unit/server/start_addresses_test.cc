// What a node tells clients to dial must be an address that can be dialled.
#include "server/start_addresses.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/dialable.h"

namespace once::server {
namespace start_addresses_test {

StartOptions start(std::string listen, std::string advertise = "") {
  StartOptions options;
  options.data = "/var/lib/once";
  options.listen = std::move(listen);
  options.advertise = std::move(advertise);
  return options;
}

std::string wrong(const StartOptions& options) {
  return wrong_with_addresses(options, "10.0.0.1:7501");
}

TEST(StartAddresses, EveryAddressIsRefusedWithTheLineToType) {
  for (const char* listen : {"0.0.0.0:7401", "[::]:7401", ":7401", "[::0]:7401", "0:7401"}) {
    const std::string line = "as in: onced start --data /var/lib/once --listen " +
                             std::string(listen[0] == '[' ? "'" : "") + listen +
                             (listen[0] == '[' ? "'" : "") + " --advertise 10.0.0.1:7401";
    const std::string text = wrong(start(listen));
    EXPECT_NE(text.find(line), std::string::npos) << text;
    EXPECT_NE(text.find("--listen"), std::string::npos);
    EXPECT_EQ(text.find('\n'), std::string::npos) << "one line of the log";
    EXPECT_EQ(wrong(start(listen, "10.0.0.1:7401")), "") << listen;
  }
  const std::string star = wrong(start("*:7401"));
  EXPECT_NE(star.find("--listen 0.0.0.0:7401 --advertise 10.0.0.1:7401"), std::string::npos)
      << star;
}

// In every spelling of a number that the C library takes, which looks up no name for them.
TEST(StartAddresses, EveryAddressIsRefusedInEverySpelling) {
  for (const char* host : {"0", "00", "0.0", "0.0.0", "0x0", "0X0", "0x0.0", "00.0x0.0.0", "0.0x0",
                           "00000000000", "[::0.0.0.0]", "[0::0]", "[::ffff:0:0]"}) {
    const std::string address = std::string(host) + ":7401";
    ASSERT_TRUE(look_up_to_listen(address)) << address;
    EXPECT_NE(wrong(start(address)).find("every address"), std::string::npos) << address;
    EXPECT_NE(wrong(start("10.0.0.1:7401", address)).find("every address"), std::string::npos)
        << address;
  }
}

// It listens on the first address that it stands for.
TEST(StartAddresses, ANameThatStandsForEveryAddressIsRefused) {
  const auto wrong_where = [](std::vector<std::string> stands_for, const std::string& advertise) {
    return wrong_with_addresses(
        start("node-1:7401", advertise), "10.0.0.1:7501", [&](const std::string& address) {
          EXPECT_EQ(address, "node-1:7401");
          SocketAddresses found;
          for (const std::string& each : stands_for) {
            found.push_back(look_up_to_listen(each + ":7401").value().front());
          }
          return Result<SocketAddresses>(found);
        });
  };
  for (const char* every : {"0.0.0.0", "[::]", "[::ffff:0.0.0.0]", "0.0.0.7"}) {
    const std::string text = wrong_where({every}, "");
    EXPECT_NE(text.find("--listen node-1:7401: it stands for every address"), std::string::npos)
        << every << ": " << text;
    EXPECT_NE(text.find("--listen node-1:7401 --advertise 10.0.0.1:7401"), std::string::npos);
    EXPECT_NE(wrong_where({every, "10.0.0.1"}, ""), "") << every;
    EXPECT_EQ(wrong_where({every}, "10.0.0.1:7401"), "") << "clients are told another one";
    EXPECT_EQ(wrong_where({"10.0.0.1", every}, ""), "") << every;
  }
  EXPECT_NE(wrong_where({"224.0.0.1"}, "").find("many machines"), std::string::npos);
  EXPECT_EQ(wrong_where({"10.0.0.1"}, ""), "");
  EXPECT_EQ(wrong_where({"[fe80::1%lo]"}, ""), "");
}

TEST(StartAddresses, TheLineHasTheOtherFlagsToo) {
  StartOptions options = start(":7401");
  options.data = "/with blank";
  options.cores = 3;
  options.memory = "1GiB";
  options.unsafe_buffered_log = true;
  EXPECT_NE(wrong(options).find("--data '/with blank' --listen :7401 --advertise 10.0.0.1:7401 "
                                "--cores 3 --memory 1GiB --unsafe-buffered-log"),
            std::string::npos)
      << wrong(options);
}

TEST(StartAddresses, WhereTheNodeIsNotKnownAnAddressOfTheMachineIsShown) {
  for (const char* own : {"", "0.0.0.0:7501"}) {
    const std::string text = wrong_with_addresses(start(":7401"), own);
    const size_t at = text.find("--advertise ");
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(undialable(text.substr(at + 12)), "") << text;
  }
  EXPECT_NE(wrong_with_addresses(start(":7401"), "[fd00::1]:7501").find("'[fd00::1]':7401"),
            std::string::npos);
}

TEST(StartAddresses, AdvertisedAddressesAreLookedAtToo) {
  for (const char* advertise :
       {"0.0.0.0:7401", "[::]:7401", ":7401", "*:7401", "224.0.0.1:7401", "10.0.0.1:0", "10.0.0.1",
        "http://10.0.0.1:7401", "a b:7401", "10.0.0.1:99999", "a:1,b:2"}) {
    const std::string text = wrong(start("10.0.0.1:7401", advertise));
    EXPECT_NE(text.find("--advertise"), std::string::npos) << advertise << ": " << text;
  }
}

TEST(StartAddresses, APortThatTheSystemChoosesIsRefused) {
  EXPECT_NE(wrong(start("127.0.0.1:0")).find("a port that stays"), std::string::npos);
  EXPECT_NE(wrong(start(":0")).find("a port that stays"), std::string::npos);
}

TEST(StartAddresses, StarIsNoAddressToListenOn) {
  EXPECT_NE(wrong(start("*:7401", "10.0.0.1:7401")).find("0.0.0.0:7401"), std::string::npos);
}

TEST(StartAddresses, OneAddressIsFine) {
  for (const char* listen : {"127.0.0.1:7401", "10.0.0.1:7401", "[::1]:7401", "localhost:7401"}) {
    EXPECT_EQ(wrong(start(listen)), "") << listen;
  }
  EXPECT_EQ(wrong(start("no-such-host.invalid:7401")), "") << "the bind will say so";
}

TEST(StartAddresses, LoopbackAmongOtherMachinesIsDoubtful) {
  Configuration configuration;
  configuration.node = NodeId{1};
  configuration.members = {{NodeId{1}, "127.0.0.1:7501"}, {NodeId{2}, "10.0.0.2:7501"}};
  const std::string doubt = doubt_about_addresses(start("127.0.0.1:7401"), configuration);
  EXPECT_NE(doubt.find("node 2 is at 10.0.0.2:7501"), std::string::npos) << doubt;
  EXPECT_EQ(doubt_about_addresses(start("127.0.0.1:7401", "10.0.0.1:7401"), configuration), "");
  configuration.members[1].second = "127.0.0.1:7502";
  EXPECT_EQ(doubt_about_addresses(start("127.0.0.1:7401"), configuration), "");
}

}  // namespace start_addresses_test
}  // namespace once::server
