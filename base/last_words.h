// What a dying process still says, to whoever may read it: a reader of standard error that hangs (a
// log collector, Ctrl-S in a terminal) must not keep it alive. Any thread.
#pragma once

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace once {

// A program with a log of its own takes the words there, with time and level. Takes a second at
// most.
inline std::atomic<void (*)(std::string_view)> last_words{nullptr};

// To standard error; what nobody has read after so long is lost.
inline void say_briefly(std::string_view text, int64_t patience_ms) {
  const auto now_ms = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  };
  constexpr size_t kPiece = 4096;  // so much fits into a pipe that poll() calls writable
  const int64_t deadline_ms = now_ms() + patience_ms;
  while (!text.empty()) {
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    const int64_t left_ms = std::max<int64_t>(0, deadline_ms - now_ms());
    const int ready = ::poll(&out, 1, static_cast<int>(left_ms));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return;
    if (ready < 0) continue;
    const ssize_t wrote = ::write(STDERR_FILENO, text.data(), std::min(text.size(), kPiece));
    if (wrote < 0 && (errno == EINTR || errno == EAGAIN) && left_ms > 0) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
}

// Ends by SIGABRT within about a second. `line`: without its newline.
[[noreturn]] inline void die_saying(std::string_view line) {
  ::signal(SIGPIPE, SIG_IGN);
  // Another writer may take the room between the poll and the write, or the log may be what broke.
  ::signal(SIGALRM, SIG_DFL);
  sigset_t backstop;
  sigemptyset(&backstop);
  sigaddset(&backstop, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &backstop, nullptr);
  ::alarm(3);
  if (auto* const heir = last_words.load()) {
    heir(line);
  } else {
    char text[2048];
    const size_t size = line.copy(text, sizeof text - 1);
    text[size] = '\n';
    say_briefly({text, size + 1}, 1000);
  }
  ::alarm(0);
  std::abort();
}

}  // namespace once
