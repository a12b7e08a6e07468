// All that a process has started, and their end. Needs /proc; without it only what it is told of is
// found. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace once::client {

struct Descendant {
  pid_t pid = 0;
  pid_t group = 0;
  bool stopped = false;
};
// Of those that have ended, none; nor those of `others`.
std::vector<Descendant> descendants_of(pid_t root, const std::vector<pid_t>& others = {});
// Before anything is started there are such only if a shell has become this program.
std::vector<pid_t> children_of_this_thread();

bool is_stopped(pid_t pid);

// Which others are adopted by this process when their parents end, so that none gets lost.
void adopt_orphans();

// Ends all that this process has started: SIGTERM to each, also to what is stopped, and SIGKILL
// when the time is over. What is started after that SIGTERM is there to tidy up, and gets none.
class Ending {
 public:
  explicit Ending(int64_t kill_at_ns) : kill_at_ns_(kill_at_ns) {}
  // Of those, and of what they have started, nothing is touched.
  void leave_alone(std::vector<pid_t> others) { others_ = std::move(others); }
  // Once more. False: nothing is left, or what is left cannot be ended. `known`: a child that has
  // not ended, or 0.
  bool step(int64_t now_ns, pid_t known);

 private:
  int64_t kill_at_ns_;
  bool told_ = false;
  std::vector<pid_t> others_;
};

}  // namespace once::client
