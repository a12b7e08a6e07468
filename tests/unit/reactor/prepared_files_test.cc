// A file gets its name when its zeros are durable, and is reported when its name is. What a power
// cut may undo cannot be seen by looking at files: this test watches the calls instead.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <climits>
#include <fstream>

#include "tests/unit/reactor/reactor_fixture.h"

namespace {

std::mutex calls_mutex;
std::vector<std::string> calls;  // "write PATH FROM TO", "sync PATH", "rename PATH"
std::atomic<int> fail_sync{0};   // errno of the next fsyncs
std::string failing;             // where alone they fail; empty: everywhere
std::atomic<int> fail_reserve{0};
std::atomic<int> interrupt_reserves{0};  // so many of the next
std::atomic<int> fail_writes{0};
std::atomic<bool> short_writes{false};
std::atomic<bool> refuse_direct{false};
std::atomic<int> slow_writes_ms{0};  // each takes so long, and none reaches the disk; 0: they do
std::atomic<int> slow_writes{0};
std::atomic<int> refused{0};
std::atomic<int> turn{0};
std::atomic<bool> no_threads{false};

std::string path_of(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size < 0 ? "" : std::string(path, static_cast<size_t>(size));
}
void note(std::string call) {
  const std::lock_guard lock(calls_mutex);
  calls.push_back(std::move(call));
}
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
ssize_t watched_write(const char* name, int fd, const void* bytes, size_t size, off_t offset) {
  if (const int code = fail_writes.load(); code != 0) {
    errno = code;
    return -1;
  }
  if (const int ms = slow_writes_ms.load(); ms > 0) {
    ++slow_writes;
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    return static_cast<ssize_t>(size);
  }
  if (refuse_direct.load() && (fcntl(fd, F_GETFL) & O_DIRECT) != 0) {
    ++refused;
    errno = EINVAL;
    return -1;
  }
  if (short_writes.load()) {
    if (++turn % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    size = std::min<size_t>(size, 4096 * 5);
  }
  const ssize_t wrote =
      real<ssize_t(int, const void*, size_t, off_t)>(name)(fd, bytes, size, offset);
  note("write " + path_of(fd) + " " + std::to_string(offset) + " " +
       std::to_string(offset + wrote));
  return wrote;
}

int watched_reserve(const char* name, int fd, int mode, off_t offset, off_t size) {
  if (interrupt_reserves.load() > 0) {
    --interrupt_reserves;
    errno = EINTR;
    return -1;
  }
  if (fail_reserve.load() == 0)
    return real<int(int, int, off_t, off_t)>(name)(fd, mode, offset, size);
  errno = fail_reserve.load();
  return -1;
}

}  // namespace

// These stand before the C library's, for this program only.
extern "C" {
int fsync(int fd) {
  const int code = fail_sync.load();
  note("sync " + path_of(fd));
  if (code == 0 || (!failing.empty() && path_of(fd) != failing)) {
    return real<int(int)>("fsync")(fd);
  }
  errno = code;
  return -1;
}
int rename(const char* from, const char* to) noexcept {
  note("rename " + std::string(to));
  return real<int(const char*, const char*)>("rename")(from, to);
}
int fallocate(int fd, int mode, off_t offset, off_t size) {
  return watched_reserve("fallocate", fd, mode, offset, size);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return watched_reserve("fallocate64", fd, mode, offset, size);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return watched_write("pwrite", fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return watched_write("pwrite64", fd, bytes, size, offset);
}
int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*run)(void*),
                   void* with) noexcept {
  if (no_threads.load()) return EAGAIN;
  using Real = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  return real<Real>("pthread_create")(thread, how, run, with);
}
}

