#include "client/commands/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>

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

bool is_stopped(pid_t pid) {
  const int fd = open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[512];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  const char* end = std::strrchr(text, ')');
  return end != nullptr && std::strncmp(end, ") T", 3) == 0;
}

}  // namespace once::client
