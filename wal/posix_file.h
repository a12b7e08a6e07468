// Blocking access to files by descriptor, for what runs before a log does. Errors name the file and
// the reason. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace once::wal {

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
