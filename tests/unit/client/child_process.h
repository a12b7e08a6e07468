// Runs something in a child of fork(), in bounded time, and tells how it ended.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace once {

inline constexpr int kSkipped = 77;  // this machine does not let us try it
inline constexpr unsigned kChildSeconds = 30;

// The child's own exit code; -N: it was ended by signal N, SIGALRM when it hangs.
inline int end_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <class Body>
pid_t start_child(Body body) {
  const pid_t child = fork();
  if (child != 0) return child;
  alarm(kChildSeconds);
  _exit(body());
}

template <class Body>
int in_child(Body body) {
  return end_of(start_child(body));
}

}  // namespace once
