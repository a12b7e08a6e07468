// What programs say to people, and what they owe to whoever reads their output. A disk that is
// full, a descriptor that is closed and a reader that is gone are told to the caller and never
// thrown; whoever has done what cannot be undone goes on. Any thread.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/folded.h"
#include "base/last_words.h"
#include "base/printable.h"

namespace once {

// All of it, also into a pipe that somebody has made non-blocking. False: errno says why not.
inline bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      (void)::poll(&room, 1, -1);
      continue;
    }
    if (wrote < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

// For people, on standard error: what nobody can or will read is lost, and nobody waits for long.
inline void tell_people(std::string_view text) {
  constexpr int64_t kPatienceMs = 1000;
  say_briefly(text, kPatienceMs);
}

// The same as one line, whatever it quotes; on a terminal in rows that fit.
inline void tell_line(std::string_view text) {
  tell_people(folded(printable(text), columns_of(STDERR_FILENO)) + "\n");
}

// How a descriptor 0 to 2 is held that was closed at the start. kSink: nothing comes out of it,
// and whatever goes in vanishes. kBroken: to use it fails, as if it were closed still.
enum class Held : uint8_t { kSink, kBroken };

// Else the first files and sockets get these numbers, and lines for people go into them. Call it
// before anything is opened. Which were closed: bit N for descriptor N.
inline unsigned hold_standard_descriptors(Held how) {
  unsigned closed = 0;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // A path alone can be neither read nor written. The lowest number that is free is this one.
    int held = how == Held::kSink ? ::open("/dev/null", O_RDWR) : -1;
    if (held < 0) held = ::open("/", O_PATH);
    if (held == fd) closed |= 1u << fd;
  }
  return closed;
}

}  // namespace once
