#include "wal/posix_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/assert.h"
#include "wal/posix_file.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

namespace fs = std::filesystem;

Result<void> write_out(const std::string& path, uint64_t size, std::span<const char> head,
                       bool direct) {
  auto file = open_aligned(path, O_RDWR | O_CREAT | O_EXCL, direct);
  if (!file) return tl::unexpected(file.error());
  AlignedBytes piece = allocate_aligned(kMaxBatchBytes);
  for (uint64_t at = 0; at < size; at += kMaxBatchBytes) {
    const size_t part = std::min<uint64_t>(kMaxBatchBytes, size - at);
    const size_t from_head = std::min<uint64_t>(part, head.size() - std::min(head.size(), at));
    if (from_head > 0) std::memcpy(piece.get(), head.data() + at, from_head);
    std::memset(piece.get() + from_head, 0, part - from_head);
    auto written = write_fully(*file, path, piece.get(), part, at);
    if (!written) return written;
  }
  if (fsync(file->get()) != 0) return tl::unexpected(system_error("sync", path));
  return {};
}

}  // namespace

Result<std::vector<std::string>> PosixStorage::list(const std::string& directory) {
  std::error_code code;
  fs::directory_iterator at(directory, code);
  std::vector<std::string> names;
  for (; !code && at != fs::directory_iterator(); at.increment(code)) {
    names.push_back(at->path().filename().string());
  }
  if (code) return error(fmt::format("cannot list {}: {}", directory, code.message()));
  return names;
}

Result<uint64_t> PosixStorage::sync_and_size(const std::string& path) {
  auto file = open_aligned(path, O_RDONLY, false);
  if (!file) return tl::unexpected(file.error());
  if (fsync(file->get()) != 0) return tl::unexpected(system_error("sync", path));
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
  const std::string unfinished = path + ".tmp";
  unlink(unfinished.c_str());
  auto written = write_out(unfinished, size, head, direct_);
  if (!written) {
    unlink(unfinished.c_str());
    return written;
  }
  if (rename(unfinished.c_str(), path.c_str()) != 0) {
    return tl::unexpected(system_error("rename", unfinished));
  }
  return sync_directory(fs::path(path).parent_path().string());
}

}  // namespace once::wal
