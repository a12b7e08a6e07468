// Sockets of the client: how they are made, and how much waits for one that is not read.
#include "client/socket.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/loopback_listener.h"

namespace once::client {
namespace socket_test {

// A request that waits for the answer to the one before would take a round trip more.
TEST(SocketTest, ARequestLeavesAtOnce) {
  const LoopbackListener listener;
  NameResolver names;
  const auto fd = connect_until(names, listener.address(), now_ns() + 5 * kSecond);
  ASSERT_TRUE(fd) << fd.error().message;
  int value = 0;
  socklen_t size = sizeof value;
  ASSERT_EQ(getsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
  EXPECT_NE(value, 0);
}

// Greets, and reads nothing after that.
class DeafNode {
 public:
  DeafNode() : thread_([this] { serve(); }) {}
  ~DeafNode() {
    over_ = true;
    listener_.stop();
    thread_.join();
  }
  const std::string& address() const { return listener_.address(); }

 private:
  void serve() {
    const int fd = accept(listener_.fd(), nullptr, nullptr);
    if (fd < 0) return;
    char greeting[256];
    (void)recv(fd, greeting, sizeof greeting, 0);
    std::vector<char> out;
    net::encode_server_hello(hello_of(1, {address()}), out);
    (void)send(fd, out.data(), out.size(), MSG_NOSIGNAL);
    while (!over_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    close(fd);
  }

  const LoopbackListener listener_{16 * 1024};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// Beyond a limit nothing more is put before a node that does not read: that has not happened.
TEST(SocketTest, WhatWaitsForANodeThatDoesNotReadHasALimit) {
  constexpr int kWrites = 2 * kMaxOutboxBytes / kMaxValueBytes;
  DeafNode node;
  std::atomic<int> ended{0}, unknown{0}, unavailable{0};
  {
    Client client(options_for(node.address(), 2000));
    for (int i = 0; i < kWrites; ++i) {
      client.write_async("w" + std::to_string(i), std::string(kMaxValueBytes, 'v'), {},
                         [&](Result&& result) {
                           if (result.outcome == Outcome::kUnknown) ++unknown;
                           if (result.outcome == Outcome::kUnavailable) ++unavailable;
                           ++ended;
                         });
    }
    const int64_t end = now_ns() + 30 * kSecond;
    while (ended < kWrites && now_ns() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  EXPECT_EQ(unknown + unavailable, kWrites);
  EXPECT_GT(unknown, 0);
  EXPECT_GT(unavailable, 0);
}

}  // namespace socket_test
}  // namespace once::client
