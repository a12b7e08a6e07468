// Owns a file descriptor: closed when dropped. It moves, and is never copied; one thread at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace once {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Closes it, and owns this one from now on.
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  // The caller owns it now.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace once
