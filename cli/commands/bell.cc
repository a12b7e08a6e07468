#include "cli/commands/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace once::client {

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_) return;
  const auto code = std::make_error_code(std::errc{errno});
  throw std::system_error(code, "nothing was asked: cannot make an event");
}

void Bell::ring() const {
  const uint64_t one = 1;
  (void)!write(fd_.get(), &one, sizeof one);
}

void Bell::mute() const {
  uint64_t rung;
  (void)!read(fd_.get(), &rung, sizeof rung);
}

}  // namespace once::client
