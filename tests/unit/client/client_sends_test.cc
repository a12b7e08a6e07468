// Large requests on real sockets: what the kernel does not take at once follows later, whole, in
// order, and never on another connection.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/loopback_listener.h"

namespace {

std::atomic<int> may_raise_sigpipe{0};  // sends whose failure would end the process

}  // namespace

// Stands before the one of the C library: a broken pipe comes too seldom to wait for it.
extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if ((flags & MSG_NOSIGNAL) == 0) ++may_raise_sigpipe;
  return syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}

namespace once::client {
namespace {

constexpr int kWrites = 300;  // of 64 KiB: more than the buffers of two sockets take

// Different in each byte and for each request, so that a piece that is sent twice, left out or sent
// from elsewhere is noticed.
std::string value_of(int number) {
  std::string value(kMaxValueBytes, '\0');
  uint32_t state = static_cast<uint32_t>(number) * 2'654'435'761u + 1;
  for (char& c : value) {
    state = state * 1'664'525u + 1'013'904'223u;
    c = static_cast<char>(state >> 24);
  }
  return value;
}

// Reads slowly at first, so that the client's socket is full; checks every byte. The connections
// with numbers below `broken` are cut in the middle of what comes in.
class SlowReader {
 public:
  explicit SlowReader(int broken = 0) : broken_(broken) {
    thread_ = std::thread([this] { serve_all(); });
  }
  ~SlowReader() {
    listener_.stop();
    thread_.join();
  }

  const std::string& address() const { return listener_.address(); }
  std::atomic<int> whole{0};    // requests that came in as they were sent
  std::atomic<int> damaged{0};  // anything else
  std::atomic<int> connections{0};

 private:
  void serve_all() {
    for (;;) {
      const int fd = accept(listener_.fd(), nullptr, nullptr);
      if (fd < 0) return;
      serve(fd, connections++ < broken_);
      close(fd);
    }
  }

  // Frames that are there in whole; false when the stream makes no sense.
  bool take_all(std::vector<char>& in, std::vector<char>& out, bool& greeted) {
    std::string_view rest(in.data(), in.size());
    net::Frame frame;
    for (;;) {
      const auto taken = net::take_frame(rest, frame);
      if (!taken) return false;
      if (!*taken) break;
      const bool hello = frame.type == net::FrameType::kClientHello;
      if (hello == greeted) return false;  // a hello comes first, and once
      greeted = true;
      if (hello) {
        net::encode_server_hello(hello_of(1, {address()}), out);
        continue;
      }
      const auto request = net::decode_request(frame.body);
      if (!request) return false;
      const int number = std::atoi(std::string(request->name.substr(1)).c_str());
      if (request->value != value_of(number)) return false;
      ++whole;
      net::encode_reply(frame.correlation, paxos::ClientReply{}, out);
    }
    in.erase(in.begin(), in.end() - static_cast<ptrdiff_t>(rest.size()));
    return true;
  }

  void serve(int fd, bool cut) {
    std::vector<char> in, out;
    std::vector<char> chunk(61'001);
    size_t total = 0;
    bool rested = false, greeted = false;
    for (;;) {
      const ssize_t got = recv(fd, chunk.data(), chunk.size(), 0);
      if (got <= 0) return;
      total += static_cast<size_t>(got);
      in.insert(in.end(), chunk.data(), chunk.data() + got);
      out.clear();
      if (!take_all(in, out, greeted)) {
        ++damaged;
        return;
      }
      if (!out.empty()) (void)send(fd, out.data(), out.size(), MSG_NOSIGNAL);
      if (!rested && total > 100'000) {
        rested = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        if (cut) return;  // with bytes unread: the client is told by a reset
      }
    }
  }

  int broken_;
  const LoopbackListener listener_{16 * 1024};
  std::thread thread_;
};

class Countdown {
 public:
  explicit Countdown(int left) : left_(left) {}
  Callback callback() {
    return [this](Result&& result) {
      std::lock_guard lock(mutex_);
      ++outcomes[result.outcome];
      if (--left_ == 0) over_.notify_all();
    };
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return over_.wait_for(lock, std::chrono::seconds(60), [this] { return left_ == 0; });
  }
  std::map<Outcome, int> outcomes;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  int left_;
};

void write_all(Client& client, Countdown& countdown) {
  for (int i = 0; i < kWrites; ++i) {
    client.write_async(fmt::format("w{}", i), value_of(i), {}, countdown.callback());
  }
}

TEST(ClientSendsTest, WhatTheKernelDoesNotTakeFollowsWholeAndInOrder) {
  SlowReader server;
  Countdown countdown(kWrites);
  Client client(options_for(server.address(), 50'000));
  write_all(client, countdown);
  ASSERT_TRUE(countdown.wait()) << server.whole << " of " << kWrites << " came in";
  EXPECT_EQ(server.damaged, 0);
  EXPECT_GE(server.whole, kWrites);
  EXPECT_EQ(countdown.outcomes[Outcome::kDone], kWrites);
}

// Twice cut with megabytes unsent: what was left of them must not begin the next connection, and
// a broken pipe must not end the process.
TEST(ClientSendsTest, WhatWasLeftOfABrokenConnectionIsNotSentOnTheNext) {
  SlowReader server(2);
  Countdown countdown(kWrites);
  Client client(options_for(server.address(), 50'000));
  write_all(client, countdown);
  ASSERT_TRUE(countdown.wait()) << server.whole << " came in";
  EXPECT_EQ(server.damaged, 0);
  EXPECT_GE(server.whole, kWrites);
  EXPECT_EQ(countdown.outcomes[Outcome::kDone], kWrites) << "a write is asked for again";
  EXPECT_GE(server.connections, 3);
  EXPECT_EQ(may_raise_sigpipe, 0);
}

// The thread sleeps while there is nothing to send: a wake that is not taken note of, or a socket
// that is watched for room although nothing waits for it, would keep it busy.
TEST(ClientSendsTest, AnIdleClientUsesNoProcessor) {
  FakeServer server(
      [](const paxos::ClientRequest&, FakeServer::Reply&) { return FakeServer::Act::kReply; });
  Client client(options_for(server.address()));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(client.write("x", std::string(kMaxValueBytes, 'v')).outcome, Outcome::kDone);
  }
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  getrusage(RUSAGE_SELF, &after);
  const auto switches = [](const rusage& u) { return u.ru_nvcsw + u.ru_nivcsw; };
  const auto us = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  const long busy_us =
      us(after.ru_utime) - us(before.ru_utime) + us(after.ru_stime) - us(before.ru_stime);
  EXPECT_LT(busy_us, 50'000);
  EXPECT_LT(switches(after) - switches(before), 100);
}

}  // namespace
}  // namespace once::client
