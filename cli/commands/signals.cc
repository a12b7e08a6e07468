#include "cli/commands/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "cli/commands/front.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int kTurned[] = {SIGPIPE, SIGXFSZ, SIGCHLD};  // what prepare_signals() changes

sigset_t find_ignored() {
  sigset_t set;
  sigemptyset(&set);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) sigaddset(&set, number);
  }
  return set;
}

int death = 0;

}  // namespace

const sigset_t& ignored_at_start() {
  static const sigset_t ignored = find_ignored();
  return ignored;
}

void prepare_signals() {
  (void)ignored_at_start();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
}

void restore_signals() {
  for (int number : kTurned) {
    signal(number, sigismember(&ignored_at_start(), number) == 1 ? SIG_IGN : SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

sigset_t taken_signals() {
  sigset_t set;
  sigfillset(&set);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    sigdelset(&set, number);
  }
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (sigismember(&ignored_at_start(), number) == 1) sigdelset(&set, number);
  }
  sigaddset(&set, SIGCHLD);
  return set;
}

bool ends_by_default(int number) {
  switch (number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGSTOP:
      return false;
    default:
      return true;
  }
}

bool asks_to_end(int number) {
  return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

void die_of(int number) {
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  (void)raise(number);
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
  // The first process of a container cannot die so.
  _exit(128 + number);
}

int die_after(int number) {
  death = number;
  return 128 + number;
}

int death_to_come() { return death; }

void send(pid_t pid, const Heard& heard) {
  sigval value{};
  value.sival_ptr = reinterpret_cast<void*>(heard.value);
  if (heard.code == SI_QUEUE && sigqueue(pid, heard.number, value) == 0) return;
  (void)kill(pid, heard.number);
}

void GroupOrSingle::hear(Witness witness, const Heard& heard, int64_t now_ns) {
  const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
    return one.witness != witness && one.heard.number == heard.number &&
           one.heard.sender == heard.sender && now_ns < one.until_ns;
  });
  if (same == waiting_.end()) {
    waiting_.push_back({witness, heard, now_ns + kTogetherNs});
    return;
  }
  told_.push_back({heard, true});
  waiting_.erase(same);
}

std::vector<GroupOrSingle::Told> GroupOrSingle::take(int64_t now_ns) {
  while (!waiting_.empty() && now_ns >= waiting_.front().until_ns) {
    told_.push_back({waiting_.front().heard, false});
    waiting_.erase(waiting_.begin());
  }
  return std::exchange(told_, {});
}

int64_t GroupOrSingle::next_ns() const { return waiting_.empty() ? 0 : waiting_.front().until_ns; }

bool stops(int number) { return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU; }

int take_signals(Stops stopping) {
  sigset_t set = taken_signals();
  for (int number = 1; number <= SIGRTMAX && stopping == Stops::kLeft; ++number) {
    if (stops(number)) sigdelset(&set, number);
  }
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return -1;
  // Blocked they stop no write, and what is ignored would not be heard.
  for (int number : kTurned) {
    if (sigismember(&set, number) == 1) signal(number, SIG_DFL);
  }
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::Signals() : fd_(take_signals(front_link().fd >= 0 ? Stops::kTaken : Stops::kLeft)) {
  if (fd_) return;
  const auto code = std::make_error_code(std::errc{errno});
  throw std::system_error(code, "nothing was asked: cannot watch for signals");
}

int Signals::front_fd() const { return front_is_gone_ ? -1 : front_link().fd; }

bool Signals::hear_own(Heard& heard) {
  signalfd_siginfo info;
  if (read(fd_.get(), &info, sizeof info) != sizeof info) return false;
  heard = {static_cast<int>(info.ssi_signo), info.ssi_code, static_cast<pid_t>(info.ssi_pid),
           info.ssi_ptr};
  return true;
}

bool Signals::hear_front() {
  if (front_fd() < 0) return false;
  Heard heard;
  const ssize_t size = recv(front_fd(), &heard, sizeof heard, MSG_DONTWAIT);
  if (size == 0) front_is_gone_ = true;
  if (size != sizeof heard) return false;
  group_or_single_.hear(GroupOrSingle::Witness::kFront, heard, now_ns());
  return true;
}

void Signals::hear() {
  for (Heard heard; hear_own(heard);) {
    if (heard.number == SIGCHLD) continue;
    // Of a write of our own that nobody reads, or that is over a limit.
    const bool by_a_write = heard.number == SIGPIPE || heard.number == SIGXFSZ;
    if (by_a_write && heard.sender == getpid()) continue;
    // The front tells by its own way what it heard, and wakes us by SIGCONT.
    if (front_fd() >= 0 && heard.sender == front_link().front && heard.code == SI_USER) continue;
    const auto witness = GroupOrSingle::Witness::kKeeper;
    group_or_single_.hear(witness, heard, now_ns());
    // Without a front there is no witness; a terminal speaks to the whole group.
    if (front_fd() >= 0) continue;
    if (heard.code == SI_KERNEL) {
      group_or_single_.hear(GroupOrSingle::Witness::kFront, heard, now_ns());
    }
  }
  while (hear_front()) {
  }
}

std::vector<GroupOrSingle::Told> Signals::take() {
  const bool alone = front_fd() < 0;
  return group_or_single_.take(alone ? now_ns() + GroupOrSingle::kTogetherNs : now_ns());
}

int Signals::wait_for(int done_fd, int64_t patience_ms) {
  const int64_t end_ns = now_ns() + patience_ms * 1'000'000;
  const bool was_gone = front_is_gone_;
  for (;;) {
    hear();
    for (const GroupOrSingle::Told& told : take()) {
      if (ends_by_default(told.heard.number)) return told.heard.number;
    }
    if (front_is_gone_ && !was_gone) return SIGKILL;
    pollfd waits[3] = {{fd_.get(), POLLIN, 0}, {done_fd, POLLIN, 0}, {front_fd(), POLLIN, 0}};
    int64_t until_ns = next_ns();
    if (patience_ms >= 0 && (until_ns == 0 || end_ns < until_ns)) until_ns = end_ns;
    const int64_t left_ms =
        until_ns == 0 ? -1 : std::max<int64_t>(0, (until_ns - now_ns()) / 1'000'000 + 1);
    (void)poll(waits, 3, static_cast<int>(std::min<int64_t>(left_ms, 1'000'000)));
    if ((waits[1].revents & POLLIN) != 0) return 0;
    if (patience_ms >= 0 && now_ns() >= end_ns) return 0;
  }
}

void Signals::give_back() {
  sigset_t set = taken_signals();
  ONCE_ASSERT(sigprocmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

}  // namespace once::client
