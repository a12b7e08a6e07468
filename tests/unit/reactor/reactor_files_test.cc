// The reactor's files: durable writes, preparation, failures.
#include <sys/file.h>

#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace reactor_files_test {

struct ReactorFiles : BothBackends {};
INSTANTIATE_TEST_SUITE_P(Io, ReactorFiles, testing::Values(Backend::kUring, Backend::kEpoll),
                         backend_name);

TEST_P(ReactorFiles, PreparedFileTakesDurableWrites) {
  const Directory directory;
  const std::string path = directory.path + "/segment";
  Loop loop;
  AlignedPage page;
  std::vector<uint64_t> tokens;
  FileId file;
  loop.prepared = [&](const std::string& failed) {
    ASSERT_EQ(failed, "");
    ASSERT_EQ(std::filesystem::file_size(path), 3u << 20);
    auto opened = loop.io->open_file(path, true, &loop);
    if (!opened) opened = loop.io->open_file(path, false, &loop);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    file = *opened;
    loop.io->write_file(file, 4096, {page.data, 4096}, SyncMode::kDsync, 7);
  };
  loop.written = [&](uint64_t token) {
    tokens.push_back(token);
    if (token == 7) {
      loop.io->write_file(file, 8192, {page.data, 4096}, SyncMode::kFdatasync, 8);
      return;
    }
    loop.io->close_file(file);
    loop.io->stop();
  };
  loop.failed = [&](std::string_view what) { ADD_FAILURE() << what; };
  loop.io->prepare_file(path, 3 << 20, &loop);
  loop.run();
  EXPECT_EQ(tokens, (std::vector<uint64_t>{7, 8}));
  std::string content(16384, '?');
  const int fd = ::open(path.c_str(), O_RDONLY);
  EXPECT_EQ(pread(fd, content.data(), content.size(), 0), 16384);
  ::close(fd);
  EXPECT_EQ(content, std::string(4096, '\0') + std::string(8192, 'x') + std::string(4096, '\0'));
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST_P(ReactorFiles, PrepareReportsFailures) {
  Loop loop;
  std::string failed;
  loop.prepared = [&](const std::string& text) {
    failed = text;
    loop.io->stop();
  };
  loop.io->prepare_file("/nonexistent/segment", 4096, &loop);
  loop.run();
  EXPECT_NE(failed.find("/nonexistent/segment"), std::string::npos) << failed;
}

TEST_P(ReactorFiles, AFailedWriteIsNeverReportedAsWritten) {
  for (const SyncMode mode : {SyncMode::kDsync, SyncMode::kFdatasync}) {
    Loop loop;
    AlignedPage page;
    const auto file = loop.io->open_file("/dev/full", false, &loop);
    ASSERT_TRUE(file.has_value());
    std::string failed;
    loop.written = [](uint64_t) { ADD_FAILURE(); };
    loop.failed = [&](std::string_view what) {
      failed = what;
      loop.io->stop();
    };
    loop.io->write_file(*file, 0, {page.data, 4096}, mode, 1);
    loop.run();
    // That device takes no flags of pwritev2, and says so instead.
    const bool flagged = GetParam() == Backend::kEpoll && mode == SyncMode::kDsync;
    EXPECT_NE(failed.find(flagged ? "not supported" : "disk full"), std::string::npos) << failed;
    EXPECT_NE(failed.find("/dev/full"), std::string::npos) << failed;
  }
}

// Closed by the process (as by its end), the file stays open, and so locked, until the ring is
// gone.
TEST(HeldFile, IsLockedAsLongAsTheRingIsThere) {
  const std::string path = std::filesystem::temp_directory_path() / "once-held-XXXXXX";
  std::string name = path;
  IoOptions options;
  options.held_file = mkstemp(name.data());
  ASSERT_GE(options.held_file, 0);
  ASSERT_EQ(flock(options.held_file, LOCK_EX | LOCK_NB), 0);
  auto io = make_io(options);
  ASSERT_TRUE(io) << io.error().message;
  close(options.held_file);

  const int other = open(name.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_NE(flock(other, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(errno, EWOULDBLOCK);
  io->reset();
  EXPECT_EQ(flock(other, LOCK_EX), 0);  // the kernel takes the ring apart in its own time
  close(other);
  unlink(name.c_str());
}

TEST_P(ReactorFiles, OpeningAMissingFileIsAnError) {
  Loop loop;
  const auto file = loop.io->open_file("/nonexistent/file", true, &loop);
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().message.find("/nonexistent/file"), std::string::npos);
}

}  // namespace reactor_files_test
}  // namespace once::reactor