namespace once::reactor {
namespace {

class PreparedFiles : public testing::Test {
 protected:
  PreparedFiles() {
    calls.clear();
    fail_sync = fail_writes = fail_reserve = interrupt_reserves = 0;
    failing.clear();
    short_writes = refuse_direct = no_threads = false;
    refused = slow_writes_ms = slow_writes = 0;
  }
  // What is said about it; `calls_at_report_` is what had been done by then.
  std::string prepare(uint64_t size) {
    Loop loop;
    std::string said = "nothing";
    loop.prepared = [&](const std::string& error) {
      said = error;
      const std::lock_guard lock(calls_mutex);
      calls_at_report_ = calls;
      loop.io->stop();
    };
    loop.io->prepare_file(path_, size, &loop);
    loop.run();
    return said;
  }
  size_t index_of(const std::string& call) const {
    const auto at = std::find(calls_at_report_.begin(), calls_at_report_.end(), call);
    return static_cast<size_t>(at - calls_at_report_.begin());
  }
  // Up to where it was written, without a gap, before the call `until`.
  uint64_t written_before(size_t until) const {
    uint64_t end = 0;
    for (size_t i = 0; i < until; ++i) {
      const std::string prefix = "write " + path_ + ".tmp ";
      if (!calls_at_report_[i].starts_with(prefix)) continue;
      uint64_t from = 0;
      uint64_t to = 0;
      EXPECT_EQ(std::sscanf(calls_at_report_[i].c_str() + prefix.size(), "%lu %lu", &from, &to), 2);
      if (from <= end) end = std::max(end, to);
    }
    return end;
  }
  void expect_durable(uint64_t size) {
    const size_t synced = index_of("sync " + path_ + ".tmp");
    const size_t named = index_of("rename " + path_);
    const size_t listed = index_of("sync " + directory_.path);
    EXPECT_EQ(written_before(synced), size) << "zeros written, and then synced";
    EXPECT_LT(synced, named) << "no name before the zeros are durable";
    EXPECT_LT(named, listed) << "the directory is synced when the name is in it";
    EXPECT_LT(listed, calls_at_report_.size()) << "before it is reported";
    EXPECT_EQ(std::filesystem::file_size(path_), size);
    EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
  }
  void expect_nothing_left() const {
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
  }

