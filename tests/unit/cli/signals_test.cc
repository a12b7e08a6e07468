// Signals to the group told from those to one process, and what the two processes of `once run` and
// `once lock` look for in each other.
#include "cli/commands/signals.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands/descendants.h"
#include "cli/commands/front.h"

namespace once::client {
namespace signals_test {

using Witness = GroupOrSingle::Witness;
constexpr int64_t kMs = 1'000'000;

Heard by(int sender, int number) { return {number, SI_USER, sender, 0}; }

struct GroupOrSingleTest : testing::Test {
  // Signal, and whether it was for the group.
  std::vector<std::pair<int, bool>> told(int64_t ms) {
    std::vector<std::pair<int, bool>> all;
    for (const GroupOrSingle::Told& one : signals_.take(ms * kMs)) {
      all.emplace_back(one.heard.number, one.to_group);
    }
    return all;
  }
  using All = std::vector<std::pair<int, bool>>;
  GroupOrSingle signals_;
};

TEST_F(GroupOrSingleTest, WhatBothHeardIsForTheGroup) {
  signals_.hear(Witness::kFront, by(7, SIGTERM), 0);
  EXPECT_EQ(told(0), All{}) << "the other may hear it yet";
  signals_.hear(Witness::kKeeper, by(7, SIGTERM), 10 * kMs);
  EXPECT_EQ(told(10), (All{{SIGTERM, true}}));
  EXPECT_EQ(told(1000), All{}) << "once";
  EXPECT_EQ(signals_.next_ns(), 0);
  signals_.hear(Witness::kKeeper, by(0, SIGINT), 2000 * kMs);
  signals_.hear(Witness::kFront, by(0, SIGINT), 2000 * kMs);
  EXPECT_EQ(told(2000), (All{{SIGINT, true}})) << "in either order";
}

TEST_F(GroupOrSingleTest, WhatOneHeardIsNot) {
  for (const Witness witness : {Witness::kFront, Witness::kKeeper}) {
    signals_.hear(witness, by(7, SIGUSR1), 0);
    EXPECT_EQ(signals_.next_ns(), GroupOrSingle::kTogetherNs);
    EXPECT_EQ(told(49), All{});
    EXPECT_EQ(told(50), (All{{SIGUSR1, false}}));
    EXPECT_EQ(told(1000), All{});
  }
}

TEST_F(GroupOrSingleTest, AnotherSenderOrSignalIsNoWitness) {
  signals_.hear(Witness::kFront, by(7, SIGTERM), 0);
  signals_.hear(Witness::kKeeper, by(8, SIGTERM), 0);
  signals_.hear(Witness::kKeeper, by(7, SIGHUP), 0);
  signals_.hear(Witness::kFront, by(7, SIGTERM), 0);
  EXPECT_EQ(told(50), (All{{SIGTERM, false}, {SIGTERM, false}, {SIGHUP, false}, {SIGTERM, false}}));
}

TEST_F(GroupOrSingleTest, WhatComesLaterIsAnotherOne) {
  signals_.hear(Witness::kFront, by(7, SIGTERM), 0);
  signals_.hear(Witness::kKeeper, by(7, SIGTERM), 60 * kMs);
  EXPECT_EQ(told(60), (All{{SIGTERM, false}}));
  EXPECT_EQ(told(110), (All{{SIGTERM, false}}));
}

// Without a front the kernel stops us, and our terminal is the shell's again. With one both stop.
TEST(TakenSignalsTest, WhatStopsAProgramIsLeftWhereThereIsNoFront) {
  const auto blocked = [](Stops stops) {
    const pid_t child = fork();
    if (child == 0) {
      sigset_t none, set;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      (void)take_signals(stops);
      sigprocmask(SIG_SETMASK, nullptr, &set);
      int bits = sigismember(&set, SIGINT) == 1 ? 8 : 0;
      for (const int number : {SIGTSTP, SIGTTIN, SIGTTOU}) bits += sigismember(&set, number);
      _exit(bits);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(blocked(Stops::kLeft), 8);
  EXPECT_EQ(blocked(Stops::kTaken), 8 + 3);
}

// Whoever waits for a lock waits for its front.
TEST(SignalsTest, TheEndOfTheFrontEndsAWait) {
  const pid_t child = fork();
  if (child == 0) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) _exit(100);
    front_link() = {pair[0], getppid(), nullptr};
    Signals signals;
    close(pair[1]);
    const int heard = signals.wait_for(-1, 5000);
    _exit(signals.front_is_gone() ? heard : 101);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), SIGKILL);
}

TEST(SignalKindsTest, WhatEndsAProgram) {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    EXPECT_TRUE(asks_to_end(number) && ends_by_default(number)) << number;
  }
  for (int number : {SIGUSR1, SIGALRM, SIGPIPE, SIGKILL, SIGRTMIN, SIGRTMAX, SIGXCPU}) {
    EXPECT_TRUE(!asks_to_end(number) && ends_by_default(number)) << number;
  }
  for (int number : {SIGCHLD, SIGCONT, SIGWINCH, SIGURG, SIGTSTP, SIGTTIN, SIGTTOU}) {
    EXPECT_FALSE(asks_to_end(number) || ends_by_default(number)) << number;
  }
}

