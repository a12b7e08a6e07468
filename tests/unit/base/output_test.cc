// What programs say, and what they end with, when the system or a library refuses something.
#include "base/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/early_exit.h"
#include "base/folded.h"
#include "base/guarded_main.h"

namespace once {
namespace output_test {

TEST(OutputTest, WritesAllOfItOrSaysWhyNot) {
  signal(SIGPIPE, SIG_IGN);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_FALSE(write_all(full, "x"));
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_TRUE(write_all(full, ""));
  close(full);
  EXPECT_FALSE(write_all(-1, "x"));
  EXPECT_EQ(errno, EBADF);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  // More than a pipe holds, and it is non-blocking: who reads it late gets all of it.
  const std::string much(1 << 20, 'x');
  size_t got = 0;
  std::thread reader([&] {
    poll(nullptr, 0, 50);
    char bytes[4096];
    while (got < much.size()) {
      const ssize_t size = read(ends[0], bytes, sizeof bytes);
      if (size > 0) got += static_cast<size_t>(size);
    }
  });
  EXPECT_TRUE(write_all(ends[1], much));
  reader.join();
  EXPECT_EQ(got, much.size());
  close(ends[0]);
  EXPECT_FALSE(write_all(ends[1], "x"));
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

// In a process of its own, which ends with what it found.
TEST(OutputTest, ClosedDescriptorsAreHeld) {
  const auto holds = [](Held how) {
    for (int fd : {0, 2}) close(fd);
    const unsigned closed = hold_standard_descriptors(how);
    const int next = open("/dev/null", O_RDWR);
    char byte = 0;
    const bool reads = read(0, &byte, 1) >= 0;
    const bool writes = write(2, "x", 1) >= 0;
    if (closed != 5u || next < 3 || hold_standard_descriptors(how) != 0) return 1;
    return reads == (how == Held::kSink) && writes == (how == Held::kSink) ? 0 : 2;
  };
  EXPECT_EXIT(_exit(holds(Held::kSink)), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(_exit(holds(Held::kBroken)), testing::ExitedWithCode(0), "");
}

TEST(OutputTest, LinesAreBrokenBetweenWords) {
  const std::string line = "once: no node answers; is a cluster running? `make run` or `onced dev`";
  EXPECT_EQ(folded(line, 0), line) << "no terminal";
  EXPECT_EQ(folded(line, 70), line);
  EXPECT_EQ(folded(line, 69),
            "once: no node answers; is a cluster running? `make run` or\n"
            "  `onced dev`");
  EXPECT_EQ(folded(line, 24),
            "once: no node answers;\n"
            "  is a cluster running?\n"
            "  `make run` or\n"
            "  `onced dev`");
  EXPECT_EQ(folded("longer-than-a-row-is-left  y", 20), "longer-than-a-row-is-left\n  y");
  EXPECT_EQ(folded("a  b", 80), "a  b");
  EXPECT_EQ(folded("", 80), "");
  EXPECT_EQ(folded("ends in blanks  ", 80), "ends in blanks  ");
  EXPECT_EQ(folded("one ` alone, and words behind", 20), "one ` alone, and\n  words behind");
  EXPECT_EQ(folded("`longer than a row of them` x", 20), "`longer than a row\n  of them` x");
  // Two bytes, one column.
  EXPECT_EQ(folded("\xc3\xa4\xc3\xb6\xc3\xbc 4567890123456 890", 20),
            "\xc3\xa4\xc3\xb6\xc3\xbc 4567890123456\n  890");
}

TEST(OutputTest, HelpThatCannotBeShownIsNoSuccess) {
  const auto code_of = [](int code, const char* path) {
    const int out = open(path, O_WRONLY);
    dup2(out, STDOUT_FILENO);
    return say(EarlyExit{code, "help", ""});
  };
  EXPECT_EXIT(_exit(code_of(0, "/dev/full")), testing::ExitedWithCode(1), "cannot write");
  EXPECT_EXIT(_exit(code_of(64, "/dev/full")), testing::ExitedWithCode(64), "cannot write");
  EXPECT_EXIT(_exit(code_of(0, "/dev/null")), testing::ExitedWithCode(0), "");
}

TEST(GuardedMainTest, WhatIsThrownGetsAReasonAndTheCodeThatWasSet) {
  const auto ends = [](auto&& body) { _exit(guarded_main("prog", body)); };
  EXPECT_EXIT(ends([] { return 7; }), testing::ExitedWithCode(7), "^$");
  EXPECT_EXIT(ends([]() -> int { throw std::bad_alloc(); }), testing::ExitedWithCode(1),
              "^prog: out of memory\n$");
  EXPECT_EXIT(ends([]() -> int {
                code_of_surprise = 5;
                throw std::system_error(EAGAIN, std::generic_category(), "a thread");
              }),
              testing::ExitedWithCode(5), "prog: the system refused something: a thread: Resource");
  EXPECT_EXIT(ends([]() -> int { throw std::out_of_range("of a library"); }),
              testing::ExitedWithCode(1), "prog: unexpected: of a library\n");
  EXPECT_EXIT(ends([]() -> int { throw 3; }), testing::ExitedWithCode(1), "of no known kind");
}

TEST(GuardedMainTest, OnAnotherThreadToo) {
  const auto ends = [] {
    _exit(guarded_main("prog", [] {
      code_of_surprise = 5;
      std::thread([] { throw std::bad_alloc(); }).join();
      return 0;
    }));
  };
  EXPECT_EXIT(ends(), testing::ExitedWithCode(5), "^prog: out of memory\n$");
}

}  // namespace output_test
}  // namespace once
