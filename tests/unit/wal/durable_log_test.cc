// What the log asks of its files: the mode that was chosen, O_DIRECT where it was asked for, and a
// segment used to its last block; and the measurement that chooses the mode.
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <filesystem>
#include <thread>

#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/wal/log_listener.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"
#include "wal/sync_probe.h"

namespace {

struct Disk {
  int dsync_error = 0;
  int fdatasync_error = 0;
  bool dsync_is_short = false;
  std::chrono::microseconds dsync{0};
  std::chrono::microseconds fdatasync{0};
  int forced = 0;
  int unforced = 0;
  bool synced = false;
  int open_error = 0;  // where a file would be made
  int reserve_error = 0;
  int write_error = 0;  // of what it writes to later
  int fsync_error = 0;
};
Disk disk;
bool watching = false;

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
ssize_t watched_writev(const char* name, int fd, const iovec* parts, int count, off_t offset,
                       int flags) {
  if (watching) {
    ++((flags & RWF_DSYNC) != 0 ? disk.forced : disk.unforced);
    if (disk.dsync_error != 0) {
      errno = disk.dsync_error;
      return -1;
    }
    if (disk.dsync_is_short) return 512;
    std::this_thread::sleep_for(disk.dsync);
    flags &= ~RWF_DSYNC;  // the real disk has times of its own
  }
  return real<ssize_t(int, const iovec*, int, off_t, int)>(name)(fd, parts, count, offset, flags);
}

int watched_reserve(const char* name, int fd, off_t offset, off_t size) {
  if (watching && disk.reserve_error != 0) return disk.reserve_error;
  return real<int(int, off_t, off_t)>(name)(fd, offset, size);
}
ssize_t watched_write(const char* name, int fd, const void* bytes, size_t size, off_t offset) {
  if (watching && disk.write_error != 0) {
    errno = disk.write_error;
    return -1;
  }
  return real<ssize_t(int, const void*, size_t, off_t)>(name)(fd, bytes, size, offset);
}
int watched_open(const char* name, const char* path, int flags, mode_t mode) {
  if (watching && disk.open_error != 0 && (flags & O_CREAT) != 0) {
    errno = disk.open_error;
    return -1;
  }
  return real<int(const char*, int, ...)>(name)(path, flags, mode);
}

}  // namespace

// These stand before the C library's, for this program only.
extern "C" {
ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  return watched_writev("pwritev2", fd, parts, count, offset, flags);
}
ssize_t pwritev64v2(int fd, const iovec* parts, int count, off64_t offset, int flags) {
  return watched_writev("pwritev64v2", fd, parts, count, offset, flags);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return watched_write("pwrite", fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return watched_write("pwrite64", fd, bytes, size, offset);
}
int fdatasync(int fd) {
  if (watching) {
    std::this_thread::sleep_for(disk.fdatasync);
    if (disk.fdatasync_error != 0) {
      errno = disk.fdatasync_error;
      return -1;
    }
    return 0;
  }
  return real<int(int)>("fdatasync")(fd);
}
int fsync(int fd) {
  disk.synced = true;
  if (watching && disk.fsync_error != 0) {
    errno = disk.fsync_error;
    return -1;
  }
  return real<int(int)>("fsync")(fd);
}
int posix_fallocate(int fd, off_t offset, off_t size) {
  return watched_reserve("posix_fallocate", fd, offset, size);
}
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return watched_reserve("posix_fallocate64", fd, offset, size);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return watched_open("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return watched_open("open64", path, flags, mode);
}
}

