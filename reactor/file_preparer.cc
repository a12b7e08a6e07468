#include "reactor/file_preparer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/assert.h"
#include "base/sync_directory.h"
#include "base/thread_name.h"
#include "reactor/address.h"

namespace once::reactor {
namespace {

constexpr size_t kZeroChunkBytes = 1 << 20;
constexpr size_t kMaxPrepareRequests = 1024;

std::string describe(const char* step, const std::string& path, int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return "disk full while preparing " + path + " (" + step + "): " + errno_text(error_number) +
           "; free some space";
  }
  return std::string(step) + " " + path + ": " + errno_text(error_number);
}

std::string fill_with_zeros(int fd, const std::string& path, uint64_t size,
                            const std::atomic<bool>& stopping) {
  // Reserve first, so that a full disk is met before anything is written.
  if (const int code = posix_fallocate(fd, 0, static_cast<off_t>(size)); code != 0) {
    return describe("reserve space for", path, code);
  }
  const std::vector<char> zeros(kZeroChunkBytes, 0);
  for (uint64_t offset = 0; offset < size;) {
    if (stopping.load(std::memory_order_relaxed)) return "stopped while preparing " + path;
    const size_t want = std::min<uint64_t>(zeros.size(), size - offset);
    const ssize_t wrote = pwrite(fd, zeros.data(), want, static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return describe("write zeros to", path, wrote < 0 ? errno : EIO);
    offset += static_cast<uint64_t>(wrote);
  }
  if (fsync(fd) != 0) return describe("fsync", path, errno);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // later access is O_DIRECT
  return {};
}

std::string sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  const int failed = sync_directory(directory);
  return failed == 0 ? "" : describe("fsync directory", directory, failed);
}

std::string prepare(const std::string& path, uint64_t size, const std::atomic<bool>& stopping) {
  const std::string temporary = path + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return describe("create", temporary, errno);
  std::string failed = size == 0 ? "" : fill_with_zeros(fd, temporary, size, stopping);
  ::close(fd);
  if (failed.empty() && rename(temporary.c_str(), path.c_str()) != 0) {
    failed = describe("rename to", path, errno);
  }
  if (!failed.empty()) {
    unlink(temporary.c_str());
    return failed;
  }
  return sync_directory_of(path);
}

}  // namespace

FilePreparer::~FilePreparer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void FilePreparer::submit(PreparedFile request) {
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  {
    const std::lock_guard lock(mutex_);
    ONCE_ASSERT(requests_.size() < kMaxPrepareRequests);
    requests_.push_back(std::move(request));
  }
  wanted_.notify_one();
}

std::vector<PreparedFile> FilePreparer::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void FilePreparer::work() {
  name_thread("segments");
  for (;;) {
    PreparedFile request;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_.load() || !requests_.empty(); });
      if (stopping_.load()) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    request.error = prepare(request.path, request.size, stopping_);
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(request));
    }
    notify_();
  }
}

}  // namespace once::reactor
