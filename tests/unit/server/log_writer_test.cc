// The queue of the process log, over pipes that nobody reads, or reads late.
#include "server/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/assert.h"
#include "server/log_line.h"

namespace once::server {
namespace log_writer_test {

using Clock = std::chrono::steady_clock;

int64_t ms_since(Clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count();
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  explicit Pipe(int size = 4096) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end = ends[0];
    write_end = ends[1];
    EXPECT_EQ(::fcntl(write_end, F_SETPIPE_SZ, size), size);
  }
  ~Pipe() {
    stop_reading();
    ::close(write_end);
  }
  void stop_reading() {
    if (read_end >= 0) ::close(std::exchange(read_end, -1));
  }
  void fill() const {
    const std::string page(4096, '.');
    EXPECT_EQ(::write(write_end, page.data(), page.size()), 4096);
  }
  // Until so many bytes have come, or nothing for 5 s.
  std::string read(size_t size) const {
    std::string text;
    pollfd in{read_end, POLLIN, 0};
    while (text.size() < size && ::poll(&in, 1, 5000) == 1) {
      char bytes[4096];
      const ssize_t count = ::read(read_end, bytes, sizeof bytes);
      if (count <= 0) break;
      text.append(bytes, static_cast<size_t>(count));
    }
    return text;
  }
};

std::string notice(uint64_t dropped) { return std::to_string(dropped) + " dropped\n"; }

std::string numbers(size_t begin, size_t end) {
  std::string text;
  for (size_t number = begin; number < end; ++number) text += std::to_string(number) + "\n";
  return text;
}

// Everything up to that line.
std::string read_until(const Pipe& pipe, const std::string& last) {
  std::string text;
  while (text.find(last) == std::string::npos) {
    const std::string more = pipe.read(1);
    if (more.empty()) break;
    text += more;
  }
  return text;
}

TEST(LogWriter, LinesComeInOrder) {
  const Pipe pipe;
  LogWriter writer(pipe.write_end, notice);
  for (int number = 0; number < 500; ++number) writer.add(std::to_string(number) + "\n");
  EXPECT_EQ(read_until(pipe, "499\n"), numbers(0, 500));
  EXPECT_TRUE(writer.finish(5000));
}

TEST(LogWriter, NobodyWhoAddsWaitsForAReader) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  const auto begun = Clock::now();
  for (int number = 0; number < 20'000; ++number) writer.add("a line that nobody reads\n");
  EXPECT_LT(ms_since(begun), 5000);
}

TEST(LogWriter, WhatDoesNotFitIsCountedAndSaidInItsPlace) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  for (size_t number = 0; number < LogWriter::kMaxLines + 7; ++number) {
    writer.add(std::to_string(number) + "\n");
  }
  EXPECT_EQ(pipe.read(4096).size(), 4096u);
  const std::string text = read_until(pipe, "dropped\n");
  EXPECT_EQ(text, numbers(0, LogWriter::kMaxLines) + "7 dropped\n");
  writer.add("taken again\n");
  EXPECT_EQ(read_until(pipe, "again\n"), "taken again\n");
}

TEST(LogWriter, TheQueueIsBoundedInBytes) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  const std::string line = std::string(4095, 'x') + "\n";
  for (int count = 0; count < 70; ++count) writer.add(line);  // 64 of them are 256 KiB
  pipe.read(4096);
  const std::string text = read_until(pipe, "dropped\n");
  EXPECT_EQ(text.size(), 64 * line.size() + std::string("6 dropped\n").size());
  EXPECT_TRUE(text.ends_with("6 dropped\n")) << text.substr(text.size() - 20);
}

// A few lines of room are no end of the flood: else every other line would be a notice.
TEST(LogWriter, AFloodIsSaidOnce) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  const std::string line = std::string(1023, 'x') + "\n";
  for (int count = 0; count < 300; ++count) writer.add(line);
  pipe.read(4096);
  EXPECT_EQ(pipe.read(4096).size(), 4096u);
  for (int count = 0; count < 10; ++count) writer.add(line);
  EXPECT_TRUE(read_until(pipe, "dropped\n").ends_with("54 dropped\n"));
}

TEST(LogWriter, FinishGivesUpInTimeAndSaysSo) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  writer.add("never read\n");
  const auto begun = Clock::now();
  EXPECT_FALSE(writer.finish(200));
  EXPECT_GE(ms_since(begun), 190);
  EXPECT_LT(ms_since(begun), 5000);
}

TEST(LogWriter, TheLastLineFitsAlways) {
  const Pipe pipe;
  pipe.fill();
  LogWriter writer(pipe.write_end, notice);
  for (size_t number = 0; number < LogWriter::kMaxLines + 5; ++number) writer.add("x\n");
  writer.add_last("the last\n");
  pipe.read(4096);
  const std::string text = read_until(pipe, "the last\n");
  EXPECT_TRUE(text.ends_with("x\n5 dropped\nthe last\n")) << text.substr(text.size() - 40);
  EXPECT_TRUE(writer.finish(5000));
}

