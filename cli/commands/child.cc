#include "cli/commands/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/monotonic.h"
#include "cli/commands/front.h"
#include "cli/commands/standard_files.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kLookNs = 20 * kMs;           // at those that are to end
constexpr int64_t kStopTogetherNs = 100 * kMs;  // the front hears of Ctrl-Z by itself
constexpr size_t kMoreVariables = 8;
constexpr size_t kPageBytes = 16 * 1024;

// Killed shortly before others may hold what it worked under.
int64_t before_the_end_ms(int64_t grace_ms) { return std::min<int64_t>(100, grace_ms / 10); }

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// NAME=VALUE in place of what has that name, or behind the rest. Takes no memory.
void put_variable(char** environment, char* variable) {
  const size_t name_bytes = static_cast<size_t>(std::strchr(variable, '=') - variable) + 1;
  while (*environment != nullptr && std::strncmp(*environment, variable, name_bytes) != 0) {
    ++environment;
  }
  if (*environment == nullptr) environment[1] = nullptr;
  *environment = variable;
}

}  // namespace

struct Child::Page {
  size_t bytes = 0;  // NAME=VALUE, each with its NUL
  char text[kPageBytes - sizeof(size_t)];
};

int shell_code(const ChildEnd& end) { return end.signal != 0 ? 128 + end.signal : end.exit_code; }

int cannot_start_code(int error_number) { return error_number == ENOENT ? 127 : 126; }

Child::Child() { adopt_orphans(); }

Child::~Child() {
  go_.reset();  // one that still waits ends
  if (page_ != nullptr) munmap(page_, sizeof(Page));
}

int Child::prepare(const std::vector<std::string>& command) {
  int go[2];
  int answer[2];
  if (pipe2(go, O_CLOEXEC) != 0) return errno;
  go_.reset(go[1]);
  if (pipe2(answer, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
  answer_.reset(answer[0]);
  void* const page =
      mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  page_ = new (page) Page;
  for (char** one = environ; *one != nullptr; ++one) environment_.push_back(*one);
  environment_.resize(environment_.size() + kMoreVariables + 1, nullptr);
  const std::vector<char*> words = pointers(command);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  const int failed = errno;
  if (pid == 0) {
    go_.reset(go[0]);  // the parent alone has the end to write to
    answer_.reset(answer[1]);
    become(words.data(), parent);
  }
  close(go[0]);
  close(answer[1]);
  if (pid < 0) return failed;
  pid_ = pid;
  return 0;
}

// Calls only what a child of a process with threads may call.
void Child::become(char* const* command, pid_t parent) {
  // Where neither the keeper nor the front is left to end it. A command of another user's rights
  // is not reached by this.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "job-keeper");
  restore_signals();
  char told = 0;
  ssize_t size = -1;
  do {
    size = read(go_.get(), &told, 1);
  } while (size < 0 && errno == EINTR);
  if (size != 1 || getppid() != parent) _exit(1);
  for (size_t at = 0; at < page_->bytes; at += std::strlen(page_->text + at) + 1) {
    put_variable(environment_.data(), page_->text + at);
  }
  give_sane_standard_files();
  execvpe(command[0], command, environment_.data());
  const int failed = errno;
  (void)!write(answer_.get(), &failed, sizeof failed);
  _exit(cannot_start_code(failed));
}

void Child::start(const std::vector<std::pair<std::string, std::string>>& environment) {
  ONCE_ASSERT(pid_ != 0 && environment.size() <= kMoreVariables);
  for (const auto& [name, value] : environment) {
    const std::string variable = name + "=" + value;
    ONCE_ASSERT(page_->bytes + variable.size() < sizeof page_->text);
    std::memcpy(page_->text + page_->bytes, variable.c_str(), variable.size() + 1);
    page_->bytes += variable.size() + 1;
  }
  const char told = 1;
  (void)!write(go_.get(), &told, 1);
  go_.reset();
}

void Child::take_end(int status) {
  pid_ = 0;
  end_ = WIFSIGNALED(status) ? ChildEnd{0, WTERMSIG(status)} : ChildEnd{WEXITSTATUS(status), 0};
  int failed = 0;
  if (read(answer_.get(), &failed, sizeof failed) == sizeof failed) end_.start_error = failed;
}

void Child::reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
    if (pid != pid_) continue;
    if (WIFSTOPPED(status)) {
      stopped_ns_ = now_ns();
    } else if (WIFCONTINUED(status)) {
      stopped_ns_ = 0;
      if (std::exchange(stopped_front_, false)) (void)kill(front_link().front, SIGCONT);
    } else {
      take_end(status);
    }
  }
}

