// Operations over epoll, one by one. This program's own system calls of files and waits stand
// before the C library's: what is asked is seen, and the answer may be another.
#include "reactor/epoll_operations.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/base/fake_names.h"
#include "tests/unit/reactor/reactor_fixture.h"

namespace {

std::atomic<int> asked_flags{-1};    // of the last pwritev2
std::atomic<int> write_takes_ms{0};  // before each pwritev2 reaches the kernel
std::atomic<int> writes_begun{0};    // pwritev2
std::atomic<int> writes_failed{0};   // of these, ended
std::atomic<int> failing_sync{0};    // an errno; 0: none
std::atomic<int> only_coarse{0};     // the errno of epoll_pwait2; 0: it works
std::atomic<int> asked_wait_ms{-1};  // of the last epoll_wait

}  // namespace

extern "C" {

ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  asked_flags = flags;
  ++writes_begun;
  if (const int ms = write_takes_ms.load(); ms > 0) poll(nullptr, 0, ms);
  const long wrote = syscall(SYS_pwritev2, fd, parts, count, offset, 0, flags);
  if (wrote < 0) ++writes_failed;
  return wrote;
}

int fdatasync(int fd) {
  if (failing_sync != 0) {
    errno = failing_sync;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

int epoll_pwait2(int fd, epoll_event* events, int count, const timespec* timeout,
                 const sigset_t* mask) {
  if (only_coarse != 0) {
    errno = only_coarse;
    return -1;
  }
  return static_cast<int>(syscall(SYS_epoll_pwait2, fd, events, count, timeout, mask, 8));
}

int epoll_wait(int fd, epoll_event* events, int count, int timeout_ms) {
  asked_wait_ms = timeout_ms;
  return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, count, timeout_ms, nullptr, 8));
}
}

namespace once::reactor {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

struct EpollOperationsTest : testing::Test {
  EpollOperationsTest() {
    only_coarse = 0;
    failing_sync = 0;
    EXPECT_EQ(operations.open({.receive_buffers = 4, .receive_buffer_bytes = 4096}), "");
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    path = testing::TempDir() + "epoll-operations-" + std::to_string(getpid());
    file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_GE(file, 0);
  }
  ~EpollOperationsTest() override {
    only_coarse = 0;
    for (const int fd : ends) close(fd);
    close(file);
    unlink(path.c_str());
  }
  std::optional<Completion> next(int64_t patience_ns = kSecondNs) {
    for (int i = 0; i < 10 && operations.completions_ready() == 0; ++i) {
      operations.submit_and_wait(patience_ns / 10);
    }
    if (operations.completions_ready() == 0) return std::nullopt;
    return operations.take_completion();
  }
  void expect(uint64_t tag, int32_t result) {
    const auto completion = next();
    ASSERT_TRUE(completion) << "nothing for " << tag;
    EXPECT_EQ(completion->tag, tag);
    EXPECT_EQ(completion->result, result);
  }
  void expect_nothing() { EXPECT_FALSE(next(kSecondNs / 20)); }

  EpollOperations operations;
  int ends[2] = {-1, -1};
  int file = -1;
  std::string path;
};

TEST_F(EpollOperationsTest, AWriteThatIsToBeDurableIsForced) {
  const std::string bytes(4096, 'x');
  operations.write(file, bytes, 0, SyncMode::kDsync, 1);
  expect(1, 4096);
  EXPECT_EQ(asked_flags, RWF_DSYNC);
}

TEST_F(EpollOperationsTest, ASyncThatFailsSaysSo) {
  operations.sync_data(file, 1);
  expect(1, 0);
  failing_sync = EIO;
  operations.sync_data(file, 2);
  expect(2, -EIO);
}

TEST_F(EpollOperationsTest, AWriteThatIsDoneWakesNobodyAgain) {
  const std::string bytes(4096, 'x');
  operations.write(file, bytes, 0, SyncMode::kDsync, 1);
  expect(1, 4096);
  pollfd epoll{.fd = operations.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&epoll, 1, 20), 0);
}

