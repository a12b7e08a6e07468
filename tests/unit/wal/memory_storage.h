// A log's files in memory. A copy is cheap and shares its blocks with the original until either
// writes, so that a test can keep an image of a disk for each moment at which it might have
// crashed. Single-threaded.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "wal/storage.h"

namespace once {

class MemoryStorage : public wal::Storage {
 public:
  using Block = std::array<char, kBlockBytes>;
  struct File {
    uint64_t bytes = 0;                                // a test may cut it
    std::vector<std::shared_ptr<const Block>> blocks;  // null: zeros
  };

  // What the test turns and reads.
  std::map<std::string, File> files;  // by path
  std::string refuse;                 // a path whose every call is answered with an error
  std::set<std::string> synced;       // since the test cleared it
  std::function<void(const std::string& path)> on_read;

  void make(const std::string& path, uint64_t size) {
    files[path] = {size, std::vector<std::shared_ptr<const Block>>(size / kBlockBytes)};
  }
  void rename(const std::string& from, const std::string& to) {
    auto file = files.extract(from);
    ONCE_ASSERT(!file.empty() && !files.contains(to));
    file.key() = to;
    files.insert(std::move(file));
  }
  std::shared_ptr<const Block>& block(const std::string& path, uint64_t index) {
    return files.at(path).blocks.at(index);
  }
  // As a write of the running log would leave the file: whole blocks inside of it.
  void write(const std::string& path, uint64_t offset, std::span<const char> bytes) {
    ONCE_ASSERT(offset % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0);
    for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
      auto copy = std::make_shared<Block>();
      std::memcpy(copy->data(), bytes.data() + at, kBlockBytes);
      block(path, (offset + at) / kBlockBytes) = std::move(copy);
    }
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    if (refuse == directory) return refused();
    std::vector<std::string> names;
    const std::string prefix = directory + "/";
    for (const auto& [path, file] : files) {
      const bool inside = path.starts_with(prefix) && path.find('/', prefix.size()) == path.npos;
      if (inside) names.push_back(path.substr(prefix.size()));
    }
    return names;
  }
  Result<uint64_t> sync_and_size(const std::string& path) override {
    synced.insert(path);
    auto found = files.find(path);
    if (refuse == path || found == files.end()) return refused();
    return found->second.bytes;
  }
  Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> bytes) override {
    if (on_read) on_read(path);
    auto found = files.find(path);
    if (refuse == path || found == files.end()) return refused();
    ONCE_ASSERT(offset % kBlockBytes == 0 && bytes.size() % kBlockBytes == 0);
    const File& file = found->second;
    const size_t size = std::min<uint64_t>(bytes.size(), file.bytes - std::min(file.bytes, offset));
    for (size_t at = 0; at < size; at += kBlockBytes) {
      const auto& block = file.blocks[(offset + at) / kBlockBytes];
      const size_t part = std::min(kBlockBytes, size - at);
      if (block)
        std::memcpy(bytes.data() + at, block->data(), part);
      else
        std::memset(bytes.data() + at, 0, part);
    }
    return size;
  }
  Result<void> create(const std::string& path, uint64_t size, std::span<const char> head) override {
    if (refuse == path || files.contains(path)) return refused();
    make(path, size);
    write(path, 0, head);
    return {};
  }

 private:
  static tl::unexpected<Error> refused() { return error("refused by the test, or not there"); }
};

}  // namespace once
