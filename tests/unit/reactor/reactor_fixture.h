// What the reactor tests share: handlers that note what they are told, and a loop bounded in time.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include "base/limits.h"
#include "reactor/make_io.h"

namespace once::reactor {

constexpr uint64_t kWatchdog = ~uint64_t{0};
constexpr int64_t kWatchdogNs = 10'000'000'000;

inline std::string free_address() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&where), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size), 0);
  ::close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
}

// Of the loops that a test makes.
inline Backend backend_under_test = Backend::kUring;

// A test of this runs over each backend: the same calls, the same answers.
struct BothBackends : testing::TestWithParam<Backend> {
  BothBackends() { backend_under_test = GetParam(); }
  ~BothBackends() override { backend_under_test = Backend::kUring; }
};

inline std::string backend_name(const testing::TestParamInfo<Backend>& info) {
  return info.param == Backend::kUring ? "uring" : "epoll";
}

// A loop whose events call functions set by the test.
struct Loop : StreamHandler, ListenHandler, FileHandler, FilePreparedHandler, BatchHandler {
  std::unique_ptr<Io> io;
  std::function<void(StreamId)> connected = [](StreamId) {};
  std::function<void(StreamId, std::string_view)> bytes = [](StreamId, std::string_view) {};
  std::function<bool(StreamId)> end_of_input = [](StreamId) { return false; };
  std::function<void(StreamId, std::string_view)> closed = [](StreamId, std::string_view) {};
  std::function<void(uint64_t)> timer = [](uint64_t) {};
  std::function<void()> woken = [] {};
  std::function<void(uint64_t)> written = [](uint64_t) {};
  std::function<void(uint64_t)> was_read = [](uint64_t) {};
  std::function<void(std::string_view)> failed = [](std::string_view) {};
  std::function<void(const std::string&)> prepared = [](const std::string&) {};
  bool timed_out = false;

  Loop() {
    auto made = make_io({.backend = backend_under_test});
    if (!made) throw std::runtime_error(made.error().message);
    io = std::move(*made);
  }
  void run() {
    io->set_timer(io->now_ns() + kWatchdogNs, kWatchdog);
    io->run(this);
    EXPECT_FALSE(timed_out);
  }
  void send(StreamId stream, std::string_view text) {
    if (auto* out = io->outbox(stream)) out->insert(out->end(), text.begin(), text.end());
  }
  void echo() {
    bytes = [this](StreamId stream, std::string_view text) { send(stream, text); };
  }

  void on_connected(StreamId stream) override { connected(stream); }
  void on_bytes(StreamId stream, std::string_view text) override { bytes(stream, text); }
  bool on_end_of_input(StreamId stream) override { return end_of_input(stream); }
  void on_closed(StreamId stream, std::string_view why) override { closed(stream, why); }
  StreamHandler* on_accept(StreamId) override { return this; }
  void on_written(uint64_t token) override { written(token); }
  void on_read(uint64_t token) override { was_read(token); }
  void on_file_failed(std::string_view what) override { failed(what); }
  void on_file_prepared(const std::string&, const std::string& error) override { prepared(error); }
  void on_timer(uint64_t token) override {
    if (token != kWatchdog) return timer(token);
    timed_out = true;
    io->stop();
  }
  void on_wake() override { woken(); }
  void on_batch_end() override {}
};

// Both ends of one connection in a single loop: `client` is known, the other is the server.
struct OneLoop : Loop {
  std::string address = free_address();
  StreamId client;
  void open() {
    ASSERT_TRUE(io->listen(address, this).has_value());
    client = io->connect(address, this);
  }
};

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/reactor_test_XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
};

struct AlignedPage {
  char* data = static_cast<char*>(std::aligned_alloc(4096, 4096));
  AlignedPage() { std::memset(data, 'x', 4096); }
  ~AlignedPage() { std::free(data); }
};

}  // namespace once::reactor
