// The names in a directory, made durable.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/descriptor.h"

namespace once {

// Blocks. What was created or renamed in `directory` before outlives a power cut after. Returns 0,
// or the errno. Any thread.
inline int sync_directory(const std::string& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno;
  return 0;
}

}  // namespace once
