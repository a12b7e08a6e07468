// The files of a log as format, recovery and inspection see them: blocking, before the log runs.
// (What a running log writes goes through reactor::Io.) An interface, so that a test can hold the
// files in memory as a crash would have left them. Single-threaded, unless it says otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace once::wal {

class Storage {
 public:
  virtual ~Storage() = default;
  // Names of the files in a directory, in no order.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // Makes what a read returns durable, before it is trusted; then the size in bytes.
  virtual Result<uint64_t> sync_and_size(const std::string& path) = 0;
  // Fewer bytes than asked for only at the end of the file. Offset, size and address are multiples
  // of kBlockBytes.
  virtual Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> bytes) = 0;
  // A file of `size` bytes that begins with `head` and is zero behind it, written out and durable,
  // its directory too; atomic under `path`, which must not exist. Both sizes are multiples of
  // kBlockBytes.
  virtual Result<void> create(const std::string& path, uint64_t size,
                              std::span<const char> head) = 0;
};

}  // namespace once::wal
