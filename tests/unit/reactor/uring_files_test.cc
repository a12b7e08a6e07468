// What is asked of the ring for a durable write, and what is made of its answers.
#include <sys/uio.h>

#include <chrono>

#include "tests/unit/reactor/reactor_fixture.h"
#include "tests/unit/reactor/uring_tap.h"

namespace once::reactor {
namespace {

struct Pages {
  explicit Pages(size_t count, char fill = 'x')
      : size(count * 4096), data(static_cast<char*>(std::aligned_alloc(4096, size))) {
    std::memset(data, fill, size);
  }
  ~Pages() { std::free(data); }
  std::span<const char> bytes() const { return {data, size}; }
  size_t size;
  char* data;
};

class UringFiles : public testing::Test {
 protected:
  UringFiles() {
    tap::reset();
    tap::on_submit = [this](io_uring_sqe& sqe) {
      kinds_[sqe.user_data] = sqe.opcode;
      asked_.push_back(sqe);
      if (change_) change_(sqe);
    };
    tap::on_complete = [this](io_uring_cqe& cqe) {
      const auto kind = kinds_.find(cqe.user_data);
      if (kind == kinds_.end()) return;
      if (answer_) answer_(kind->second, cqe);
      if (kind->second == IORING_OP_WRITE) ++writes_done_;
      if (kind->second == IORING_OP_FSYNC) ++syncs_done_;
    };
    loop_.written = [this](uint64_t token) { written_.push_back(token); };
    loop_.failed = [this](std::string_view what) { failed_.emplace_back(what); };
  }
  ~UringFiles() override { tap::reset(); }