TEST(LogWriter, AReaderThatIsGoneHoldsNothingUp) {
  Pipe pipe;
  LogWriter writer(pipe.write_end, notice);
  pipe.stop_reading();
  for (int count = 0; count < 10; ++count) writer.add("to nobody\n");
  EXPECT_TRUE(writer.finish(5000));  // and SIGPIPE did not end this process
}

// --- the process that ends ----------------------------------------------------------------------

// Runs `body` in a child whose standard error is that pipe; its status, or -1 if it hangs.
int run_with_errors_in(const Pipe& pipe, const std::function<void()>& body, int64_t* took_ms) {
  const auto begun = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe.write_end, STDERR_FILENO);
    body();
    ::_exit(0);
  }
  int status = -1;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (ms_since(begun) > 8000) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      status = -1;
      break;
    }
    ::poll(nullptr, 0, 5);
  }
  *took_ms = ms_since(begun);
  return status;
}

bool aborted(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }

TEST(LogLine, AnAssertionEndsAProgramThatNobodyReads) {
  const Pipe pipe;
  pipe.fill();
  int64_t took_ms = 0;
  EXPECT_TRUE(aborted(run_with_errors_in(
      pipe, [] { ONCE_ASSERT(1 == 2); }, &took_ms)));
  EXPECT_LT(took_ms, 5000);
}

TEST(LogLine, AnAssertionIsSaidToWhoReads) {
  const Pipe pipe;
  int64_t took_ms = 0;
  EXPECT_TRUE(aborted(run_with_errors_in(
      pipe, [] { ONCE_ASSERT(1 == 2); }, &took_ms)));
  EXPECT_EQ(pipe.read(1).find("assertion failed: 1 == 2 at "), 0u);
}

void assert_in_a_node() {
  log_in_background();
  log_info("before");
  ONCE_ASSERT(1 == 2);
}

TEST(LogLine, AnAssertionOfANodeIsALineOfItsLog) {
  const Pipe pipe(65536);
  int64_t took_ms = 0;
  EXPECT_TRUE(aborted(run_with_errors_in(pipe, assert_in_a_node, &took_ms)));
  const std::string text = pipe.read(1);
  EXPECT_NE(text.find("Z info    before\n20"), std::string::npos) << text;
  EXPECT_NE(text.find("Z error   assertion failed: 1 == 2 at "), std::string::npos) << text;
}

TEST(LogLine, AnAssertionEndsANodeThatNobodyReads) {
  const Pipe pipe;
  pipe.fill();
  int64_t took_ms = 0;
  EXPECT_TRUE(aborted(run_with_errors_in(pipe, assert_in_a_node, &took_ms)));
  EXPECT_LT(took_ms, 5000);
}

TEST(LogLine, AnExceptionEndsANodeAsAnAssertionDoes) {
  const Pipe pipe(65536);
  int64_t took_ms = 0;
  const auto fails = [] {
    log_in_background();
    const std::function<void()> thrower = [] { throw std::runtime_error("no memory"); };
    [&]() noexcept { thrower(); }();
  };
  EXPECT_TRUE(aborted(run_with_errors_in(pipe, fails, &took_ms)));
  EXPECT_NE(pipe.read(1).find("Z error   terminated: no memory\n"), std::string::npos);
}

TEST(LogLine, WhoLogsAndEndsIsNotHeldUp) {
  const Pipe pipe;
  pipe.fill();
  int64_t took_ms = 0;
  const auto logs = [] {
    log_in_background();
    for (int count = 0; count < 5000; ++count) log_info("a line that nobody reads");
    finish_log();
    ::_exit(7);
  };
  const int status = run_with_errors_in(pipe, logs, &took_ms);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
  EXPECT_GE(took_ms, 900);
  EXPECT_LT(took_ms, 5000);
}

TEST(LogLine, WhatStrangersSayBeginsNoLine) {
  const Pipe pipe(65536);
  int64_t took_ms = 0;
  const auto logs = [] {
    log_in_background();
    log_warning("refused: \n2026-01-01T00:00:00.000Z info    all is well\x1b[2J\x7f");
    log_warning(std::string(10'000, 'y'));
    finish_log();
  };
  EXPECT_EQ(run_with_errors_in(pipe, logs, &took_ms), 0);
  const std::string text = read_until(pipe, "...\n");
  EXPECT_NE(text.find("refused: \\x0a2026-01-01T00:00:00.000Z info    all is well\\x1b[2J\\x7f\n"),
            std::string::npos)
      << text.substr(0, 200);
  EXPECT_EQ(text.size() - text.find('\n') - 1, 4096u);
}

}  // namespace log_writer_test
}  // namespace once::server
