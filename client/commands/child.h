// The command that `once run` and `once lock` start: a process group of its own, in the foreground
// of the terminal if `once` was. Signals that end `once` are passed on to it, and it is waited for.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace once::client {

struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  // what killed it; 0: it exited by itself
};
// As a shell says it: 128 and the signal.
int shell_code(const ChildEnd& end);

class Child {
 public:
  // Takes SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD from now on: they reach wait() alone. Make
  // it before there is another thread.
  Child();
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // 0, or the error number that says why the command cannot be started. REQUIRES: not empty.
  int start(const std::vector<std::string>& command,
            const std::vector<std::pair<std::string, std::string>>& environment);
  // Until it has ended; after stop(), all that it started too.
  ChildEnd wait();
  // Makes wait() end the command: SIGTERM, and SIGKILL after some seconds. From any thread.
  void stop();

  // Until `done_fd` is readable (0), or a signal asks for the end (that signal). For the time
  // before the command is started.
  int wait_for(int done_fd);

  // No command will be started: signals end this process again, those that wait already too.
  void give_signals_back();

 private:
  int take_signal();
  void pass_on(int signal);
  bool ended(ChildEnd& end);

  int signals_ = -1;  // signalfd
  int stop_ = -1;     // eventfd
  int pid_ = 0;
  bool took_terminal_ = false;
};

// What a shell exits with if a command cannot be started: 127 not found, 126 otherwise.
int cannot_start_code(int error_number);

}  // namespace once::client
