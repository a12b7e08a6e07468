#include "cli/commands/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/output.h"

namespace once::client {
namespace {

unsigned closed = 0;

}  // namespace

void hold_standard_files() { closed = hold_standard_descriptors(Held::kBroken); }

void give_sane_standard_files() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if ((closed & 1u << fd) == 0) continue;
    close(fd);
    (void)open("/dev/null", O_RDWR);  // gets the lowest number that is free: this one
  }
}

bool in_the_foreground(pid_t or_its) {
  const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (terminal < 0) return false;
  const pid_t group = tcgetpgrp(terminal);
  close(terminal);
  return group == getpgrp() || group == getpgid(or_its);
}

}  // namespace once::client
