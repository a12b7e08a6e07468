// Commands of `once` in the test's own process, against registers on loopback that fail on demand.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/arguments.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/test_register.h"

namespace once::client {

// Signals for the command must not find a thread of the test that takes them.
inline const bool kSignalsAreBlocked = [] {
  sigset_t set;
  sigfillset(&set);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&set, number);
  // A shell that runs the tests in the background has them ignored, and that would be respected.
  for (int number : {SIGINT, SIGQUIT, SIGHUP}) signal(number, SIG_DFL);
  return sigprocmask(SIG_BLOCK, &set, nullptr) == 0;
}();

struct Ended {
  int code = 0;
  std::string out;
  std::string err;
};

class CommandTest : public testing::Test {
 protected:
  using Act = FakeServer::Act;
  // Nothing: as the register says.
  using Trouble =
      std::function<std::optional<Act>(const paxos::ClientRequest&, FakeServer::Reply&)>;

  CommandTest() {
    EXPECT_TRUE(kSignalsAreBlocked);
    std::string pattern = testing::TempDir() + "once-command-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~CommandTest() override { std::filesystem::remove_all(directory_); }

  Act answer(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    std::lock_guard lock(mutex_);
    if (trouble_) {
      if (const auto act = trouble_(request, reply)) return *act;
    }
    static_cast<paxos::ClientReply&>(reply) = registers_[std::string(request.name)].answer(request);
    reply.told = std::string(reply.state.value);
    reply.state.value = {};
    return Act::kReply;
  }
  Result ask(const std::string& name, Op operation, const std::string& value = {},
             uint64_t version = 0, RequestId id = {}) {
    std::lock_guard lock(mutex_);
    if (id == RequestId{}) id = request_id(1, ++ids_);
    return registers_[name].ask(operation, version, value, id);
  }
  std::string value_of(const std::string& name) { return ask(name, Op::kRead).value; }
  void set_trouble(Trouble trouble) {
    std::lock_guard lock(mutex_);
    trouble_ = std::move(trouble);
  }
  static Trouble always(Status status, std::function<bool(const paxos::ClientRequest&)> which) {
    return
        [=](const paxos::ClientRequest& request, FakeServer::Reply& reply) -> std::optional<Act> {
          if (!which(request)) return std::nullopt;
          reply.status = status;
          return Act::kReply;
        };
  }

  Arguments arguments(Command command, const std::string& name,
                      std::vector<std::string> program = {}) {
    Arguments a;
    a.command = command;
    a.endpoints = {server_.address()};
    a.timeout_ms = 5000;
    a.name = name;
    a.program = std::move(program);
    a.wait_s = 10;
    a.ttl_s = 10;
    a.grace_ms = 3000;
    return a;
  }
  template <typename Command>
  static Ended run(Command command, const Arguments& a) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ended ended;
    ended.code = command(a);
    ended.out = testing::internal::GetCapturedStdout();
    ended.err = testing::internal::GetCapturedStderr();
    return ended;
  }

  // Where nobody listens.
  static std::string closed_port() { return LoopbackListener().address(); }
  static std::thread signal_soon(int number) {
    return std::thread([number] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      kill(getpid(), number);
    });
  }

  // A command that leaves a line in a file, and how many there are.
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::vector<std::string> marks(const std::string& script_end = "") const {
    return {"sh", "-c", "echo ran >> " + path("marks") + "; " + script_end};
  }
  std::vector<std::string> lines_of(const std::string& name) const {
    std::ifstream file(path(name));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  size_t times_ran() const { return lines_of("marks").size(); }
  bool wait_for_lines(const std::string& name, size_t count) const {
    return soon([&] { return lines_of(name).size() >= count; });
  }
  static bool soon(const std::function<bool()>& true_in_the_end) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!true_in_the_end()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  // Ended, though nobody may have waited for it yet.
  static bool is_gone(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::stringstream text;
    text << file.rdbuf();
    const size_t end = text.str().rfind(')');
    return end == std::string::npos || text.str().at(end + 2) == 'Z';
  }

  std::string directory_;
  std::mutex mutex_;
  Trouble trouble_;                                // by mutex_
  std::map<std::string, TestRegister> registers_;  // by mutex_
  uint64_t ids_ = 0;                               // by mutex_
  FakeServer server_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    return answer(request, reply);
  }};
};

}  // namespace once::client