TEST_F(EpollOperationsTest, AReadBeyondTheEndIsShort) {
  ASSERT_EQ(ftruncate(file, 100), 0);
  std::string into(4096, 0);
  operations.read(file, into, 0, 1);
  expect(1, 100);
}

TEST_F(EpollOperationsTest, ManyTransfersAllEndOnce) {
  std::vector<std::string> bytes(64, std::string(4096, 'y'));
  for (uint64_t i = 0; i < bytes.size(); ++i) {
    operations.write(file, bytes[i], i * 4096, SyncMode::kFdatasync, i);
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto completion = next();
    ASSERT_TRUE(completion);
    EXPECT_EQ(completion->result, 4096);
    sum += completion->tag;
  }
  EXPECT_EQ(sum, 63u * 64 / 2);
  expect_nothing();
}

TEST_F(EpollOperationsTest, ACancelEndsWhatItNamesAndNothingElse) {
  operations.receive(ends[0], 1);
  operations.cancel(ends[0], 99, 2);
  expect(2, 0);
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  const auto received = next();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->tag, 1u);
  EXPECT_TRUE(received->more);
  EXPECT_EQ(operations.bytes_of(*received), "abc");
  operations.cancel(ends[0], 1, 3);
  expect(1, -ECANCELED);
  expect(3, 0);
}

TEST_F(EpollOperationsTest, AConnectThatGetsNoAnswerHoldsUpNobodyAndCanBeCancelled) {
  const BlackHole hole(port_of(free_address()));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in where = hole.where();
  const timeval longest{3, 0};  // of a call that waits
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest), 0);
  const int64_t begun = monotonic_ms();
  operations.connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where, 1);
  EXPECT_LT(monotonic_ms() - begun, 2500);
  expect_nothing();
  operations.cancel(fd, 1, 2);
  expect(1, -ECANCELED);
  expect(2, 0);
  close(fd);
}

// The socket lives on in a copy, on another core; nobody here may hear of it any more.
TEST_F(EpollOperationsTest, WhatIsIdleIsNotWatched) {
  operations.receive(ends[0], 1);
  operations.submit_and_wait(0);
  const int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
  operations.cancel(ends[0], 1, 2);
  expect(1, -ECANCELED);
  expect(2, 0);
  close(ends[0]);
  ends[0] = copy;
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  pollfd epoll{.fd = operations.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&epoll, 1, 20), 0);
}

TEST_F(EpollOperationsTest, WithoutABufferTheBytesWait) {
  operations.receive(ends[0], 1);
  std::vector<Completion> taken;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(write(ends[1], "b", 1), 1);
    const auto completion = next(kSecondNs / 20);
    if (i == 4) {
      EXPECT_FALSE(completion) << "there are four buffers";
      break;
    }
    ASSERT_TRUE(completion);
    taken.push_back(*completion);
  }
  for (const Completion& completion : taken) operations.release_after_round(completion);
  operations.recycle_buffers();
  const auto last = next();
  ASSERT_TRUE(last);
  EXPECT_EQ(operations.bytes_of(*last), "b");
}

TEST_F(EpollOperationsTest, StreamsThatAreAlwaysReadyShareTheBuffers) {
  constexpr size_t kStreams = 12;  // of four buffers
  std::vector<std::array<int, 2>> pairs(kStreams);
  for (size_t i = 0; i < kStreams; ++i) {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i].data()), 0);
    const std::string bytes(100'000, 'b');
    ASSERT_GT(::send(pairs[i][1], bytes.data(), bytes.size(), MSG_DONTWAIT), 20'000);
    operations.receive(pairs[i][0], i);
  }
  std::vector<size_t> turns(kStreams);
  for (int round = 0; round < 4; ++round) {
    operations.submit_and_wait(kSecondNs);
    while (operations.completions_ready() > 0) {
      const Completion completion = operations.take_completion();
      ++turns[completion.tag];
      operations.release_after_round(completion);
    }
    operations.recycle_buffers();
  }
  for (size_t i = 0; i < kStreams; ++i) EXPECT_GT(turns[i], 0u) << i;
  for (const auto& pair : pairs) close(pair[0]), close(pair[1]);
}

