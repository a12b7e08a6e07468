// The command that `once run` and `once lock` start: what it inherits, what reaches it, how it
// ends.
#include "cli/commands/child.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "cli/commands/program.h"
#include "tests/unit/cli/command_fixture.h"

namespace once::client {
namespace child_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// For long, but not for ever: a test that fails must not leave it at work.
const std::string kLoop = "for i in $(seq -s ' ' 400); do sleep 0.05; done";

class ChildTest : public CommandTest {
 protected:
  static std::vector<std::string> shell(const std::string& script) { return {"sh", "-c", script}; }
  RunResult result_of(const std::vector<std::string>& program) {
    Child child;
    EXPECT_EQ(child.prepare(program), 0);
    return run_program(child, program, {{"ONE", "1"}, {"TWO", "2 2"}});
  }
  static void start(Child& child, const std::vector<std::string>& program) {
    ASSERT_EQ(child.prepare(program), 0);
    child.start({});
  }
  // Starts it, lets it come up, does something to it, and waits for its end.
  ChildEnd end_of(const std::string& script, const std::function<void(Child&)>& what) {
    Child child;
    start(child, shell(script));
    EXPECT_TRUE(wait_for_lines("up", 1));
    what(child);
    return child.wait(term_);
  }

  Term term_;
};

TEST_F(ChildTest, AnExitIsToldFromASignal) {
  RunResult result = result_of(shell("exit 143"));
  EXPECT_EQ(result.exit_code, 143);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(code_of(result), 143);
  EXPECT_EQ(described(result), "it exited with 143");
  result = result_of(shell("kill -TERM $$"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_EQ(code_of(result), 128 + SIGTERM);
  EXPECT_EQ(described(result), "it was killed by signal 15");
  EXPECT_EQ(code_of(result_of(shell("exit 0"))), 0);
  EXPECT_EQ(code_of(result_of(shell("exit 255"))), 255);
}

TEST_F(ChildTest, WhatCannotBeStartedSaysSo) {
  RunResult result = result_of({"no-such-program-anywhere"});
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_EQ(result.error, "no-such-program-anywhere: No such file or directory");
  EXPECT_EQ(described(result), "it could not be started: " + result.error);
  std::ofstream(path("plain")) << "no program";
  result = result_of({path("plain")});
  EXPECT_EQ(result.exit_code, 126);
  EXPECT_NE(result.error, "");
}

TEST_F(ChildTest, ItsEnvironmentIsOursWithMore) {
  ASSERT_EQ(setenv("ONE", "of somebody outside", 1), 0);
  ASSERT_EQ(setenv("ONE_MORE", "kept", 1), 0);
  const RunResult result = result_of(shell("env | grep '^ONE\\|^TWO' | sort > " + path("env") +
                                           "; echo \"$0 $#\" >> " + path("env")));
  unsetenv("ONE");
  unsetenv("ONE_MORE");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(lines_of("env"),
            (std::vector<std::string>{"ONE=1", "ONE_MORE=kept", "TWO=2 2", "sh 0"}));
}

TEST_F(ChildTest, SignalsAreNotBlockedInIt) {
  EXPECT_EQ(result_of(shell("grep SigBlk /proc/self/status > " + path("signals"))).exit_code, 0);
  const std::vector<std::string> lines = lines_of("signals");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("0000000000000000"), std::string::npos) << lines[0];
}

// What a shell starts in the background ignores SIGINT and SIGQUIT; it gets the other two.
TEST_F(ChildTest, EachSignalThatEndsUsIsPassedOnToAllOfIt) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    std::filesystem::remove(path("up"));
    const std::string name = "got-" + std::to_string(number);
    const std::string trap =
        "trap 'echo got >> " + path(name) + "; exit 5' " + std::to_string(number) + "; ";
    const ChildEnd end = end_of(
        trap + "sh -c \"" + trap + "echo up >> " + path("up") + "; " + kLoop + "\" & " + kLoop,
        [&](Child&) { kill(getpid(), number); });
    EXPECT_EQ(end.exit_code, 5) << number;
    const size_t both = number == SIGTERM || number == SIGHUP ? 2 : 1;
    EXPECT_TRUE(wait_for_lines(name, both)) << number;
  }
}

TEST_F(ChildTest, StopEndsItSoon) {
  const auto begun = steady_clock::now();
  const ChildEnd end = end_of("echo > " + path("up") + "; exec sleep 60", [](Child& child) {
    child.stop();
    child.stop();  // twice is once
  });
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(4));
}

TEST_F(ChildTest, StopWakesWhatIsStopped) {
  const auto begun = steady_clock::now();
  const ChildEnd end = end_of("echo $$ > " + path("up") + "; exec sleep 60", [&](Child& child) {
    kill(std::stoi(lines_of("up")[0]), SIGSTOP);
    child.stop();
  });
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(4));
}

TEST_F(ChildTest, StopFromAnotherThreadIsHeardWhileItIsWaitedFor) {
  Child child;
  start(child, {"sleep", "60"});
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    child.stop();
  });
  EXPECT_EQ(child.wait().signal, SIGTERM);
  stopper.join();
}

// The lock may be lost before the command is up.
TEST_F(ChildTest, StopBeforeTheStartIsNotForgotten) {
  Child child;
  child.stop();
  start(child, {"sleep", "60"});
  EXPECT_EQ(child.wait().signal, SIGTERM);
}

