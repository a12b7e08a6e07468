#include "client/commands/child.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kGraceNs = 5'000'000'000;  // between SIGTERM and SIGKILL
constexpr int kStopPollMs = 20;

sigset_t ours() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> with(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) all.emplace_back(*one);
  for (const auto& [name, value] : more) {
    std::erase_if(all, [&](const std::string& one) { return one.starts_with(name + "="); });
    all.push_back(name + "=" + value);
  }
  return all;
}

}  // namespace

int shell_code(const ChildEnd& end) { return end.signal != 0 ? 128 + end.signal : end.exit_code; }

int cannot_start_code(int error_number) { return error_number == ENOENT ? 127 : 126; }

Child::Child() {
  const sigset_t set = ours();
  ONCE_ASSERT(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ONCE_ASSERT(signals_ >= 0 && stop_ >= 0);
}

Child::~Child() {
  if (took_terminal_) {
    signal(SIGTTOU, SIG_IGN);  // from the background, to take it back
    (void)tcsetpgrp(STDIN_FILENO, getpgrp());
  }
  close(signals_);
  close(stop_);
}

int Child::start(const std::vector<std::string>& command,
                 const std::vector<std::pair<std::string, std::string>>& environment) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_init(&actions);
  sigset_t none;
  sigemptyset(&none);
  const sigset_t set = ours();
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &set);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const bool foreground = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
  if (foreground) posix_spawn_file_actions_addtcsetpgrp_np(&actions, STDIN_FILENO);
  const std::vector<std::string> variables = with(environment);
  pid_t pid = 0;
  const int wrong = posix_spawnp(&pid, command.front().c_str(), &actions, &attributes,
                                 pointers(command).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  took_terminal_ = foreground;
  if (wrong == 0) pid_ = pid;
  return wrong;
}

int Child::take_signal() {
  signalfd_siginfo info;
  const ssize_t size = read(signals_, &info, sizeof info);
  return size == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void Child::pass_on(int signal) { (void)kill(-pid_, signal); }

bool Child::ended(ChildEnd& end) {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  end = WIFSIGNALED(status) ? ChildEnd{0, WTERMSIG(status)} : ChildEnd{WEXITSTATUS(status), 0};
  return true;
}

ChildEnd Child::wait() {
  ONCE_ASSERT(pid_ != 0);
  pollfd waits[2] = {{signals_, POLLIN, 0}, {stop_, POLLIN, 0}};
  ChildEnd end;
  bool gone = false;
  int64_t kill_at_ns = 0;  // 0: it may run on
  for (;;) {
    gone = gone || ended(end);
    // Told to stop, it must not leave others of its group at work.
    if (gone && (kill_at_ns == 0 || kill(-pid_, 0) != 0)) return end;
    if (kill_at_ns != 0 && now_ns() >= kill_at_ns) {
      pass_on(SIGKILL);
      if (gone) return end;
    }
    // Of the end of others than the command itself no signal tells.
    if (poll(waits, 2, kill_at_ns == 0 ? -1 : kStopPollMs) <= 0) continue;
    if ((waits[0].revents & POLLIN) != 0) {
      const int signal = take_signal();
      if (signal != SIGCHLD && signal != 0) pass_on(signal);
    }
    if ((waits[1].revents & POLLIN) != 0) {
      waits[1].fd = -1;  // once is enough
      pass_on(SIGTERM);
      pass_on(SIGCONT);  // a stopped one must wake to end
      kill_at_ns = now_ns() + kGraceNs;
    }
  }
}

void Child::stop() {
  const uint64_t one = 1;
  (void)!write(stop_, &one, sizeof one);
}

int Child::wait_for(int done_fd) {
  pollfd waits[2] = {{signals_, POLLIN, 0}, {done_fd, POLLIN, 0}};
  for (;;) {
    if (poll(waits, 2, -1) < 0) continue;
    if ((waits[0].revents & POLLIN) != 0) {
      const int signal = take_signal();
      if (signal != SIGCHLD && signal != 0) return signal;
    }
    if ((waits[1].revents & POLLIN) != 0) return 0;
  }
}

void Child::give_signals_back() {
  const sigset_t set = ours();
  ONCE_ASSERT(sigprocmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

}  // namespace once::client
