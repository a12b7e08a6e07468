#include "base/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "base/assert.h"
#include "base/descriptor.h"
#include "base/limits.h"
#include "base/sync_directory.h"

namespace once {
namespace {

// With O_DIRECT each is one request to the disk, which those of a log that runs wait behind.
constexpr uint64_t kPieceBytes = 256 * 1024;
static_assert(kPieceBytes % kBlockBytes == 0);

using Failed = std::optional<FileFailure>;

// Aligned, so that O_DIRECT takes it.
class Piece {
 public:
  Piece() : bytes_(static_cast<char*>(std::aligned_alloc(kBlockBytes, kPieceBytes)), &std::free) {
    if (bytes_ == nullptr) throw std::bad_alloc();
  }
  // The part of the file that begins at `offset`, of `size` bytes.
  const char* filled(const FileContents& contents, uint64_t offset, size_t size) {
    const uint64_t passed = std::min<uint64_t>(offset, contents.head.size());
    const size_t from_head = std::min<uint64_t>(size, contents.head.size() - passed);
    if (from_head > 0) std::memcpy(bytes_.get(), contents.head.data() + offset, from_head);
    if (dirty_ > from_head) std::memset(bytes_.get() + from_head, 0, dirty_ - from_head);
    dirty_ = from_head;
    return bytes_.get();
  }

 private:
  size_t dirty_ = kPieceBytes;  // so many at the beginning may be anything but zero
  std::unique_ptr<char, decltype(&std::free)> bytes_;
};

// Before anything is written, so that a full disk is met early. Where the file system cannot do
// that, the writes meet it. 0, or the errno.
int reserve(int fd, const FileContents& contents) {
  if (contents.bytes == contents.head.size()) return 0;
  int code = 0;
  do {
    code = fallocate(fd, 0, 0, static_cast<off_t>(contents.bytes)) == 0 ? 0 : errno;
  } while (code == EINTR);
  return code == EOPNOTSUPP ? 0 : code;
}

Failed write_contents(int fd, const std::string& path, const FileContents& contents,
                      const std::atomic<bool>* stopping) {
  if (const int code = reserve(fd, contents); code != 0) {
    return FileFailure{"reserve space for", path, code};
  }
  Piece piece;
  for (uint64_t offset = 0; offset < contents.bytes;) {
    if (stopping != nullptr && stopping->load(std::memory_order_relaxed)) {
      return FileFailure{"", path, ECANCELED};
    }
    const size_t want = std::min(kPieceBytes, contents.bytes - offset);
    const char* bytes = piece.filled(contents, offset, want);
    const ssize_t wrote = pwrite(fd, bytes, want, static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const char* doing = offset < contents.head.size() ? "write to" : "write zeros to";
      return FileFailure{doing, path, wrote < 0 ? errno : EIO};
    }
    offset += static_cast<uint64_t>(wrote);
  }
  if (fsync(fd) != 0) return FileFailure{"fsync", path, errno};
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // what is large is read with O_DIRECT
  return {};
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string unfinished_name(const std::string& path) { return path + ".tmp"; }

Failed make_durable_file(const std::string& path, const FileContents& contents, int more_flags,
                         const std::atomic<bool>* stopping) {
  ONCE_ASSERT(contents.head.size() <= contents.bytes);
  const std::string unfinished = unfinished_name(path);
  unlink(unfinished.c_str());  // what an earlier run left half made
  Descriptor file(
      open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | more_flags, 0600));
  // One that this run may not remove is not its own.
  if (!file) return FileFailure{"create", unfinished, errno};
  Failed failed = write_contents(file.get(), unfinished, contents, stopping);
  file.reset();
  if (!failed && rename(unfinished.c_str(), path.c_str()) != 0) {
    failed = FileFailure{"rename to", path, errno};
  }
  if (failed) {
    unlink(unfinished.c_str());
    return failed;
  }
  const std::string directory = directory_of(path);
  const int code = sync_directory(directory);
  if (code != 0) return FileFailure{"fsync directory", directory, code};
  return {};
}

}  // namespace once
