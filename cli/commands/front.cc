#include "cli/commands/front.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/monotonic.h"
#include "base/output.h"
#include "cli/commands/commands.h"
#include "cli/commands/descendants.h"
#include "cli/commands/signals.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int kLookMs = 20;  // at those that are to end

// A name of its own, so that whoever ends `once` by its name tells the front, and the command with
// it; a signal that finds both is taken for one to the group.
void rename_keeper() {
  (void)prctl(PR_SET_NAME, "job-keeper");
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  char* const place = program_invocation_name;  // the first word of those that we were started by
  if (words.empty() ||
      words.compare(0, std::strlen(place) + 1, place, std::strlen(place) + 1) != 0) {
    return;
  }
  const std::string title = "keeper-of-" + std::to_string(front_link().front);
  std::memset(place, 0, words.size());
  title.copy(place, words.size() - 1);
}

class Front {
 public:
  Front(pid_t keeper, int link, Testament& testament, std::vector<pid_t> others)
      : keeper_(keeper), link_(link), testament_(testament), others_(std::move(others)) {}
  int run(int signals);

 private:
  void hear(int signals);
  void stop_with_the_job(int number);
  bool keeper_ended();
  void end_command();
  int inherit();

  const pid_t keeper_;
  const int link_;
  Testament& testament_;
  std::vector<pid_t> others_;  // children of the shell that became us
  int status_ = 0;
  bool typed_int_ = false;  // Ctrl-C and Ctrl-\, at the terminal
  bool typed_quit_ = false;
};

int Front::run(int signals) {
  while (!keeper_ended()) {
    pollfd waits{signals, POLLIN, 0};
    (void)poll(&waits, 1, -1);
    hear(signals);
  }
  if (WIFSIGNALED(status_)) {
    if (!testament_.command_runs) die_of(WTERMSIG(status_));
    return inherit();
  }
  const int code = WEXITSTATUS(status_);
  if (testament_.command_runs) return inherit();
  // A shell that runs a loop or a script ends it, too, if we die of what was typed.
  if (code == 128 + SIGINT && typed_int_) die_of(SIGINT);
  if (code == 128 + SIGQUIT && typed_quit_) die_of(SIGQUIT);
  return code;
}

void Front::hear(int signals) {
  signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) continue;
    if (number == SIGINT) typed_int_ |= info.ssi_code == SI_KERNEL;
    if (number == SIGQUIT) typed_quit_ |= info.ssi_code == SI_KERNEL;
    const Heard heard{number, info.ssi_code, static_cast<pid_t>(info.ssi_pid), info.ssi_ptr};
    (void)::send(link_, &heard, sizeof heard, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (number == SIGCONT) (void)kill(keeper_, SIGCONT);  // it may have been stopped with us
    if (stops(number)) stop_with_the_job(number);
  }
}

// By the signal itself, not by SIGSTOP: where nobody could continue us, the kernel leaves us alone.
void Front::stop_with_the_job(int number) {
  sigset_t pending;
  if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1) return;  // over already
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  (void)raise(number);
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
  (void)sigprocmask(SIG_BLOCK, &set, nullptr);
}

// As the first process of a container it is also the parent of all orphans there.
bool Front::keeper_ended() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return false;
    if (pid != keeper_) continue;
    if (WIFSTOPPED(status)) {
      // Not with us, or we would not be here: somebody has to renew the lock.
      (void)kill(keeper_, SIGCONT);
      continue;
    }
    status_ = status;
    return true;
  }
}

// The keeper was killed, and its command is ours now.
void Front::end_command() {
  Ending ending(std::min<int64_t>(now_ns() + testament_.grace_ms * kMs, testament_.kill_at_ns));
  ending.leave_alone(std::move(others_));
  while (ending.step(now_ns(), 0)) {
    (void)poll(nullptr, 0, kLookMs);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

int Front::inherit() {
  const bool ended = testament_.command_ended;
  if (!ended) end_command();
  if (testament_.told) return testament_.will().exit_code;
  std::string words = testament_.will().words;
  if (words.empty()) words.append("once: ").append(ended ? kKeeperKilledLater : kKeeperKilled);
  tell_line(words);
  return testament_.will().exit_code;
}

// What the keeper ends with.
int keep(const std::function<int()>& body) {
  rename_keeper();
  const int code = body();
  front_link().testament->command_runs = false;
  // A job that is stopped must wake up to see that it is over.
  (void)kill(front_link().front, SIGCONT);
  if (const int number = death_to_come(); number != 0) die_of(number);
  return code;
}

void write_will(Testament& testament, int exit_code, const std::string& words) {
  const unsigned next = 1 - testament.current;
  LastWill& will = testament.wills[next];
  will = {};
  will.exit_code = exit_code;
  if (words.size() <= kMostLastWords) std::copy(words.begin(), words.end(), will.words);
  testament.current = next;
}

int refused(const char* what) {
  tell_line(std::string("once: ") + what + ": " + std::strerror(errno) + "; nothing was done");
  return kExitError;
}

}  // namespace

FrontLink& front_link() {
  static FrontLink link;
  return link;
}

pid_t shown_pid() { return front_link().front != 0 ? front_link().front : getpid(); }

void will_run_command(int exit_code, int64_t grace_ms, const std::string& json) {
  Testament* const testament = front_link().testament;
  if (testament == nullptr) return;
  write_will(*testament, exit_code, json);
  testament->grace_ms = grace_ms;
  testament->command_runs = true;
}

void will_kill_command(int64_t at_ns) {
  Testament* const testament = front_link().testament;
  if (testament != nullptr) testament->kill_at_ns = at_ns;
}

void command_has_ended(int exit_code, const std::string& words) {
  Testament* const testament = front_link().testament;
  if (testament == nullptr) return;
  write_will(*testament, exit_code, words);
  testament->command_ended = true;
}

void all_is_told() {
  Testament* const testament = front_link().testament;
  if (testament != nullptr) testament->told = true;
}

int behind_front(const std::function<int()>& body) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return refused("cannot make a pair of sockets");
  }
  void* const page =
      mmap(nullptr, sizeof(Testament), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return refused("cannot get memory");
  auto* const testament = new (page) Testament;
  const int signals = take_signals();
  if (signals < 0) return refused("cannot watch for signals");
  adopt_orphans();
  std::vector<pid_t> others = children_of_this_thread();
  const pid_t front = getpid();
  const pid_t keeper = fork();
  if (keeper < 0) return refused("cannot start a process");
  if (keeper == 0) {
    close(pair[0]);
    close(signals);
    front_link() = {pair[1], front, testament};
    return keep(body);
  }
  close(pair[1]);
  return Front(keeper, pair[0], *testament, std::move(others)).run(signals);
}

}  // namespace once::client
