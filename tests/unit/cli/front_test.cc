// What the front of `once run` and `once lock` does when its keeper is killed. Each is a process of
// its own here, as in life; the keeper does what the test says, and not what a command would.
#include "cli/commands/front.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/commands/signals.h"
#include "client/socket.h"

namespace once::client {
namespace front_test {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kCode = 8;
// For long, but not for ever: a test that fails must not leave it at work.
const std::string kLoop = "for i in $(seq -s ' ' 600); do sleep 0.05; done";

class FrontTest : public testing::Test {
 protected:
  FrontTest() {
    std::string pattern = testing::TempDir() + "once-front-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~FrontTest() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string text_of(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // How the front ended, as waitpid() tells it. What it says is in the file `err`.
  int front(
      const std::function<void()>& keeper, const std::function<void()>& before = [] {}) {
    const pid_t pid = fork();
    if (pid == 0) {
      dup2(open(path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDERR_FILENO);
      prepare_signals();
      before();
      _exit(behind_front([&] {
        keeper();
        (void)kill(getpid(), SIGKILL);
        return 0;
      }));
    }
    for (int i = 0; i < 2000; ++i) {
      int status = 0;
      if (waitpid(pid, &status, WNOHANG) == pid) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it has not ended after 20 s";
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return -1;
  }
  // A child of whoever calls it, in a process with one thread; it is there when this returns. It
  // tells its number in a file, `name`.
  void start(const std::string& name, const std::string& before, const std::string& then) const {
    if (fork() == 0) {
      restore_signals();
      const std::string all = before + "echo $$ > " + path(name) + "; " + then;
      execlp("sh", "sh", "-c", all.c_str(), nullptr);
      _exit(1);
    }
    for (int i = 0; i < 4000 && text_of(name).empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  bool lives(const std::string& name) const {
    std::ifstream file("/proc/" + std::to_string(std::stoi(text_of(name))) + "/stat");
    std::string number, words, state;
    return file >> number >> words >> state && state != "Z";
  }
  void end(const std::string& name) const {
    const int pid = std::stoi(text_of(name));
    if (lives(name)) kill(pid, SIGKILL);
    (void)waitpid(pid, nullptr, 0);  // other tests make this process adopt what has lost its parent
  }
  static void expect_exit(int status, int code) {
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), code);
  }

  std::string directory_;
};

TEST_F(FrontTest, EndsAsAKeeperThatWasKilledBeforeItsCommandRan) {
  const int status = front([] {});
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(text_of("err"), "") << "nothing was stopped";
}

TEST_F(FrontTest, GivesTheCommandItsGrace) {
  const int status = front([this] {
    will_run_command(kCode, 20'000, "");
    start("up", "trap 'sleep 0.3; echo ended > " + path("last") + "; exit' TERM; ", kLoop);
  });
  expect_exit(status, kCode);
  EXPECT_EQ(text_of("last"), "ended\n");
  EXPECT_TRUE(text_of("err").ends_with("once: " + std::string(kKeeperKilled) + "\n"));
}

// The keeper was ending it already, and others may have the lock when that time is over.
TEST_F(FrontTest, GivesTheCommandNoSecondGrace) {
  const int64_t begun = now_ns();
  const int status = front([this] {
    will_run_command(kCode, 600'000, "");
    start("up", "trap '' TERM; ", kLoop);
    will_kill_command(now_ns() + kSecondNs / 5);
  });
  expect_exit(status, kCode);
  EXPECT_LT(now_ns() - begun, 20 * kSecondNs);
  EXPECT_FALSE(lives("up"));
  end("up");
}

TEST_F(FrontTest, LeavesAloneWhatTheShellThatBecameItHasStarted) {
  const auto keeper = [this] {
    will_run_command(kCode, 0, "");
    start("command", "", "exec sleep 30");
  };
  expect_exit(front(keeper, [this] { start("job", "", "exec sleep 30"); }), kCode);
  EXPECT_FALSE(lives("command"));
  EXPECT_TRUE(lives("job"));
  for (const char* name : {"command", "job"}) end(name);
}

// The keeper was giving the lock back: how the command ended is known, and nothing is to be ended.
TEST_F(FrontTest, AfterTheCommandHasEndedItTellsHow) {
  const int status = front([this] {
    will_run_command(kCode, 0, "");
    start("left", "", "exec sleep 30");
    command_has_ended(4, "once lock: it exited with 4");
  });
  expect_exit(status, 4);
  EXPECT_EQ(text_of("err"), "once lock: it exited with 4\n");
  EXPECT_TRUE(lives("left"));
  end("left");
}

TEST_F(FrontTest, WhatTheKeeperHasToldIsNotToldAgain) {
  const int status = front([] {
    will_run_command(kCode, 0, "");
    command_has_ended(4, "once lock: it may not be released");
    all_is_told();
  });
  expect_exit(status, 4);
  EXPECT_EQ(text_of("err"), "");
}

TEST_F(FrontTest, WhatIsTooLongToBeSaidIsLeftOut) {
  expect_exit(front([] {
                will_run_command(kCode, 0, "{}");
                command_has_ended(4, std::string(kMostLastWords + 1, 'x'));
              }),
              4);
  EXPECT_EQ(text_of("err"), "once: " + std::string(kKeeperKilledLater) + "\n");
}

}  // namespace front_test
}  // namespace once::client