namespace once::wal {
namespace {

using reactor::SyncMode;

class SyncProbe : public testing::Test {
 protected:
  SyncProbe() {
    disk = Disk();
    watching = true;
  }
  ~SyncProbe() override { watching = false; }
  Result<SyncMode> probe() {
    auto mode = probe_sync(directory_.path(), false, &report_);
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "its file is gone";
    return mode;
  }
  const TemporaryDirectory directory_;
  std::string report_;
};

constexpr std::chrono::microseconds kFast{100}, kSlow{2000};

TEST_F(SyncProbe, MeasuresWritesThatAreForced) {
  ASSERT_TRUE(probe().has_value());
  EXPECT_GE(disk.forced, 10);
  EXPECT_EQ(disk.unforced, 0);
  EXPECT_TRUE(disk.synced) << "the space that it writes to is there before it measures";
}

TEST_F(SyncProbe, ChoosesWhatIsFaster) {
  disk.dsync = kFast;
  disk.fdatasync = kSlow;
  EXPECT_EQ(probe(), SyncMode::kDsync);
  disk.dsync = kSlow;
  disk.fdatasync = kFast;
  EXPECT_EQ(probe(), SyncMode::kFdatasync);
}

TEST_F(SyncProbe, NeverChoosesWhatIsNotThere) {
  for (const int code : {EOPNOTSUPP, EINVAL, ENOSYS, EPERM}) {
    disk.dsync_error = code;
    disk.fdatasync = kSlow;
    EXPECT_EQ(probe(), SyncMode::kFdatasync);
    EXPECT_NE(report_.find("not available"), std::string::npos) << report_;
  }
}

// A sync of its own takes a worker thread in the ring, which is not in what is measured.
TEST_F(SyncProbe, ChoosesTheOtherWayOnlyWhereItIsMuchFaster) {
  using std::chrono::microseconds;
  for (const microseconds dsync : {microseconds(4000), microseconds(4800)}) {
    disk.dsync = dsync;
    disk.fdatasync = microseconds(4000);
    EXPECT_EQ(probe(), SyncMode::kDsync) << report_;
  }
}

// The other way would ask the same disk, which has just lost a sync.
TEST_F(SyncProbe, AForcedWriteThatFailsIsAnError) {
  for (const int code : {EIO, EROFS, ENXIO}) {
    disk.dsync_error = code;
    const auto mode = probe();
    ASSERT_FALSE(mode.has_value()) << code;
    EXPECT_TRUE(mode.error().message.starts_with("cannot write ")) << mode.error().message;
  }
  disk.dsync_error = ENOSPC;
  EXPECT_EQ(probe(), SyncMode::kDsync) << "a full disk is no failed one";
}

TEST_F(SyncProbe, AShortForcedWriteIsNone) {
  disk.dsync_is_short = true;
  disk.fdatasync = kSlow;
  EXPECT_EQ(probe(), SyncMode::kFdatasync);
}

// A node must start on one, whatever is used up, and whatever finds it: it serves reads, and
// recovers by itself.
TEST_F(SyncProbe, AFullDiskIsNotMeasuredAndIsNoError) {
  for (int Disk::*where :
       {&Disk::open_error, &Disk::reserve_error, &Disk::write_error, &Disk::fsync_error}) {
    for (const int code : {ENOSPC, EDQUOT}) {
      disk = Disk();
      disk.*where = code;
      EXPECT_EQ(probe(), SyncMode::kDsync);
      EXPECT_NE(report_.find("not measured: the disk is full"), std::string::npos) << report_;
    }
    if (where == &Disk::reserve_error) continue;  // a file system may not know it
    disk = Disk();
    disk.*where = EIO;
    EXPECT_FALSE(probe().has_value());
  }
}

TEST_F(SyncProbe, ADiskThatCannotSyncIsAnError) {
  disk.fdatasync_error = EIO;
  const auto mode = probe();
  ASSERT_FALSE(mode.has_value());
  EXPECT_NE(mode.error().message.find("cannot sync"), std::string::npos) << mode.error().message;
}

// Notes how files are opened and written.
class WatchingIo : public FakeFileIo {
 public:
  Result<reactor::FileId> open_file(const std::string& path, bool direct,
                                    reactor::FileHandler* handler) override {
    opened_direct.push_back(direct);
    return FakeFileIo::open_file(path, direct, handler);
  }
  void write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes, SyncMode mode,
                  uint64_t token) override {
    modes.push_back(mode);
    offsets.push_back(offset);
    FakeFileIo::write_file(file, offset, bytes, mode, token);
  }
  std::vector<bool> opened_direct;
  std::vector<SyncMode> modes;
  std::vector<uint64_t> offsets;
};

class DurableLog : public testing::Test {
 protected:
  DurableLog() {
    identity_.cluster = ClusterId{{1, 2}};
    identity_.node = NodeId{3};
    identity_.disk = DiskId{{4, 5}};
    options_.directory = directory_.path();
    options_.segment_bytes = kMaxBatchBytes;
  }
  void open() {
    PosixStorage storage(false);
    LogOptions made = options_;
    made.direct = false;
    ASSERT_TRUE(create_stream(storage, identity_, made));
    auto tail = recover(storage, identity_, made, [](auto, auto, auto&) {});
    ASSERT_TRUE(tail) << tail.error().message;
    log_ = open_log(io_, identity_, options_, *tail, &listener_);
    io_.complete_all();
  }
  void write_one_block() {
    log_->append("record");
    log_->flush();
    io_.complete_all();
  }
  const TemporaryDirectory directory_;
  Identity identity_;
  LogOptions options_;
  WatchingIo io_;
  Listener listener_;
  std::unique_ptr<Log> log_;
};

TEST_F(DurableLog, WritesAsItWasTold) {
  for (const bool direct : {true, false}) {
    for (const SyncMode mode : {SyncMode::kDsync, SyncMode::kFdatasync}) {
      std::filesystem::remove(segment_path(directory_.path(), 0, Generation{1}));
      std::filesystem::remove(segment_path(directory_.path(), 0, Generation{2}));
      std::filesystem::remove(segment_path(directory_.path(), 0, Generation{3}));
      options_.direct = direct;
      options_.sync = mode;
      io_.opened_direct.clear();
      io_.modes.clear();
      open();
      for (size_t i = 0; i < kMaxBatchBytes / kBlockBytes + 5; ++i) write_one_block();
      EXPECT_EQ(io_.modes, std::vector<SyncMode>(io_.modes.size(), mode));
      EXPECT_EQ(io_.opened_direct, std::vector<bool>(3, direct)) << "segment, spare, next spare";
      log_.reset();
    }
  }
}

TEST_F(DurableLog, ASegmentIsUsedToItsLastBlock) {
  open();
  const size_t blocks = kMaxBatchBytes / kBlockBytes;
  for (size_t i = 1; i < blocks; ++i) write_one_block();
  EXPECT_EQ(io_.offsets.back(), kMaxBatchBytes - kBlockBytes);
  EXPECT_EQ(log_->counters().segments, 1u);
  write_one_block();
  EXPECT_EQ(io_.offsets.back(), 0u);
  EXPECT_EQ(io_.last_write_bytes, 2 * kBlockBytes) << "with the header of its segment";
  EXPECT_EQ(log_->counters().segments, 2u);
  EXPECT_EQ(listener_.durable.size(), blocks);

  size_t records = 0;
  PosixStorage storage(false);
  options_.direct = false;
  auto tail = recover(storage, identity_, options_, [&](auto, auto, auto&) { ++records; });
  ASSERT_TRUE(tail) << tail.error().message;
  EXPECT_EQ(records, blocks);
  EXPECT_EQ(tail->generation, Generation{2});
}

}  // namespace
}  // namespace once::wal
