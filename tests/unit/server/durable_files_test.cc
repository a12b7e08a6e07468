// What a power cut may undo cannot be seen by looking at files: this test watches the calls
// instead. A file must be synced before it gets its name, its directory after, and a log before it
// is read.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <string>
#include <vector>

#include "server/data_directory.h"
#include "server/exit_codes.h"
#include "server/verify.h"
#include "server/watched_storage.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/server/formatted_directory.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/posix_file.h"
#include "wal/posix_storage.h"

namespace {

std::vector<std::string> calls;  // "sync PATH", "rename PATH", "read PATH": by the new path
bool syncs_fail = false;
int sync_error = EIO;
bool fail_once = false;  // as the kernel tells whoever has a file open, and then no more
std::string failing;     // where alone they fail; empty: everywhere
int lock_error = 0;      // of every lock

std::string path_of(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size < 0 ? "" : std::string(path, static_cast<size_t>(size));
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int watched_sync(int fd, const char* name) {
  calls.push_back("sync " + path_of(fd));
  const bool fails = syncs_fail && (failing.empty() || path_of(fd) == failing);
  if (!fails) return real<int(int)>(name)(fd);
  if (fail_once) syncs_fail = false;
  errno = sync_error;
  return -1;
}

}  // namespace

// These stand before the C library's, for this program only.
extern "C" {
int fsync(int fd) { return watched_sync(fd, "fsync"); }
int fdatasync(int fd) { return watched_sync(fd, "fdatasync"); }
int rename(const char* from, const char* to) noexcept {
  calls.push_back("rename " + std::string(to));
  return real<int(const char*, const char*)>("rename")(from, to);
}
int flock(int fd, int how) noexcept {
  if (lock_error == 0) return real<int(int, int)>("flock")(fd, how);
  errno = lock_error;
  return -1;
}
ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  calls.push_back("read " + path_of(fd));
  return real<ssize_t(int, void*, size_t, off_t)>("pread")(fd, bytes, size, offset);
}
ssize_t pread64(int fd, void* bytes, size_t size, off64_t offset) {
  calls.push_back("read " + path_of(fd));
  return real<ssize_t(int, void*, size_t, off64_t)>("pread64")(fd, bytes, size, offset);
}
}

namespace once {
namespace {

class DurableFiles : public testing::Test {
 protected:
  ~DurableFiles() override {
    syncs_fail = false;
    fail_once = false;
    lock_error = 0;
    sync_error = EIO;
    failing.clear();
  }
  DurableFiles() : directory_(std::filesystem::canonical(scratch_.path()).string()) {}
  static size_t index_of(const std::string& call, size_t from = 0) {
    const auto at = std::find(calls.begin() + static_cast<ptrdiff_t>(from), calls.end(), call);
    return static_cast<size_t>(at - calls.begin());
  }
  // The bytes, the name, the directory: in this order.
  void expect_durable(const std::string& directory, const std::string& name) {
    const std::string path = directory + "/" + name;
    const size_t named = index_of("rename " + path);
    ASSERT_LT(named, calls.size()) << path << " got its name by no rename";
    EXPECT_LT(index_of("sync " + path + ".tmp"), named) << path;
    EXPECT_LT(index_of("sync " + directory, named), calls.size()) << path;
  }
  wal::LogOptions options() const {
    wal::LogOptions options;
    options.directory = directory_;
    options.segment_bytes = 2 * kMaxBatchBytes;
    options.direct = false;
    return options;
  }

