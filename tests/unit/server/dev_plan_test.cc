// What `onced dev` finds out before it starts a node: whose data these are, and what is taken.
#include "server/dev_plan.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "server/exit_codes.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/server/formatted_directory.h"

namespace once::server {
namespace dev_plan_test {

// Listens on a port of loopback that the system chooses, or on the one that is given.
class Taken {
 public:
  explicit Taken(uint16_t port = 0) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(port);
    socklen_t size = sizeof where;
    auto* generic = reinterpret_cast<sockaddr*>(&where);
    EXPECT_EQ(::bind(fd_, generic, size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &size), 0);
    port_ = ntohs(where.sin_port);
  }
  ~Taken() { ::close(fd_); }
  uint16_t port() const { return port_; }

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint16_t port_ = 0;
};

class DevPlanTest : public testing::Test {
 protected:
  DevPlanTest() {
    options_.nodes = 3;
    options_.data = directory_.path() + "/data";
    options_.port = static_cast<uint16_t>(20'000 + ::getpid() % 8'000);
  }
  std::string members(int port) const {
    return fmt::format("1=127.0.0.1:{},2=127.0.0.1:{},3=127.0.0.1:{}", port + 101, port + 102,
                       port + 103);
  }
  std::string node(int number) const { return fmt::format("{}/node-{}", options_.data, number); }
  void make(int port) {
    std::filesystem::create_directories(options_.data);
    for (uint16_t number = 1; number <= 3; ++number) {
      ASSERT_TRUE(format_directory(node(number), members(port), number));
    }
  }
  // Refused with that code, and the message names the flag.
  void expect_refused(int code, std::string_view flag) {
    const auto plan = plan_dev(options_);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().exit_code, code) << plan.error().message;
    EXPECT_NE(plan.error().message.find(flag), std::string::npos) << plan.error().message;
    EXPECT_EQ(plan.error().message.find("--listen"), std::string::npos) << "dev has no such flag";
  }

  TemporaryDirectory directory_;
  DevOptions options_;
};

TEST_F(DevPlanTest, ANewClusterGetsTheAskedPortsAndAnIdOfItsOwn) {
  const auto plan = plan_dev(options_);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->nodes.size(), 3u);
  EXPECT_EQ(plan->nodes[1].client_address, fmt::format("127.0.0.1:{}", *options_.port + 2));
  EXPECT_EQ(plan->configuration.members[2].second,
            fmt::format("127.0.0.1:{}", *options_.port + 103));
  EXPECT_EQ(plan->configuration.segment_bytes, kDefaultDevSegmentMib * 1024 * 1024);
  EXPECT_FALSE(std::filesystem::exists(options_.data)) << "nothing is made yet";
  EXPECT_NE(plan->configuration.cluster, plan_dev(options_)->configuration.cluster);
  options_.nodes = 1;
  EXPECT_EQ(plan_dev(options_)->nodes[0].client_address,
            fmt::format("127.0.0.1:{}", *options_.port));
}

TEST_F(DevPlanTest, OlderDataKeepTheirPorts) {
  make(*options_.port);
  const uint16_t port = *options_.port;
  EXPECT_TRUE(plan_dev(options_));
  options_.port.reset();
  const auto plan = plan_dev(options_);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->port, port);
  EXPECT_TRUE(plan->nodes[0].formatted);
  options_.port = static_cast<uint16_t>(port + 10);
  expect_refused(kExitUsage, fmt::format("give --port {}", port));
}

TEST_F(DevPlanTest, DataOfAnotherMakeAreRefused) {
  make(*options_.port);
  options_.nodes = 1;
  expect_refused(kExitUsage, "--nodes 3");
  options_.nodes = 3;
  std::filesystem::rename(node(3), options_.data + "/kept");
  std::filesystem::copy(node(2), node(3), std::filesystem::copy_options::recursive);
  expect_refused(kExitDirectory, "--data");
  std::filesystem::remove_all(node(3));
  ASSERT_TRUE(format_directory(node(3), members(*options_.port + 10), 3));
  expect_refused(kExitDirectory, "two clusters");
  std::filesystem::remove_all(node(3));
  std::filesystem::create_directories(node(3));
  EXPECT_TRUE(plan_dev(options_)) << "an empty one is formatted";
  std::filesystem::create_directories(node(3) + "/something");
  expect_refused(kExitDirectory, "--data");
}

TEST_F(DevPlanTest, DataInUseAreRefusedAtOnce) {
  make(*options_.port);
  {
    const auto other = DataDirectory::open(node(2));
    ASSERT_TRUE(other);
    expect_refused(kExitDirectory, fmt::format("in use by process {}", ::getpid()));
  }
  EXPECT_TRUE(plan_dev(options_));
}

TEST_F(DevPlanTest, TakenPortsAreRefused) {
  {
    const Taken client(static_cast<uint16_t>(*options_.port + 2));
    expect_refused(kExitListen, "--port");
  }
  {
    const Taken peer(static_cast<uint16_t>(*options_.port + 103));
    expect_refused(kExitListen, "--port");
  }
  EXPECT_TRUE(plan_dev(options_));
}

TEST_F(DevPlanTest, WhatARestartCannotHeal) {
  for (const int code : {64, 65, 66, 69, 71}) EXPECT_TRUE(is_hopeless(code)) << code;
  for (const int code : {-1, 0, 1, 72, 74}) EXPECT_FALSE(is_hopeless(code)) << code;
  for (const int code : {1, 64, 65, 66, 69, 71, 72, 74}) {
    const std::string advice = dev_advice(code, "my-data");
    EXPECT_FALSE(advice.empty());
    EXPECT_EQ(advice.find("--listen"), std::string::npos);
  }
}

}  // namespace dev_plan_test
}  // namespace once::server