TEST_F(ChildTest, TheDeafAreKilledAndWhatTheyStartedToo) {
  const auto begun = steady_clock::now();
  const ChildEnd end = end_of("trap '' TERM; sleep 60 & echo $! > " + path("up") + "; " + kLoop,
                              [](Child& child) { child.stop(); });
  EXPECT_EQ(end.signal, SIGKILL);
  const auto took = steady_clock::now() - begun;
  EXPECT_GE(took, std::chrono::seconds(4)) << "it has time to end by itself";
  EXPECT_LT(took, std::chrono::seconds(30));
  const std::string pid = lines_of("up")[0];
  EXPECT_TRUE(soon([&] { return is_gone(pid); }));
}

// The command ends at once and leaves somebody behind, who must not work on without the lock.
TEST_F(ChildTest, StopWaitsForAllThatItStarted) {
  end_of("sh -c 'trap \"\" TERM; echo $$ > " + path("up") + "; exec sleep 1' & wait",
         [](Child& child) { child.stop(); });
  const std::string pid = lines_of("up")[0];
  EXPECT_TRUE(is_gone(pid)) << "when wait() has returned";
}

TEST_F(ChildTest, WhatItLeavesBehindWithoutBeingStoppedIsItsOwn) {
  const ChildEnd end = end_of("sleep 60 & echo $! > " + path("up") + "; exit 3", [](Child&) {});
  EXPECT_EQ(end.exit_code, 3);
  const std::string pid = lines_of("up")[0];
  EXPECT_FALSE(is_gone(pid));
  kill(std::stoi(pid), SIGKILL);
}

// Its time runs out: it is told so early that it has its grace, and killed before the end.
TEST_F(ChildTest, WhoseTimeRunsOutEndsBeforeThat) {
  const auto end = steady_clock::now() + milliseconds(2500);
  const auto left_ms = [end] {
    return std::chrono::duration_cast<milliseconds>(end - steady_clock::now()).count();
  };
  term_ = {.left_ms = left_ms, .grace_ms = 1500};
  ChildEnd ended =
      end_of("trap 'sleep 0.5; exit 4' TERM; echo > " + path("up") + "; " + kLoop, [](Child&) {});
  EXPECT_EQ(ended.exit_code, 4) << "in order";
  EXPECT_GT(left_ms(), 0);
  EXPECT_LT(left_ms(), 1100) << "and not before its time";
}

TEST_F(ChildTest, TheDeafWhoseTimeRunsOutAreKilledBeforeThat) {
  const auto end = steady_clock::now() + milliseconds(2000);
  const auto left_ms = [end] {
    return std::chrono::duration_cast<milliseconds>(end - steady_clock::now()).count();
  };
  term_ = {.left_ms = left_ms, .grace_ms = 1000};
  bool told = false;
  ChildEnd ended = end_of("trap '' TERM; echo > " + path("up") + "; " + kLoop,
                          [&](Child& child) { told = child.was_told_to_end(); });
  EXPECT_FALSE(told);
  EXPECT_EQ(ended.signal, SIGKILL);
  EXPECT_GT(left_ms(), 0) << "others may not have it yet";
  EXPECT_LT(left_ms(), 500) << "it had its grace";
}

// As long as it is renewed, nothing happens.
TEST_F(ChildTest, TimeThatIsRenewedDoesNotEndIt) {
  term_ = {.left_ms = [] { return int64_t{400}; }, .grace_ms = 300};
  EXPECT_EQ(end_of("echo > " + path("up") + "; sleep 1; exit 6", [](Child&) {}).exit_code, 6);
}

// Nothing runs before it is let go, and what never is ends with us.
TEST_F(ChildTest, WhatIsPreparedWaits) {
  {
    Child child;
    ASSERT_EQ(child.prepare(shell("echo > " + path("up"))), 0);
    std::this_thread::sleep_for(milliseconds(200));
  }
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_TRUE(lines_of("up").empty());
}

// To a program that may do as it likes about them, they come as they were sent, and to it alone.
TEST_F(ChildTest, OtherSignalsArePassedOnToTheCommandAlone) {
  const ChildEnd end = end_of("trap 'echo got >> " + path("got") + "' USR1; sleep 60 & echo $! > " +
                                  path("up") + "; while [ ! -e " + path("got") +
                                  " ]; do sleep 0.05; done; kill -0 $! && kill $!; exit 3",
                              [&](Child&) { kill(getpid(), SIGUSR1); });
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(lines_of("got").size(), 1u);
}

TEST_F(ChildTest, WaitsForASignalOrForWhatWasToBeDone) {
  Child child;
  const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ASSERT_GE(done, 0);
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(50));
    kill(getpid(), SIGCHLD);  // of somebody who is not meant
    std::this_thread::sleep_for(milliseconds(50));
    kill(getpid(), SIGHUP);
  });
  EXPECT_EQ(child.signals().wait_for(done), SIGHUP);
  other.join();
  const uint64_t one = 1;
  ASSERT_EQ(write(done, &one, sizeof one), ssize_t{sizeof one});
  EXPECT_EQ(child.signals().wait_for(done), 0);
  close(done);
}

}  // namespace child_test
}  // namespace once::client