void Child::begin_ending(int64_t patience_ms) {
  const int64_t kill_at_ns = now_ns() + std::max<int64_t>(0, patience_ms) * kMs;
  will_kill_command(kill_at_ns);
  ending_.emplace(kill_at_ns);
}

void Child::pass_on() {
  signals_.hear();
  for (const GroupOrSingle::Told& told : signals_.take()) {
    if (pid_ != 0) deliver(told);
  }
}

// What ends a program reaches all of the command that belongs to our group, as Ctrl-C would.
void Child::deliver(const GroupOrSingle::Told& told) {
  const pid_t ours = getpgrp();
  if (told.to_group) {
    // From the terminal it is for the group in the foreground, wherever the command is.
    const bool missed_it = getpgid(pid_) != ours && told.heard.code != SI_KERNEL;
    if (missed_it) send(pid_, told.heard);
    return;
  }
  send(pid_, told.heard);
  if (!asks_to_end(told.heard.number)) return;
  for (const Descendant& one : descendants_of(getpid())) {
    if (one.group == ours && one.pid != pid_) send(one.pid, told.heard);
    if (one.stopped && (one.group == ours || one.pid == pid_)) (void)kill(one.pid, SIGCONT);
  }
}

// In the foreground of a terminal a command that stops by itself (`suspend` of a shell) would leave
// the user with nobody to speak to.
void Child::stop_the_front_too() {
  stopped_ns_ = 0;
  const pid_t front = front_link().front;
  if (front == 0 || !in_the_foreground(pid_) || is_stopped(front) || !is_stopped(pid_)) return;
  stopped_front_ = true;
  (void)kill(front, SIGSTOP);
}

void Child::look_at_term(const Term& term) {
  if (ending_ || pid_ == 0) return;
  const int64_t left_ms = term.left_ms ? term.left_ms() : INT64_MAX;
  if (left_ms > term.grace_ms) return;
  // Over already: it was taken from us, or we slept. An orderly end is worth something even so.
  const bool over = left_ms <= 0;
  begin_ending(over ? term.grace_ms : left_ms - before_the_end_ms(term.grace_ms));
}

// When there is something to do without anybody saying so; 0: not by itself.
int64_t Child::until_ns(const Term& term) const {
  const int64_t now = now_ns();
  if (ending_) return now + kLookNs;  // of the end of others than the command no signal tells
  int64_t until = signals_.next_ns();
  const auto sooner = [&until](int64_t ns) { until = until == 0 ? ns : std::min(until, ns); };
  if (stopped_ns_ != 0) sooner(stopped_ns_ + kStopTogetherNs);
  if (term.left_ms) sooner(now + std::max<int64_t>(1, term.left_ms() - term.grace_ms) * kMs);
  return until;
}

ChildEnd Child::wait(const Term& term) {
  try {
    return wait_for_it(term);
  } catch (...) {
    // Whoever catches this gives the lock back.
    if (pid_ != 0) (void)kill(pid_, SIGKILL);
    throw;
  }
}

ChildEnd Child::wait_for_it(const Term& term) {
  for (;;) {
    reap();
    look_at_term(term);
    if (pid_ == 0 && !ending_) return end_;
    if (ending_ && !ending_->step(now_ns(), pid_)) {
      reap();
      if (std::exchange(pid_, 0) != 0) end_ = {0, SIGKILL};  // in vain, so far
      return end_;
    }
    if (stopped_ns_ != 0 && now_ns() >= stopped_ns_ + kStopTogetherNs) stop_the_front_too();
    const int64_t until = until_ns(term);
    const int64_t left_ms = until == 0 ? -1 : std::max<int64_t>(0, (until - now_ns()) / kMs + 1);
    pollfd waits[3] = {{signals_.fd(), POLLIN, 0},
                       {ending_ ? -1 : stop_.fd(), POLLIN, 0},
                       {signals_.front_fd(), POLLIN, 0}};
    (void)poll(waits, 3, static_cast<int>(std::min<int64_t>(left_ms, 1000)));
    pass_on();
    if ((waits[1].revents & POLLIN) != 0) begin_ending(term.grace_ms);
    if (signals_.front_is_gone() && !ending_) {
      const int64_t lease_ms = term.left_ms ? term.left_ms() : INT64_MAX;
      begin_ending(std::min(term.grace_ms, lease_ms - before_the_end_ms(term.grace_ms)));
    }
  }
}

void Child::stop() { stop_.ring(); }

}  // namespace once::client
