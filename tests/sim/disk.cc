#include "tests/sim/disk.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace once::sim {
namespace {

size_t without_zeros(std::string_view block) {
  size_t size = block.size();
  uint64_t word = 0;
  while (size >= sizeof word) {
    std::memcpy(&word, block.data() + size - sizeof word, sizeof word);
    if (word != 0) break;
    size -= sizeof word;
  }
  return size;
}

}  // namespace

Result<std::vector<std::string>> SimDisk::list(const std::string& directory) {
  std::vector<std::string> names;
  const std::string prefix = directory + "/";
  for (const auto& [path, file] : files_) {
    if (path.starts_with(prefix)) names.push_back(path.substr(prefix.size()));
  }
  return names;
}

Result<uint64_t> SimDisk::sync_and_size(const std::string& path) {
  const auto file = files_.find(path);
  if (file == files_.end()) return error("cannot open " + path + ": No such file or directory");
  return file->second.bytes;
}

Result<size_t> SimDisk::read(const std::string& path, uint64_t offset, std::span<char> bytes) {
  const auto found = files_.find(path);
  if (found == files_.end()) return error("cannot open " + path + ": No such file or directory");
  const File& file = found->second;
  ONCE_ASSERT(offset % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0);
  if (offset >= file.bytes) return size_t{0};
  const size_t size = std::min<size_t>(bytes.size(), file.bytes - offset);
  for (size_t at = 0; at < size; at += kBlockBytes) {
    const std::string& block = file.blocks[(offset + at) / kBlockBytes];
    std::memcpy(bytes.data() + at, block.data(), block.size());
    std::memset(bytes.data() + at + block.size(), 0, kBlockBytes - block.size());
  }
  return size;
}

Result<void> SimDisk::create(const std::string& path, uint64_t size, std::span<const char> head) {
  if (full) return error("cannot create " + path + ": No space left on device");
  ONCE_ASSERT(!exists(path) && size % kBlockBytes == 0);
  File& file = files_[path];
  file.bytes = size;
  file.blocks.resize(size / kBlockBytes);
  if (!head.empty()) write(path, 0, {head.data(), head.size()});
  return {};
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  auto file = files_.extract(from);
  ONCE_ASSERT(!file.empty() && !exists(to));
  file.key() = to;
  files_.insert(std::move(file));
  unsynced_.push_back({from, to, {}});
}

void SimDisk::remove(const std::string& path) {
  auto file = files_.extract(path);
  ONCE_ASSERT(!file.empty());
  unsynced_.push_back({path, "", std::move(file.mapped())});
}

// A journal: names change on the disk in the order in which they were changed.
void SimDisk::forget_names(size_t kept) {
  for (; unsynced_.size() > kept; unsynced_.pop_back()) {
    NameChange& change = unsynced_.back();
    if (change.to.empty()) {
      files_[change.from] = std::move(change.removed);
      continue;
    }
    auto file = files_.extract(change.to);
    file.key() = change.from;
    files_.insert(std::move(file));
  }
  unsynced_.clear();
}

void SimDisk::put(File& file, size_t block, std::string_view bytes) {
  file.blocks[block].assign(bytes.data(), without_zeros(bytes));
}

void SimDisk::write(const std::string& path, uint64_t offset, std::string_view bytes) {
  File& file = files_.at(path);
  ONCE_ASSERT(offset % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0);
  ONCE_ASSERT(offset + bytes.size() <= file.bytes);
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    put(file, (offset + at) / kBlockBytes, bytes.substr(at, kBlockBytes));
  }
}

void SimDisk::write_some(const std::string& path, uint64_t offset, std::string_view bytes,
                         const std::function<bool(size_t)>& lands) {
  File& file = files_.at(path);
  std::string merged(kBlockBytes, '\0');
  size_t sector = 0;
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    const size_t block = (offset + at) / kBlockBytes;
    std::fill(merged.begin(), merged.end(), '\0');
    merged.replace(0, file.blocks[block].size(), file.blocks[block]);
    for (size_t in = 0; in < kBlockBytes; in += kSectorBytes) {
      if (lands(sector++)) merged.replace(in, kSectorBytes, bytes.substr(at + in, kSectorBytes));
    }
    put(file, block, merged);
  }
}

void SimDisk::flip_bit(const std::string& path, uint64_t offset, unsigned bit) {
  std::string& block = files_.at(path).blocks[offset / kBlockBytes];
  const size_t in = offset % kBlockBytes;
  std::string whole = block;
  whole.resize(kBlockBytes, '\0');
  whole[in] = static_cast<char>(whole[in] ^ (1 << bit));
  block.assign(whole.data(), without_zeros(whole));
}

std::vector<std::string> SimDisk::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) paths.push_back(path);
  return paths;
}

uint64_t SimDisk::size_of(const std::string& path) const { return files_.at(path).bytes; }

}  // namespace once::sim
