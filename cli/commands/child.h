// The command that `once run` and `once lock` start: in the process group of `once`, so that the
// terminal, its shell and whoever signals the group treat it as they treat `once`. Signals to
// `once` alone are passed on to it, and it is waited for. Whatever it starts and leaves behind is
// adopted and reaped. Main thread only, but for stop().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "cli/commands/bell.h"
#include "cli/commands/descendants.h"
#include "cli/commands/signals.h"

namespace once::client {

struct ChildEnd {
  int exit_code = 0;
  int signal = 0;       // what killed it; 0: it exited by itself
  int start_error = 0;  // why it could not be started; 0: it was
};
// As a shell says it: 128 and the signal.
int shell_code(const ChildEnd& end);

// How long the command may run.
struct Term {
  std::function<int64_t()> left_ms = {};  // 0: not a moment longer; empty: for as long as it likes
  int64_t grace_ms = 5000;                // what it gets from SIGTERM to SIGKILL, of what is left
};

class Child {
 public:
  // Make it before there is another thread.
  Child();
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Makes the process, which waits: once it is there, nothing but the command itself can fail. 0,
  // or the error number. REQUIRES: not empty; before there is another thread.
  int prepare(const std::vector<std::string>& command);
  // Lets it begin; wait() tells whether it could. REQUIRES: prepare().
  void start(const std::vector<std::pair<std::string, std::string>>& environment);
  // Until it has ended; if it was told to, all that it started too.
  ChildEnd wait(const Term& term = {});
  // Makes wait() end the command. From any thread.
  void stop();
  // Was it told to end by us, and not only by a signal that was passed on?
  bool was_told_to_end() const { return ending_.has_value(); }

  Signals& signals() { return signals_; }

 private:
  struct Page;
  ChildEnd wait_for_it(const Term& term);
  [[noreturn]] void become(char* const* command, pid_t parent);
  void take_end(int status);
  void reap();
  void begin_ending(int64_t patience_ms);
  void pass_on();
  void deliver(const GroupOrSingle::Told& told);
  void stop_the_front_too();
  int64_t until_ns(const Term& term) const;
  void look_at_term(const Term& term);

  Signals signals_;
  Bell stop_;
  Descriptor go_;                   // a pipe: what is said to the process that waits,
  Descriptor answer_;               // and what it says when it cannot become the command
  Page* page_ = nullptr;            // shared with it
  std::vector<char*> environment_;  // room for more behind what is there
  pid_t pid_ = 0;                   // 0: not there, or ended
  ChildEnd end_;
  std::optional<Ending> ending_;
  int64_t stopped_ns_ = 0;  // since when the command is; 0: it is not
  bool stopped_front_ = false;
};

// What a shell exits with if a command cannot be started: 127 not found, 126 otherwise.
int cannot_start_code(int error_number);

}  // namespace once::client
