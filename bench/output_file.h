// A file that a run writes at its end, and opens before it begins: who has given a path where
// nothing can be written learns so before minutes of work, not after.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/output.h"
#include "base/printable.h"

namespace once::bench {

class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // Nothing happens for no path. Empty: fine; otherwise what is wrong. What is there stays until
  // write().
  std::string open(std::string path) {
    path_ = std::move(path);
    if (path_.empty()) return {};
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return descriptor_ >= 0 ? "" : complaint();
  }
  bool is_open() const { return descriptor_ >= 0; }
  // Instead of what is there. Empty: fine; otherwise what is wrong.
  std::string write(const std::string& text) {
    // A pipe, or a device, has no end to be cut off.
    if (::ftruncate(descriptor_, 0) != 0 && errno != EINVAL) return complaint();
    return write_all(descriptor_, text) ? "" : complaint();
  }

 private:
  std::string complaint() const {
    return fmt::format("cannot write {}: {}", printable(path_), std::strerror(errno));
  }
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace once::bench