  std::string path(const char* name) const { return directory_.path + "/" + name; }
  FileId make(const char* name, size_t size) {
    const int fd = ::open(path(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
    ::close(fd);
    const auto opened = loop_.io->open_file(path(name), false, &loop_);
    EXPECT_TRUE(opened.has_value());
    return *opened;
  }
  std::string content(const char* name) const {
    std::string text(std::filesystem::file_size(path(name)), '?');
    const int fd = ::open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ::close(fd);
    return text;
  }
  std::vector<io_uring_sqe> asked(uint8_t opcode) const {
    std::vector<io_uring_sqe> found;
    for (const io_uring_sqe& one : asked_) {
      if (one.opcode == opcode) found.push_back(one);
    }
    return found;
  }
  // Ends the loop once so many answers came, and a little later, so that more would be seen.
  void stop_after(size_t answers) {
    auto count = [this, answers] {
      if (written_.size() + failed_.size() == answers) {
        loop_.io->set_timer(loop_.io->now_ns() + 5'000'000, 1);
      }
    };
    loop_.written = [this, count](uint64_t token) { written_.push_back(token), count(); };
    loop_.failed = [this, count](std::string_view what) { failed_.emplace_back(what), count(); };
    loop_.timer = [this](uint64_t) { loop_.io->stop(); };
  }

  const Directory directory_;
  Loop loop_;
  std::map<uint64_t, uint8_t> kinds_;
  std::vector<io_uring_sqe> asked_;
  std::function<void(io_uring_sqe&)> change_;
  std::function<void(uint8_t, io_uring_cqe&)> answer_;
  size_t writes_done_ = 0;
  size_t syncs_done_ = 0;
  std::vector<uint64_t> written_;
  std::vector<std::string> failed_;
};

TEST_F(UringFiles, EveryWriteOfTheLogIsForcedByItsOwnFlag) {
  const Pages pages(3);
  const FileId file = make("file", 1 << 20);
  for (uint64_t token = 1; token <= 20; ++token) {
    loop_.io->write_file(file, token * pages.size, pages.bytes(), SyncMode::kDsync, token);
  }
  stop_after(20);
  loop_.run();
  const auto writes = asked(IORING_OP_WRITE);
  ASSERT_EQ(writes.size(), 20u);
  for (size_t i = 0; i < writes.size(); ++i) {
    EXPECT_EQ(writes[i].rw_flags, RWF_DSYNC);
    EXPECT_EQ(writes[i].off, (i + 1) * pages.size);
    EXPECT_EQ(writes[i].len, pages.size);
    EXPECT_EQ(writes[i].addr, reinterpret_cast<uint64_t>(pages.data));
  }
  EXPECT_TRUE(asked(IORING_OP_FSYNC).empty()) << "one request is enough";
  EXPECT_EQ(written_.size(), 20u);
}

// One after another: the answer to a write is given when the fdatasync that was asked for after it
// has come back.
TEST_F(UringFiles, InTheFallbackAWriteIsReportedAfterItsFdatasync) {
  const Pages pages(1);
  const FileId file = make("file", 1 << 20);
  size_t syncs_asked_early = 0;
  change_ = [&](io_uring_sqe& sqe) {
    if (sqe.opcode == IORING_OP_FSYNC && asked(IORING_OP_FSYNC).size() > writes_done_) {
      ++syncs_asked_early;
    }
  };
  std::vector<size_t> syncs_at_report;
  uint64_t next = 1;
  auto write = [&] {
    loop_.io->write_file(file, next * pages.size, pages.bytes(), SyncMode::kFdatasync, next);
  };
  loop_.written = [&](uint64_t token) {
    EXPECT_EQ(token, next);
    syncs_at_report.push_back(syncs_done_);
    if (++next > 5) return loop_.io->stop();
    write();
  };
  write();
  loop_.run();
  EXPECT_EQ(syncs_at_report, (std::vector<size_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(syncs_asked_early, 0u);
  for (const io_uring_sqe& sync : asked(IORING_OP_FSYNC)) {
    EXPECT_EQ(sync.fsync_flags, IORING_FSYNC_DATASYNC);
    EXPECT_EQ(sync.fd, asked(IORING_OP_WRITE).front().fd);
    EXPECT_EQ(sync.len, 0u);  // with the offset: the whole file
    EXPECT_EQ(sync.off, 0u);
  }
}

TEST_F(UringFiles, AnErrorOfFdatasyncIsAFailure) {
  for (const int code : {EIO, ENOSPC, EDQUOT, EINTR, ECANCELED}) {
    const Pages pages(1);
    answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
      if (opcode == IORING_OP_FSYNC) cqe.res = -code;
    };
    Loop loop;
    std::swap(loop_.io, loop.io);  // a loop runs once
    written_.clear();
    failed_.clear();
    const FileId file = make("file", 1 << 20);
    loop_.io->write_file(file, 0, pages.bytes(), SyncMode::kFdatasync, 1);
    stop_after(1);
    loop_.run();
    EXPECT_TRUE(written_.empty()) << code;
    ASSERT_EQ(failed_.size(), 1u) << code;
    EXPECT_NE(failed_[0].find("fdatasync of " + path("file")), std::string::npos) << failed_[0];
    tap::state = {};
    kinds_.clear();
  }
}

TEST_F(UringFiles, AnErrorOfAWriteIsAFailureWhateverItIs) {
  for (const int code : {EIO, EINTR, EAGAIN, ECANCELED, EBADF}) {
    for (const SyncMode mode : {SyncMode::kDsync, SyncMode::kFdatasync}) {
      const Pages pages(1);
      answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
        if (opcode == IORING_OP_WRITE) cqe.res = -code;
      };
      Loop loop;
      std::swap(loop_.io, loop.io);
      written_.clear();
      failed_.clear();
      asked_.clear();
      const FileId file = make("file", 1 << 20);
      loop_.io->write_file(file, 0, pages.bytes(), mode, 1);
      stop_after(1);
      loop_.run();
      EXPECT_TRUE(written_.empty()) << code;
      EXPECT_EQ(failed_.size(), 1u) << code;
      EXPECT_EQ(asked(IORING_OP_WRITE).size(), 1u) << "a failed write is not tried again";
      EXPECT_TRUE(asked(IORING_OP_FSYNC).empty()) << "nor is it synced";
      tap::state = {};
      kinds_.clear();
    }
  }
}

TEST_F(UringFiles, AShortWriteIsAFailure) {
  for (const uint32_t size : {0u, 1u, 4096u, 8192u, 12287u}) {
    for (const SyncMode mode : {SyncMode::kDsync, SyncMode::kFdatasync}) {
      const Pages pages(3);
      change_ = [&](io_uring_sqe& sqe) {
        if (sqe.opcode == IORING_OP_WRITE) sqe.len = size;  // the kernel really writes less
      };
      Loop loop;
      std::swap(loop_.io, loop.io);
      written_.clear();
      failed_.clear();
      const FileId file = make("file", 1 << 20);
      loop_.io->write_file(file, 0, pages.bytes(), mode, 1);
      stop_after(1);
      loop_.run();
      EXPECT_TRUE(written_.empty()) << size;
      ASSERT_EQ(failed_.size(), 1u) << size;
      EXPECT_NE(failed_[0].find("short write to " + path("file")), std::string::npos) << failed_[0];
      tap::state = {};
      kinds_.clear();
    }
  }
}

// The descriptor's number goes to the next file that is opened: a write still under way must not
// find itself there.
TEST_F(UringFiles, AFileThatIsClosedWithWritesUnderWayKeepsItsDescriptor) {
  const Pages pages(1, 'a');
  const FileId first = make("first", 16384);
  loop_.io->write_file(first, 0, pages.bytes(), SyncMode::kDsync, 1);
  loop_.io->write_file(first, 4096, pages.bytes(), SyncMode::kFdatasync, 2);
  loop_.io->close_file(first);
  const Pages others(1, 'b');
  const FileId second = make("second", 16384);
  loop_.io->write_file(second, 8192, others.bytes(), SyncMode::kDsync, 3);
  stop_after(1);
  loop_.run();
  EXPECT_EQ(written_, std::vector<uint64_t>{3}) << "a closed file is silent";
  EXPECT_EQ(failed_, std::vector<std::string>{});
  EXPECT_EQ(content("first"), std::string(8192, 'a') + std::string(8192, '\0'));
  EXPECT_EQ(content("second"),
            std::string(8192, '\0') + std::string(4096, 'b') + std::string(4096, '\0'));
  // Once nothing is under way it is really closed: log after log would use descriptors up.
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    EXPECT_NE(std::filesystem::read_symlink(entry.path(), gone).string(), path("first"));
  }
}

// The caller frees its memory when run() has returned.
TEST_F(UringFiles, TheLoopEndsWhenItsWritesHave) {
  for (const SyncMode mode : {SyncMode::kDsync, SyncMode::kFdatasync}) {
    Loop loop;
    std::swap(loop_.io, loop.io);
    const Pages pages(256);
    const FileId file = make("file", 64 << 20);
    loop_.timer = [&](uint64_t) {
      for (uint64_t token = 0; token < 16; ++token) {
        loop_.io->write_file(file, token * pages.size, pages.bytes(), mode, token);
      }
      loop_.io->stop();
    };
    writes_done_ = syncs_done_ = 0;
    loop_.io->set_timer(0, 1);
    loop_.run();
    EXPECT_EQ(writes_done_, 16u);
    EXPECT_EQ(syncs_done_, mode == SyncMode::kFdatasync ? 16u : 0u);
    EXPECT_TRUE(written_.empty()) << "nobody is there any more";
    tap::state = {};
    kinds_.clear();
  }
}

TEST_F(UringFiles, AReadGivesWhatWasWrittenAndIsToldFromAWrite) {
  const Pages pages(2, 'r');
  Pages there(3, '?');
  const FileId file = make("file", 1 << 20);
  std::vector<uint64_t> read;
  loop_.was_read = [&](uint64_t token) {
    read.push_back(token);
    loop_.io->stop();
  };
  loop_.written = [&](uint64_t token) {
    written_.push_back(token);
    loop_.io->read_file(file, 4096, {there.data, there.size}, 8);
  };
  loop_.io->write_file(file, 8192, pages.bytes(), SyncMode::kDsync, 7);
  loop_.run();
  EXPECT_EQ(written_, std::vector<uint64_t>{7});
  EXPECT_EQ(read, std::vector<uint64_t>{8});
  EXPECT_EQ(std::string(there.data, there.size), std::string(4096, '\0') + std::string(8192, 'r'));
}

TEST_F(UringFiles, AReadThatFailsOrIsShortIsAFailure) {
  for (const int result : {-EIO, -EINTR, 0, 4096}) {
    Pages pages(2);
    answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
      if (opcode == IORING_OP_READ && cqe.res == 8192) cqe.res = result;
    };
    Loop loop;
    std::swap(loop_.io, loop.io);
    failed_.clear();
    const FileId file = make("file", 1 << 20);
    loop_.was_read = [&](uint64_t) {
      ADD_FAILURE() << result;
      loop_.io->stop();
    };
    loop_.failed = [&](std::string_view what) {
      failed_.emplace_back(what);
      loop_.io->stop();
    };
    loop_.io->read_file(file, 0, {pages.data, pages.size}, 1);
    loop_.run();
    ASSERT_EQ(failed_.size(), 1u) << result;
    const std::string words = result < 0 ? "read from " : "short read from ";
    EXPECT_TRUE(failed_[0].starts_with(words + path("file"))) << failed_[0];
    tap::state = {};
    kinds_.clear();
  }
}

// The kernel writes into the caller's memory until then.
TEST_F(UringFiles, TheLoopEndsWhenItsReadsHave) {
  Pages pages(256);
  const FileId file = make("file", 64 << 20);
  size_t done = 0;
  answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
    if (opcode == IORING_OP_READ && cqe.res > 8) ++done;
  };
  loop_.timer = [&](uint64_t) {
    for (uint64_t token = 0; token < 16; ++token) {
      loop_.io->read_file(file, token * pages.size, {pages.data, pages.size}, token);
    }
    loop_.io->close_file(file);
    loop_.io->stop();
  };
  loop_.io->set_timer(0, 1);
  const auto begun = std::chrono::steady_clock::now();
  loop_.run();
  EXPECT_EQ(done, 16u);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(4500))
      << "it waited for reads that had ended";
}

