// The signals of `once`: which its caller had ignored, which it takes, and from whom they came. A
// signal to the whole process group has reached the command as well and is not passed on; one to
// `once` alone is. Two processes of the group hear together what the group was sent, so each is
// the other's witness (see front.h). Main thread only.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/descriptor.h"

namespace once::client {

// Call it first of all, before any disposition is changed: those stay ignored.
const sigset_t& ignored_at_start();
// What a broken pipe or a limit on files would do is met as a write that fails; and whoever waits
// for children must not have inherited that they vanish by themselves.
void prepare_signals();
// In a child, before it becomes the command: as `once` was started, nothing blocked.
void restore_signals();

// Those that `once` takes: all but what the caller ignored, what nobody can take, and what a broken
// program raises by itself.
sigset_t taken_signals();
// SIGTSTP, SIGTTIN, SIGTTOU: whoever has no front to be stopped with it leaves them to the kernel.
bool stops(int number);
enum class Stops : uint8_t { kTaken, kLeft };
// Blocks them; a descriptor that they come out of, or -1.
int take_signals(Stops stops = Stops::kTaken);

// After a signal, for the answer to what is under way: it may tell how that ended.
inline constexpr int64_t kLastAnswerMs = 2000;
// So long after the end of a command the signal that ended it may still be heard of.
inline constexpr int64_t kMomentNs = 300'000'000;

// Would it end a process that does nothing about it?
bool ends_by_default(int number);
// SIGINT, SIGTERM, SIGHUP, SIGQUIT: asks for the end.
bool asks_to_end(int number);
// As if nobody had taken it: a shell that waits for us learns that the user broke off.
[[noreturn]] void die_of(int number);
// Has main() do so once all is tidied up. Returns the code for the case that it cannot: 128 and
// the signal.
int die_after(int number);
int death_to_come();  // 0: none

struct Heard {
  int number = 0;
  int code = 0;  // si_code
  pid_t sender = 0;
  uint64_t value = 0;  // of sigqueue
};
// To one process, as it came.
void send(pid_t pid, const Heard& heard);

// Tells a signal to the group from one to a single process. No clock: time is passed in.
class GroupOrSingle {
 public:
  enum class Witness : uint8_t { kKeeper, kFront };
  struct Told {
    Heard heard;
    bool to_group = false;
  };
  // Both hear it within this, if both do; so long a signal to `once` alone is held back.
  static constexpr int64_t kTogetherNs = 50'000'000;

  void hear(Witness witness, const Heard& heard, int64_t now_ns);
  std::vector<Told> take(int64_t now_ns);
  int64_t next_ns() const;  // when take() has more; 0: not by time alone

 private:
  struct Waiting {
    Witness witness;
    Heard heard;
    int64_t until_ns;
  };
  std::vector<Waiting> waiting_;
  std::vector<Told> told_;
};

// All that reaches this process and, where it has a front, the front. Make it before there is
// another thread.
class Signals {
 public:
  Signals();  // throws std::system_error: there is no descriptor left
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }  // readable: hear() has something
  int front_fd() const;                 // the same; -1: there is no front
  void hear();
  bool front_is_gone() const { return front_is_gone_; }
  std::vector<GroupOrSingle::Told> take();
  int64_t next_ns() const { return group_or_single_.next_ns(); }

  // Until `done_fd` is readable (0), or a signal asks for the end (that signal; SIGKILL: the front
  // is gone).
  int wait_for(int done_fd, int64_t patience_ms = -1);

  // Signals end this process again, those that wait already too.
  void give_back();

 private:
  bool hear_front();
  bool hear_own(Heard& heard);

  Descriptor fd_;  // signalfd
  bool front_is_gone_ = false;
  GroupOrSingle group_or_single_;
};

}  // namespace once::client
