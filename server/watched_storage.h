// A node's log files, with somebody who is told how much of them was read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "server/data_directory.h"
#include "wal/storage.h"

namespace once::server {

// Of as many threads as the storage behind it. It outlives this.
class WatchedStorage final : public wal::Storage {
 public:
  using OnRead = std::function<void(uint64_t bytes)>;  // of whatever thread has read
  WatchedStorage(wal::Storage& storage, OnRead on_read)
      : storage_(storage), on_read_(std::move(on_read)) {}

  Result<std::vector<std::string>> list(const std::string& directory) override {
    return storage_.list(directory);
  }
  Result<uint64_t> sync_and_size(const std::string& path) override {
    return storage_.sync_and_size(path);
  }
  Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> bytes) override {
    auto got = storage_.read(path, offset, bytes);
    if (got) on_read_(*got);
    return got;
  }
  Result<void> create(const std::string& path, uint64_t size, std::span<const char> head) override {
    return storage_.create(path, size, head);
  }

 private:
  wal::Storage& storage_;
  const OnRead on_read_;
};

// At most so many bytes are read of that stream by a start. 0: it cannot be read; why, is said when
// it is. Neither reads nor syncs a file.
uint64_t bytes_to_read(wal::Storage& storage, const Configuration& configuration,
                       const std::string& directory, uint32_t stream);

}  // namespace once::server
