// The files of a stream: their names, which of them exist, and the blocking reads and writes that
// happen before a log runs. Any thread; nothing here is on the hot path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "wal/block_format.h"

namespace once::wal {

struct SegmentFile {
  uint64_t generation = 0;
  std::string path;
};

std::string segment_path(const std::string& directory, uint32_t stream, uint64_t generation);

// The stream's segments, ascending by generation. Other files are passed over.
Result<std::vector<SegmentFile>> list_segments(const std::string& directory, uint32_t stream);

// Closed when dropped.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct AlignedFree {
  void operator()(char* memory) const;
};
using AlignedBytes = std::unique_ptr<char[], AlignedFree>;
AlignedBytes allocate_aligned(size_t bytes);  // zeroed, and so touched

// `flags` as for open(2); with `direct`, a refused O_DIRECT gets an error that says what to do.
Result<Descriptor> open_aligned(const std::string& path, int flags, bool direct);
Result<uint64_t> file_bytes(const Descriptor& file, const std::string& path);
Result<void> sync_directory(const std::string& directory);
Result<void> write_fully(const Descriptor& file, const std::string& path, const char* bytes,
                         size_t size, uint64_t offset);
// Reads up to `size` bytes; fewer only at the end of the file.
Result<size_t> read_fully(const Descriptor& file, const std::string& path, char* bytes, size_t size,
                          uint64_t offset);
// "cannot VERB PATH: REASON", from errno.
Error system_error(const char* verb, const std::string& path);

}  // namespace once::wal
