// Sockets of the client: how they are made, and how much waits for one that is not read.
#include "client/socket.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/connection_pool.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/loopback_listener.h"

namespace once::client {
namespace socket_test {

int option(const Descriptor& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(socket.get(), level, name, &value, &size), 0);
  return value;
}

// A request that waits for the answer to the one before would take a round trip more.
TEST(SocketTest, ARequestLeavesAtOnce) {
  const LoopbackListener listener;
  NameResolver names;
  const auto fd = connect_until(names, listener.address(), now_ns() + 5 * kSecond);
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_NE(option(*fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

// Of a machine that is gone without a word only these two tell.
TEST(SocketTest, APeerThatSaysNothingMoreIsNoticed) {
  const LoopbackListener listener;
  NameResolver names;
  const auto fd = connect_until(names, listener.address(), now_ns() + 5 * kSecond);
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 5000);
  EXPECT_NE(option(*fd, SOL_SOCKET, SO_KEEPALIVE), 0);
}

// A session on its sockets, with no thread: what it does between two steps is up to the test.
class PoolTest : public testing::Test {
 protected:
  // Connected to a node, which takes the place of `node_`.
  void meet() {
    session_.reset();
    pool_ = std::move(*ConnectionPool::make(names_));
    session_ = std::make_unique<Session>(SessionOptions{{listener_.address()}, 4, 1}, pool_.get());
    node_.reset();
    submit(Op::kRead);
    step_until([&] {
      pollfd entry{listener_.fd(), POLLIN, 0};
      return ::poll(&entry, 1, 0) > 0;
    });
    node_ = Descriptor(accept(listener_.fd(), nullptr, nullptr));
    std::vector<char> out;
    net::encode_server_hello(hello_of(1, {listener_.address()}), out);
    ASSERT_EQ(send(node_.get(), out.data(), out.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(out.size()));
    step_until([&] { return session_->trouble().empty(); });
    session_->cancel_all("over");
  }
  void submit(Op operation) {
    Call call;
    call.operation = operation;
    call.name = "x";
    call.deadline_ns = now_ns() + 60 * kSecond;
    call.done = [](Result&&) {};
    session_->submit(std::move(call), now_ns());
  }
  void step_until(const std::function<bool()>& over) {
    const int64_t end = now_ns() + 30 * kSecond;
    while (!over()) {
      ASSERT_LT(now_ns(), end);
      pool_->poll(*session_, now_ns() + 5 * kMs);
      session_->on_tick(now_ns());
    }
  }

  const LoopbackListener listener_;
  const std::shared_ptr<NameResolver> names_ = std::make_shared<NameResolver>();
  std::unique_ptr<ConnectionPool> pool_;
  std::unique_ptr<Session> session_;
  Descriptor node_;
};

// The session wants to ask again in a few milliseconds; for how long it would have slept was worked
// out before. Of three tries one in time is enough: the machine may be busy.
TEST_F(PoolTest, AfterAWriteThatFailsItDoesNotSleep) {
  int64_t shortest = kSecond;
  for (int attempt = 0; attempt < 3 && shortest > kSecond / 2; ++attempt) {
    meet();
    pool_->poll(*session_, 0);
    const linger reset{1, 0};
    ASSERT_EQ(setsockopt(node_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    node_.reset();
    submit(Op::kWait);
    const int64_t begun = now_ns();
    pool_->poll(*session_, begun + 10 * kSecond);
    EXPECT_FALSE(session_->trouble().empty()) << "the connection is lost";
    shortest = std::min(shortest, now_ns() - begun);
  }
  EXPECT_LT(shortest, kSecond);
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
