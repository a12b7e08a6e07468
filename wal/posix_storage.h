// Storage on the files of this machine. Its calls may come from several threads at once.
#pragma once

#include "wal/storage.h"

namespace once::wal {

class PosixStorage final : public Storage {
 public:
  // `direct`: past the page cache (O_DIRECT). A file system that refuses it gets an error that
  // names it and says what to do.
  // kIfItCan: for those who only look. A file system that is read-only, or syncs nothing, is read
  // all the same; nobody may go on from what was read.
  enum class Sync : uint8_t { kAlways, kIfItCan };
  explicit PosixStorage(bool direct, Sync sync = Sync::kAlways) : direct_(direct), sync_(sync) {}

  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<uint64_t> sync_and_size(const std::string& path) override;
  Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> bytes) override;
  // A durable file, or none (base/durable_file.h).
  Result<void> create(const std::string& path, uint64_t size, std::span<const char> head) override;

 private:
  const bool direct_;
  const Sync sync_;
};

}  // namespace once::wal
