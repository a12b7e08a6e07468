// `once run` and `once lock` are two processes. The front is the one that was started: it stands
// for the command before the shell, the terminal and whoever sends signals, stops and goes on with
// the job, and ends as the command did. The keeper, its child, talks to the cluster, holds the
// lock, and is the parent of the command. So a job that is stopped by Ctrl-Z keeps its lock, as
// with flock; and when either of the two is killed, the other ends the command, all of it, before
// others may hold the lock. Both stay in the process group that the caller gave to `once`, and the
// command too: it has the terminal whenever `once` has.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace once::client {

// The longest object of --json: a name and two messages, each byte of them escaped.
inline constexpr size_t kMostLastWords = 32 * 1024;

inline constexpr const char* kKeeperKilled =
    "the process that looked after the command was ended; the command was stopped";

inline constexpr const char* kKeeperKilledLater =
    "the process that looked after the command was ended after it";

// How the front ends if the keeper is killed, and what it says; empty: a line of its own.
struct LastWill {
  int exit_code = 1;
  char words[kMostLastWords + 1] = {};
};

// What the keeper leaves for the front, in case that it is killed, in the middle of this too.
struct Testament {
  std::atomic<bool> command_runs{false};  // or ran: the front has something to do, or to say
  std::atomic<bool> command_ended{false};
  std::atomic<bool> told{false};  // by the keeper, what came of it
  std::atomic<int64_t> grace_ms{5000};
  std::atomic<int64_t> kill_at_ns{INT64_MAX};  // the keeper ends the command already
  std::atomic<unsigned> current{0};
  LastWill wills[2];  // the one that is not current is written
  const LastWill& will() const { return wills[current]; }
};

struct FrontLink {
  int fd = -1;      // the keeper's: signals that the front heard; its end: the front is gone
  pid_t front = 0;  // 0: this process has no front
  Testament* testament = nullptr;
};
FrontLink& front_link();

// Who is known to others: the process that was started.
pid_t shown_pid();
// How the front ends if this process is killed while the command runs: with this code, when the
// command has had so long to end, and with this object of --json; empty: with words.
void will_run_command(int exit_code, int64_t grace_ms, const std::string& json);
// The command is being ended, and killed then: it gets no second grace.
void will_kill_command(int64_t at_ns);
// If it is killed after that: the command has ended by itself, and nothing is left to be ended.
void command_has_ended(int exit_code, const std::string& words);
// What came of it is known, and the keeper says it: the front has nothing to add.
void all_is_told();

// Runs `body` in the keeper; the exit code to end with. REQUIRES: one thread, prepare_signals().
int behind_front(const std::function<int()>& body);

}  // namespace once::client