TEST_F(UringFiles, MoreWritesThanTheRingHasRoomFor) {
  IoOptions options;
  options.submission_entries = 4;
  options.completion_entries = 8;
  options.receive_buffers = 1;
  options.receive_buffer_bytes = 4096;
  auto io = make_io(options);
  ASSERT_TRUE(io.has_value());
  loop_.io = std::move(*io);
  tap::state = {};
  const Pages pages(1);
  const FileId file = make("file", 1 << 20);
  constexpr uint64_t kWrites = 200;
  bool begun = false;
  loop_.timer = [&](uint64_t) {
    if (begun) return loop_.io->stop();
    begun = true;
    for (uint64_t token = 0; token < kWrites; ++token) {
      const SyncMode mode = token % 2 == 0 ? SyncMode::kDsync : SyncMode::kFdatasync;
      loop_.io->write_file(file, token * 4096, pages.bytes(), mode, token);
    }
  };
  loop_.written = [&](uint64_t token) {
    written_.push_back(token);
    if (written_.size() == kWrites) loop_.io->set_timer(loop_.io->now_ns() + 5'000'000, 1);
  };
  loop_.io->set_timer(0, 1);
  loop_.run();
  EXPECT_EQ(failed_, std::vector<std::string>{});
  std::sort(written_.begin(), written_.end());
  ASSERT_EQ(written_.size(), kWrites);
  for (uint64_t token = 0; token < kWrites; ++token) EXPECT_EQ(written_[token], token);
  EXPECT_EQ(content("file").substr(0, kWrites * 4096), std::string(kWrites * 4096, 'x'));
}

TEST_F(UringFiles, TheKernelMayAskToEnterAgain) {
  int refusals = 0;
  tap::on_enter = [&] {
    static constexpr int kCodes[] = {-EINTR, -EAGAIN, -EBUSY, -ETIME};
    return ++refusals % 5 == 0 ? 0 : kCodes[refusals % 5 % 4];
  };
  const Pages pages(1);
  const FileId file = make("file", 1 << 20);
  loop_.io->write_file(file, 0, pages.bytes(), SyncMode::kFdatasync, 1);
  stop_after(1);
  loop_.run();
  EXPECT_EQ(written_, std::vector<uint64_t>{1});
  EXPECT_GE(refusals, 5);
}

}  // namespace
}  // namespace once::reactor
