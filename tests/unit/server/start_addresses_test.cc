// What a node tells clients to dial must be an address that can be dialled.
#include "server/start_addresses.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/dialable.h"
#include "server/command_line.h"

namespace once::server {
namespace start_addresses_test {

StartOptions start(std::string listen, std::string advertise = "") {
  StartOptions options;
  options.data = "/var/lib/once";
  options.listen = std::move(listen);
  options.advertise = std::move(advertise);
  options.given = {{"--data", options.data}, {"--listen", options.listen}};
  if (!options.advertise.empty()) options.given.push_back({"--advertise", options.advertise});
  return options;
}

void expect_wrong(const StartOptions& options, const std::vector<std::string>& words) {
  const std::string text = wrong_with_addresses(options, "10.0.0.1:7501");
  for (const std::string& word : words) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " not in: " << text;
  }
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

tl::expected<Command, EarlyExit> parsed(std::vector<const char*> words) {
  words.push_back(nullptr);
  return parse_command_line(static_cast<int>(words.size()) - 1, words.data());
}

// Each that `onced start` has, as its help lists them: a new one too.
TEST(StartAddresses, TheLineToTypeHasEveryOptionThatWasGiven) {
  const auto command = parsed({"onced",
                               "start",
                               "--data",
                               "/with blank",
                               "--listen",
                               ":7401",
                               "--advertise",
                               "0.0.0.0:7401",
                               "--admin",
                               "127.0.0.1:9",
                               "--http-host",
                               "a.example",
                               "--http-host",
                               "b.example",
                               "--cores",
                               "1",
                               "--memory",
                               "75%",
                               "--ready",
                               "0",
                               "--io",
                               "epoll",
                               "--unsafe-buffered-log"});
  ASSERT_TRUE(command) << command.error().err;
  const std::string text = wrong(std::get<StartOptions>(*command));
  const size_t at = text.find("as in: onced start ");
  ASSERT_NE(at, std::string::npos) << text;
  const std::string line = text.substr(at) + " ";
  for (const char* words :
       {" --data '/with blank' ", " --listen :7401 ", " --advertise 10.0.0.1:7401 ",
        " --admin 127.0.0.1:9 ", " --http-host a.example ", " --http-host b.example ",
        " --cores 1 ", " --memory 75% ", " --ready 0 ", " --io epoll ",
        " --unsafe-buffered-log "}) {
    EXPECT_NE(line.find(words), std::string::npos) << words << " not in: " << line;
  }
  EXPECT_EQ(line.find("--advertise 0.0.0.0"), std::string::npos) << line;
  const std::string help = parsed({"onced", "help", "start"}).error().out;
  size_t options = 0;
  for (size_t begin = help.find("  --"); begin != std::string::npos;
       begin = help.find("  --", begin + 4)) {
    const size_t end = help.find_first_of(" ;\n", begin + 2);
    const std::string name = help.substr(begin + 2, end - begin - 2);
    if (name == "--help") continue;
    EXPECT_NE(line.find(" " + name + " "), std::string::npos) << name << " not in: " << line;
    ++options;
  }
  EXPECT_GE(options, 9u) << help;
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

StartOptions with_admin(std::string admin, std::string listen = "10.0.0.1:7401") {
  StartOptions options = start(std::move(listen));
  options.admin = std::move(admin);
  return options;
}

TEST(StartAddresses, APortThatTheSystemChoosesIsRefused) {
  for (const char* listen : {"127.0.0.1:0", ":0", "0.0.0.0:000"}) {
    EXPECT_NE(wrong(start(listen)).find("a port that stays"), std::string::npos) << listen;
    expect_wrong(start(listen, "10.0.0.1:7401"), {"--listen", "a port that stays"});
    expect_wrong(with_admin(listen), {std::string("--admin ") + listen, "a port that stays"});
  }
}

// A slip must not look like a port that is taken, for which a restart may help.
TEST(StartAddresses, WhatIsNoAddressIsSaidOfEachOption) {
  const std::pair<const char*, const char*> slips[] = {
      {"127.0.0.1", "has no port: write HOST:PORT"},
      {"foo", "has no port"},
      {"127.0.0.1:", "no port behind the colon"},
      {"127.0.0.1:80000", "has the port 80000, and ports go from 1 to 65535"},
      {"localhost:19900x", "which is no number"},
      {"http://127.0.0.1:19900", "a scheme"},
      {"10.0.0.300:7401", "no IPv4 address"},
      {"::1:7401", "without its brackets"},
      {"/tmp/x:7401", "'/' in the host"},
      {"127.0.0.1:7401:7401", "':' in the host"},
      {"127.0.0.1:7401 ", "a blank"},
      {":80000", "has the port 80000"},
      {"*:80000", "has the port 80000"}};
  for (const auto& [address, words] : slips) {
    expect_wrong(start(address), {std::string("--listen ") + address, words});
    expect_wrong(start(address, "10.0.0.1:7401"), {std::string("--listen ") + address, words});
    expect_wrong(with_admin(address), {std::string("--admin ") + address, words});
    EXPECT_NE(wrong(start("10.0.0.1:7401", address)).find("--advertise"), std::string::npos);
  }
  expect_wrong(with_admin("*:9100"), {"--admin *:9100", "0.0.0.0:9100"});
  for (const char* admin : {":9100", "0.0.0.0:9100", "[::]:9100", "localhost:9100"}) {
    EXPECT_EQ(wrong(with_admin(admin)), "") << admin;
  }
}

// Nobody would ever be let in by such a name, and nothing would say so.
TEST(StartAddresses, ANameForHttpIsANameAlone) {
  for (const char* name : {"foo:80", "http://bar", "foo/bar", "a b", "foo,bar", "10.0.0.300"}) {
    StartOptions options = start("10.0.0.1:7401");
    options.http_hosts = {"good.example", name};
    expect_wrong(options, {std::string("--http-host ") + name + " has ", "write the name alone"});
  }
  StartOptions options = start("10.0.0.1:7401");
  options.http_hosts = {"proxy.example", "PROXY", "my_proxy.", "10.0.0.9", "[fd00::1]", "fd00::1"};
  EXPECT_EQ(wrong(options), "");
}

// The system would say that another process has the port.
TEST(StartAddresses, ItsOwnPortsAreToldFromThoseOfOthers) {
  const auto wrong_with = [](const StartOptions& options, const std::string& own) {
    return wrong_with_addresses(options, own);
  };
  for (const char* own : {"127.0.0.1:7401", "localhost:7401", "0.0.0.0:7401", "[::]:7401"}) {
    const std::string text = wrong_with(start("127.0.0.1:7401"), own);
    EXPECT_NE(text.find("--listen 127.0.0.1:7401: that is this node's own port between nodes"),
              std::string::npos)
        << own << ": " << text;
  }
  for (const char* listen : {"0.0.0.0:7501", "[::]:7501", "10.0.0.1:7501"}) {
    expect_wrong(start(listen, "10.0.0.1:7401"), {"own port between nodes (10.0.0.1:7501"});
    expect_wrong(with_admin(listen), {std::string("--admin ") + listen, "own port between nodes"});
  }
  expect_wrong(with_admin("10.0.0.1:7401"), {"--admin 10.0.0.1:7401: that is this node's own "
                                             "--listen"});
  expect_wrong(with_admin("0.0.0.0:7401"), {"own --listen"});
  EXPECT_EQ(wrong(start("10.0.0.2:7501")), "") << "another address of the machine";
  EXPECT_EQ(wrong(with_admin("10.0.0.2:7401")), "");
  EXPECT_EQ(wrong_with(with_admin("127.0.0.1:9"), ""), "");
  StartOptions of_ipv4_alone = start("0.0.0.0:7401", "10.0.0.1:7401");
  of_ipv4_alone.admin = "[::1]:7401";
  EXPECT_EQ(wrong(of_ipv4_alone), "");
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
