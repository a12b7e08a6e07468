// Non-blocking TCP sockets by HOST:PORT, and a monotonic clock.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace once::client {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

int64_t now_ns();

// Begins to connect; writable or in error once that is decided. Host names are looked up on the
// calling thread: addresses are the better endpoints.
once::Result<FileDescriptor> begin_connect(const std::string& address);
// Empty when the connection stands, otherwise why it failed.
std::string connect_failure(const FileDescriptor& socket);

}  // namespace once::client