TEST(SignalKindsTest, WhoDiesOfASignalLooksSo) {
  for (int number : {SIGINT, SIGQUIT, SIGTERM}) {
    EXPECT_EXIT(
        {
          sigset_t all;
          sigfillset(&all);
          sigprocmask(SIG_BLOCK, &all, nullptr);
          signal(number, SIG_IGN);
          die_of(number);
        },
        testing::KilledBySignal(number), "");
  }
}

// A child that ends by SIGKILL alone, its own child, and one of those whose parent has ended.
TEST(DescendantsTest, AllOfThemAreFoundAndEnded) {
  adopt_orphans();
  while (waitpid(-1, nullptr, WNOHANG) > 0) continue;  // what tests before this one left behind
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0) {
      setsid();
      if (fork() == 0) {
        (void)!write(ready[1], "1", 1);
        for (;;) pause();
      }
      _exit(0);  // an orphan remains
    }
    (void)!write(ready[1], "1", 1);
    for (;;) pause();
  }
  char two[2];
  for (int i = 0; i < 2; ++i) ASSERT_EQ(read(ready[0], two, 1), 1);
  const auto wait_until = [](auto&& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) poll(nullptr, 0, 1);
    return condition();
  };
  EXPECT_TRUE(wait_until([] { return descendants_of(getpid()).size() == 2; }));
  const pid_t group = getpgrp();
  int ours = 0;
  for (const Descendant& one : descendants_of(getpid())) {
    if (one.pid == child) {
      EXPECT_EQ(one.group, group);
    }
    ours += one.group == group;
    EXPECT_FALSE(one.stopped);
  }
  EXPECT_EQ(ours, 1) << "the other has a session of its own";
  kill(child, SIGSTOP);
  EXPECT_TRUE(wait_until([&] {
    for (const Descendant& one : descendants_of(getpid())) {
      if (one.pid == child) return one.stopped;
    }
    return false;
  }));
  EXPECT_EQ(children_of_this_thread().size(), 2u) << "the child, and the orphan";
  EXPECT_EQ(descendants_of(getpid(), {child}).size(), 1u) << "it is left alone";
  Ending others(0);
  others.leave_alone(children_of_this_thread());
  EXPECT_FALSE(others.step(1, 0)) << "nothing else is there";
  Ending ending(100);
  EXPECT_TRUE(ending.step(0, child)) << "SIGTERM, which both ignore";
  EXPECT_TRUE(ending.step(99, child));
  EXPECT_EQ(descendants_of(getpid()).size(), 2u);
  EXPECT_TRUE(ending.step(100, child)) << "SIGKILL";
  EXPECT_TRUE(wait_until([] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return descendants_of(getpid()).empty();
  }));
  EXPECT_FALSE(ending.step(101, 0)) << "nothing is left";
  close(ready[0]);
  close(ready[1]);
}

}  // namespace signals_test
}  // namespace once::client