TEST_F(EpollOperationsTest, ALargeSendGoesOnWhenThereIsRoom) {
  const std::string bytes(1 << 20, 's');
  size_t sent = 0;
  size_t read_bytes = 0;
  std::vector<char> into(bytes.size());
  operations.send(ends[0], bytes, 1);
  while (sent < bytes.size()) {
    const auto completion = next(kSecondNs / 20);
    if (completion) {
      ASSERT_GT(completion->result, 0);
      sent += static_cast<size_t>(completion->result);
      if (sent < bytes.size())
        operations.send(ends[0], {bytes.data() + sent, bytes.size() - sent}, 1);
    }
    const ssize_t got = recv(ends[1], into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) read_bytes += static_cast<size_t>(got);
    ASSERT_TRUE(completion || got > 0) << "neither side goes on after " << sent;
  }
  for (ssize_t got = 1; read_bytes < bytes.size() && got > 0;) {
    got = recv(ends[1], into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) read_bytes += static_cast<size_t>(got);
  }
  EXPECT_EQ(read_bytes, bytes.size());
}

TEST_F(EpollOperationsTest, TheEndOfTheOtherSideIsAwaited) {
  operations.await_end(ends[0], 1);
  ASSERT_EQ(write(ends[1], "x", 1), 1);  // bytes are no end
  expect_nothing();
  close(ends[1]);
  const auto completion = next();
  ASSERT_TRUE(completion);
  EXPECT_NE(completion->result & POLLHUP, 0);
  EXPECT_TRUE(completion->more);
  ends[1] = dup(ends[0]);
}

// An old kernel has none, and a profile of a container may not know them.
TEST_F(EpollOperationsTest, WithoutFineWaitsTheyAreRoundedUp) {
  for (const int code : {ENOSYS, EPERM}) {
    EpollOperations coarse;
    EXPECT_EQ(coarse.open({.receive_buffers = 4, .receive_buffer_bytes = 4096}), "");
    only_coarse = code;
    asked_wait_ms = -1;
    coarse.submit_and_wait(100'000);
    EXPECT_EQ(asked_wait_ms, 1) << code;
    coarse.submit_and_wait(0);
    EXPECT_EQ(asked_wait_ms, 0) << code;
  }
}

// When the loop is over, only what the disk still has to do is waited for.
TEST_F(EpollOperationsTest, AtTheEndOnlyFilesAreAwaited) {
  operations.receive(ends[0], 1);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  operations.await_files_only();
  expect_nothing();
  const std::string bytes(4096, 'x');
  operations.write(file, bytes, 0, SyncMode::kFdatasync, 2);
  expect(2, 4096);
}

// Its number may be another file's by the time that a thread writes to it.
TEST_F(EpollOperationsTest, AFileIsClosedBehindItsThreads) {
  struct Handler : FileHandler {
    void on_written(uint64_t) override { ADD_FAILURE(); }
    void on_file_failed(std::string_view what) override { ADD_FAILURE() << what; }
  } handler;
  AlignedPage page;
  writes_begun = writes_failed = 0;
  write_takes_ms = 50;
  {
    const auto io = make_io({.backend = Backend::kEpoll});
    ASSERT_TRUE(io.has_value());
    const auto opened = (*io)->open_file(path, false, &handler);
    ASSERT_TRUE(opened.has_value());
    for (uint64_t i = 0; i < 8; ++i) {
      (*io)->write_file(*opened, i * 4096, {page.data, 4096}, SyncMode::kDsync, i);
    }
    while (writes_begun == 0) poll(nullptr, 0, 1);
  }
  write_takes_ms = 0;
  EXPECT_EQ(writes_failed, 0);
}

TEST_F(EpollOperationsTest, ABellIsReadAndReset) {
  const int bell = eventfd(0, EFD_CLOEXEC);
  for (uint64_t turn = 1; turn <= 2; ++turn) {
    operations.read_bell(bell, turn);
    expect_nothing();
    const uint64_t three = 3;
    ASSERT_EQ(write(bell, &three, sizeof three), 8);
    expect(turn, 8);
  }
  close(bell);
}

}  // namespace
}  // namespace once::reactor