  const Directory directory_;
  const std::string path_ = directory_.path + "/segment";
  std::vector<std::string> calls_at_report_;
};

TEST_F(PreparedFiles, NobodyElseMayReadIt) {
  const mode_t before = umask(0);
  EXPECT_EQ(prepare(4096), "");
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(PreparedFiles, TheNameComesAfterTheZerosAndTheReportAfterTheName) {
  EXPECT_EQ(prepare((3 << 20) + 4096), "");
  expect_durable((3 << 20) + 4096);
}

TEST_F(PreparedFiles, ShortAndInterruptedWritesAreCarriedOn) {
  short_writes = true;
  EXPECT_EQ(prepare(1 << 20), "");
  expect_durable(1 << 20);
}

TEST_F(PreparedFiles, GoThroughThePageCacheWhereNothingElseIsTaken) {
  refuse_direct = true;
  EXPECT_EQ(prepare(1 << 20), "");
  EXPECT_EQ(refused, 1) << "past it is tried first";
  expect_durable(1 << 20);
}

// What an earlier run left half made is made anew.
TEST_F(PreparedFiles, LeftoversAreZeroedToo) {
  const int fd = ::open((path_ + ".tmp").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(fd, "leftover", 8), 8);
  ASSERT_EQ(ftruncate(fd, 2 << 20), 0);
  ::close(fd);
  EXPECT_EQ(prepare(1 << 20), "");
  expect_durable(1 << 20);
  std::string content(1 << 20, '?');
  const int again = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(pread(again, content.data(), content.size(), 0), 1 << 20);
  ::close(again);
  EXPECT_EQ(content, std::string(1 << 20, '\0'));
}

TEST_F(PreparedFiles, AFailedSyncLeavesNoName) {
  fail_sync = EIO;
  const std::string said = prepare(1 << 20);
  EXPECT_NE(said.find("fsync"), std::string::npos) << said;
  expect_nothing_left();
}

// A power cut may undo it: whoever asked must not write to it as to one that is there.
TEST_F(PreparedFiles, ANameThatIsNotDurableIsReportedAsAFailure) {
  fail_sync = EIO;
  failing = directory_.path;
  const std::string said = prepare(1 << 20);
  EXPECT_NE(said.find("fsync directory"), std::string::npos) << said;
}

TEST_F(PreparedFiles, AFullDiskIsMetBeforeAnythingIsWritten) {
  fail_reserve = ENOSPC;
  const std::string said = prepare(1 << 20);
  EXPECT_NE(said.find("disk full"), std::string::npos) << said;
  EXPECT_NE(said.find("reserve space for"), std::string::npos) << said;
  EXPECT_EQ(written_before(calls_at_report_.size()), 0u);
  expect_nothing_left();
}

TEST_F(PreparedFiles, SpaceIsReservedAgainAfterASignal) {
  interrupt_reserves = 2;
  EXPECT_EQ(prepare(1 << 20), "");
  EXPECT_EQ(interrupt_reserves, 0);
  expect_durable(1 << 20);
}

TEST_F(PreparedFiles, WhereNoSpaceCanBeReservedTheWritesTakeIt) {
  fail_reserve = EOPNOTSUPP;
  EXPECT_EQ(prepare(1 << 20), "");
  expect_durable(1 << 20);
}

TEST_F(PreparedFiles, AFailedWriteLeavesNoName) {
  for (const int code : {EIO, ENOSPC}) {
    fail_writes = code;
    const std::string said = prepare(1 << 20);
    EXPECT_NE(said.find("write zeros to"), std::string::npos) << said;
    EXPECT_EQ(said.find("disk full") != std::string::npos, code == ENOSPC) << said;
    expect_nothing_left();
  }
}

// What stands in it stays: it is as durable as it was, and only the name is new.
TEST_F(PreparedFiles, ARecycledFileIsReportedWhenItsNewNameIsDurable) {
  ASSERT_EQ(prepare(1 << 20), "");
  const std::string to = directory_.path + "/again";
  Loop loop;
  std::string said = "nothing";
  loop.prepared = [&](const std::string& error) {
    said = error;
    const std::lock_guard lock(calls_mutex);
    calls_at_report_ = calls;
    loop.io->stop();
  };
  {
    const std::lock_guard lock(calls_mutex);
    calls.clear();
  }
  loop.io->recycle_file(path_, to, &loop);
  loop.run();
  EXPECT_EQ(said, "");
  EXPECT_EQ(calls_at_report_,
            (std::vector<std::string>{"rename " + to, "sync " + directory_.path}));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(std::filesystem::file_size(to), 1u << 20);
}

TEST_F(PreparedFiles, ARecycledFileWhoseNameIsNotDurableIsAFailure) {
  ASSERT_EQ(prepare(1 << 20), "");
  for (const bool there : {true, false}) {
    fail_sync = there ? EIO : 0;
    Loop loop;
    std::string said = "nothing";
    loop.prepared = [&](const std::string& error) {
      said = error;
      loop.io->stop();
    };
    loop.io->recycle_file(there ? path_ : directory_.path + "/none", path_ + "2", &loop);
    loop.run();
    EXPECT_NE(said.find(there ? "fsync directory" : "rename to"), std::string::npos) << said;
  }
}

// A run before began to make the file, and this one has another for it.
TEST_F(PreparedFiles, WhatWasHalfMadeGoesWhenAFileIsRecycled) {
  ASSERT_EQ(prepare(4096), "");
  std::ofstream(path_ + "2.tmp") << "half made";
  Loop loop;
  loop.prepared = [&](const std::string&) { loop.io->stop(); };
  loop.io->recycle_file(path_, path_ + "2", &loop);
  loop.run();
  EXPECT_TRUE(std::filesystem::exists(path_ + "2"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "2.tmp"));
}

// A node that found spare segments makes the thread hours later, when there may be room for none.
TEST_F(PreparedFiles, WithoutAThreadWhoeverAskedIsTold) {
  Loop loop;
  std::ofstream(path_ + ".old") << "old";
  std::vector<std::string> said;
  loop.prepared = [&](const std::string& error) {
    said.push_back(error);
    if (said.size() == 3) return loop.io->stop();
    if (said.size() < 2) return;
    EXPECT_FALSE(loop.io->remove_file(path_ + ".old"));
    no_threads = false;
    EXPECT_TRUE(loop.io->remove_file(path_ + ".old"));
    loop.io->prepare_file(path_, 4096, &loop);
  };
  loop.timer = [&](uint64_t) {
    no_threads = true;
    loop.io->prepare_file(path_, 4096, &loop);
    loop.io->recycle_file(path_ + ".old", path_ + "2", &loop);
    EXPECT_EQ(said.size(), 0u) << "they are told in a round of their own";
  };
  loop.io->set_timer(0, 1);
  loop.run();
  ASSERT_EQ(said.size(), 3u);
  for (const size_t i : {0, 1}) {
    EXPECT_NE(said[i].find("cannot make a thread"), std::string::npos) << said[i];
    EXPECT_NE(said[i].find("ulimit -u"), std::string::npos) << said[i];
  }
  EXPECT_EQ(said[2], "");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".old"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

// The rest waits with whoever asked; more than a thousand could not.
TEST_F(PreparedFiles, ManyRemovalsAtOnceAreRefused) {
  Loop loop;
  int taken = 0;
  loop.prepared = [&](const std::string&) { loop.io->stop(); };
  for (int n = 0; n < 20'000; ++n) taken += loop.io->remove_file(directory_.path + "/none");
  EXPECT_GE(taken, 64);
  loop.io->prepare_file(path_, 4096, &loop);
  loop.run();
}

// What was removed leaves room for more.
TEST_F(PreparedFiles, AsManyRemovalsAsOneLikesOneAfterTheOther) {
  constexpr int kAtOnce = 64;
  const auto name = [this](int n) { return directory_.path + "/old-" + std::to_string(n); };
  Loop loop;
  int asked = 0;
  loop.prepared = [&](const std::string& error) {
    EXPECT_EQ(error, "");
    if (asked == 5 * kAtOnce) return loop.io->stop();
    for (const int end = asked + kAtOnce; asked < end; ++asked) {
      std::ofstream(name(asked)) << "old";
      EXPECT_TRUE(loop.io->remove_file(name(asked))) << asked;
    }
    loop.io->prepare_file(path_, 4096, &loop);
  };
  loop.io->prepare_file(path_, 4096, &loop);
  loop.run();
  for (int n = 0; n < asked; ++n) EXPECT_FALSE(std::filesystem::exists(name(n))) << n;
}

// Removed behind what was asked for before; nobody is told.
TEST_F(PreparedFiles, AFileIsRemoved) {
  Loop loop;
  int made = 0;
  loop.prepared = [&](const std::string&) {
    if (++made == 2) return loop.io->stop();
    loop.io->remove_file(path_);
    loop.io->remove_file(directory_.path + "/none");
    loop.io->prepare_file(path_ + "2", 4096, &loop);
  };
  loop.io->prepare_file(path_, 4096, &loop);
  loop.run();
  expect_nothing_left();
}

// A node that stops does not wait for the rest of a segment, and leaves none that looks whole.
TEST_F(PreparedFiles, WhatIsStoppedMidwayIsNotWrittenToItsEnd) {
  constexpr int kPieces = 4000;
  fail_reserve = EOPNOTSUPP;
  slow_writes_ms = 2;
  {
    Loop loop;
    loop.timer = [&](uint64_t) {
      if (slow_writes > 0) return loop.io->stop();
      loop.io->set_timer(loop.io->now_ns() + 1'000'000, 1);
    };
    loop.io->prepare_file(path_, uint64_t{kPieces} * 256 * 1024, &loop);
    loop.io->set_timer(0, 1);
    loop.run();
  }
  EXPECT_LT(slow_writes, kPieces);
  expect_nothing_left();
}

TEST_F(PreparedFiles, WhatIsStoppedMidwayHasNoName) {
  {
    short_writes = true;
    Loop loop;
    loop.timer = [&](uint64_t) { loop.io->stop(); };
    loop.io->prepare_file(path_, uint64_t{256} << 20, &loop);
    loop.io->set_timer(loop.io->now_ns() + 10'000'000, 1);
    loop.run();
  }
  if (!std::filesystem::exists(path_)) return expect_nothing_left();
  EXPECT_EQ(std::filesystem::file_size(path_), uint64_t{256} << 20) << "it was quicker";
}

}  // namespace
}  // namespace once::reactor