  TemporaryDirectory scratch_;
  const std::string directory_;
  const wal::Identity identity_{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
};

TEST_F(DurableFiles, ANewSegmentIsSyncedBeforeItHasItsName) {
  wal::PosixStorage storage(false);
  calls.clear();
  ASSERT_TRUE(wal::create_stream(storage, identity_, options()));
  expect_durable(directory_, "log-0-1.seg");
}

TEST_F(DurableFiles, ALogIsSyncedBeforeItIsTrusted) {
  wal::PosixStorage storage(false);
  ASSERT_TRUE(wal::create_stream(storage, identity_, options()));
  calls.clear();
  ASSERT_TRUE(wal::recover(storage, identity_, options(), [](auto, auto, auto&) {}));
  const std::string path = directory_ + "/log-0-1.seg";
  ASSERT_LT(index_of("read " + path), calls.size());
  EXPECT_LT(index_of("sync " + path), index_of("read " + path));
}

TEST_F(DurableFiles, TheFilesBesideTheLogToo) {
  server::Configuration configuration;
  configuration.cluster = *server::parse_cluster_id("c0ffee");
  configuration.node = NodeId{1};
  configuration.segment_bytes = kMaxBatchBytes;
  configuration.members = *server::parse_members("1=a:1,2=b:2");
  const std::string data = directory_ + "/new/too/node";
  calls.clear();
  ASSERT_TRUE(server::DataDirectory::format(data, configuration, false));
  for (const char* made_in : {"", "/new", "/new/too"}) {
    EXPECT_LT(index_of("sync " + directory_ + made_in), calls.size())
        << "the data directory's own name, and of those that it is in";
  }
  for (const char* name : {"lock", "identity", "peers", "streams"}) expect_durable(data, name);
  const size_t formatted = index_of("rename " + data + "/identity");
  for (const char* name : {"log-0-1.seg", "lock", "peers", "streams"}) {
    EXPECT_LT(index_of("rename " + data + "/" + name), formatted) << "it counts as formatted";
  }
  calls.clear();
  auto opened = server::DataDirectory::open(data);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_LT(index_of("sync " + data), calls.size()) << "names that a killed run left unsynced";
  calls.clear();
  EXPECT_EQ((*opened)->check_peer_disk(NodeId{2}, DiskId{{7, 7}}), "");
  expect_durable(data, "peers");

  // A name that may vanish is none: nothing may be built on it.
  syncs_fail = true;
  failing = data;
  EXPECT_NE((*opened)->check_peer_disk(NodeId{1}, DiskId{{8, 8}}), "");
  EXPECT_FALSE((*opened)->remember_streams(2));
  EXPECT_FALSE((*opened)->remember_standing(server::Standing::kAdmitted));
  opened->reset();
  EXPECT_FALSE(server::DataDirectory::open(data)) << "names that a killed run left unsynced";
}

// Of those who only look, on a file system that the kernel made read-only, or that has no sync.
TEST_F(DurableFiles, WhoeverGoesOnFromAFileNeedsItSynced) {
  wal::PosixStorage storage(false), looks(false, wal::PosixStorage::Sync::kIfItCan);
  ASSERT_TRUE(storage.create(directory_ + "/a", kBlockBytes, {}));
  syncs_fail = true;
  for (const int code : {EROFS, EINVAL, EIO}) {
    sync_error = code;
    EXPECT_FALSE(storage.sync_and_size(directory_ + "/a"));
    EXPECT_EQ(looks.sync_and_size(directory_ + "/a").has_value(), code != EIO);
  }
}

TEST_F(DurableFiles, AFailedSyncIsAnErrorAndLeavesNoFile) {
  wal::PosixStorage storage(false);
  const std::string path = directory_ + "/a";
  syncs_fail = true;
  EXPECT_FALSE(storage.create(path, kBlockBytes, {}));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
  syncs_fail = false;
  ASSERT_TRUE(storage.create(path, kBlockBytes, {}));
  syncs_fail = true;
  EXPECT_FALSE(storage.sync_and_size(path));
  syncs_fail = false;
}

// What the kernel could not write it drops, and says so once: a log that was synced in vain is not
// the one that a power cut leaves.
TEST_F(DurableFiles, ALogWhoseSyncFailedOnceIsNotTrusted) {
  const std::string data = directory_ + "/node";
  ASSERT_TRUE(server::format_directory(data, "1=a:1,2=b:2"));
  EXPECT_EQ(server::run_verify(data, false), server::kExitDone);
  syncs_fail = fail_once = true;
  failing = data + "/log-0-1.seg";
  EXPECT_EQ(server::run_verify(data, false), server::kExitDirectory);
  EXPECT_FALSE(syncs_fail);
}

// Nobody can say who else is in a directory on a file system without locks.
TEST_F(DurableFiles, ALockThatCannotBeTakenIsNotOneOfAnother) {
  const std::string data = directory_ + "/node";
  ASSERT_TRUE(server::format_directory(data, "1=a:1,2=b:2"));
  lock_error = ENOLCK;
  const auto opened = server::DataDirectory::open(data);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.starts_with("cannot lock ")) << opened.error().message;
}

// How much there is to read is asked first, by a start too.
TEST_F(DurableFiles, WhoeverCountsTheBytesOfALogSyncsNothing) {
  const std::string data = directory_ + "/node";
  ASSERT_TRUE(server::format_directory(data, "1=a:1,2=b:2"));
  const auto configuration = server::DataDirectory::read_configuration(data);
  ASSERT_TRUE(configuration);
  wal::PosixStorage storage(false);
  calls.clear();
  EXPECT_EQ(server::bytes_to_read(storage, *configuration, data, 0), 2 * kMaxBatchBytes);
  EXPECT_EQ(server::bytes_to_read(storage, *configuration, data, 1), 0u);
  EXPECT_EQ(calls, std::vector<std::string>());
}

// A limit on file sizes cuts a write short, as a full disk does.
TEST_F(DurableFiles, AShortWriteIsNoWrite) {
  const std::string path = directory_ + "/short";
  auto file = wal::open_aligned(path, O_RDWR | O_CREAT, false);
  ASSERT_TRUE(file);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{6000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string bytes(8192, 'x');
  const auto written = wal::write_fully(*file, path, bytes.data(), bytes.size(), 0);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(std::filesystem::file_size(path), 6000u);
  EXPECT_FALSE(written);
}

}  // namespace
}  // namespace once
