#include "wal/posix_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "base/assert.h"
#include "wal/posix_file.h"
#include "wal/segment.h"

namespace once::wal {

Result<std::vector<std::string>> PosixStorage::list(const std::string& directory) {
  std::error_code code;
  std::filesystem::directory_iterator at(directory, code);
  std::vector<std::string> names;
  for (; !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
    names.push_back(at->path().filename().string());
  }
  if (code) return error(fmt::format("cannot list {}: {}", directory, code.message()));
  return names;
}

Result<uint64_t> PosixStorage::sync_and_size(const std::string& path) {
  auto file = open_aligned(path, O_RDONLY, false);
  if (!file) return tl::unexpected(file.error());
  const bool may_fail = sync_ == Sync::kIfItCan;
  if (fsync(file->get()) != 0 && !(may_fail && (errno == EROFS || errno == EINVAL))) {
    return tl::unexpected(system_error("sync", path));
  }
  return file_bytes(*file, path);
}

Result<size_t> PosixStorage::read(const std::string& path, uint64_t offset, std::span<char> bytes) {
  auto file = open_aligned(path, O_RDONLY, direct_);
  if (!file) return tl::unexpected(file.error());
  return read_fully(*file, path, bytes.data(), bytes.size(), offset);
}

Result<void> PosixStorage::create(const std::string& path, uint64_t size,
                                  std::span<const char> head) {
  ONCE_ASSERT(size % kBlockBytes == 0 && head.size() % kBlockBytes == 0 && head.size() <= size);
  return make_file(path, {head, size}, direct_);
}

}  // namespace once::wal
