#include "server/dev.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/printable.h"
#include "server/data_directory.h"
#include "server/dev_console.h"
#include "server/dev_plan.h"
#include "server/exit_codes.h"
#include "server/log_line.h"
#include "server/log_writer.h"
#include "server/memory_account.h"
#include "server/memory_budget.h"

namespace once::server {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRestartDelay = std::chrono::seconds(1);
constexpr auto kStopPatience = std::chrono::seconds(5);
constexpr int64_t kOutputPatienceMs = 1000;
constexpr auto kQuickDeath = std::chrono::seconds(5);
constexpr int kMaxQuickDeaths = 5;

struct Child {
  DevNode at;
  pid_t pid = 0;         // 0: not running
  std::string how;       // it ended
  bool held = false;     // until it is started by hand
  int quick_deaths = 0;  // in a row
  Clock::time_point began;
  Clock::time_point restart_at;
};

constexpr const char* kOwnProgram = "/proc/self/exe";

// Under its own path: a process is listed under the last part of the path that it was started by.
std::string own_path() {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink(kOwnProgram, failed);
  return failed ? std::string(kOwnProgram) : path.string();
}

class Supervisor {
 public:
  explicit Supervisor(const DevOptions& options) : options_(options), program_(own_path()) {}
  int run();
  void finish_output() { output_.finish(kOutputPatienceMs); }

 private:
  int format_missing();
  std::string memory() const;
  bool watch_signals();
  bool spawn(Child& child);
  void reap();
  void on_death(Child& child, int status);
  void give_up(const Child& child, int code);
  void serve();
  void stop_all();
  void greet();
  bool any_running() const;
  size_t running() const;
  void signal_all(int number) const;
  bool may_read() const;
  void read_terminal();
  void obey(std::string_view line);
  void kill_by_hand(Child& child);
  void start_by_hand(Child& child);
  void show_status();
  void print(const std::string& text) { output_.add(printable(text, Shown::kLines)); }

  const DevOptions options_;
  const std::string program_;
  DevPlan plan_;
  std::vector<Child> children_;
  // Nobody may read what is printed, and the nodes are to be looked after all the same.
  LogWriter output_{STDOUT_FILENO,
                    [](uint64_t dropped) { return fmt::format("{} lines dropped\n", dropped); }};
  int signals_ = -1;
  sigset_t inherited_{};
  bool stopping_ = false;
  int exit_code_ = kExitDone;
  bool on_terminal_ = ::isatty(STDIN_FILENO) == 1;
  ConsoleLines lines_;
};

int Supervisor::run() {
  auto plan = plan_dev(options_);
  if (!plan) return log_error(plan.error().message), plan.error().exit_code;
  plan_ = std::move(*plan);
  if (const int code = format_missing(); code != kExitDone) return code;
  for (const DevNode& node : plan_.nodes) children_.emplace_back().at = node;
  if (!watch_signals()) {
    log_error(fmt::format("cannot watch for signals: {}", std::strerror(errno)));
    return kExitError;
  }
  for (Child& child : children_) {
    if (!spawn(child)) {
      stop_all();
      return kExitError;
    }
  }
  greet();
  serve();
  stop_all();
  return exit_code_;
}

bool Supervisor::watch_signals() {
  sigset_t mask;
  sigemptyset(&mask);
  for (int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&mask, number);
  // Whoever started us under nohup wants it to be ignored.
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaddset(&mask, SIGHUP);
  // A shell that starts us in the background may have had SIGINT ignored, which hides it from us.
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTTIN, SIG_IGN);  // in the background the terminal is not ours to read
  ::sigprocmask(SIG_BLOCK, &mask, &inherited_);
  signals_ = ::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  return signals_ >= 0;
}

int Supervisor::format_missing() {
  std::error_code ignored;
  std::filesystem::create_directories(options_.data, ignored);
  for (const DevNode& node : plan_.nodes) {
    if (node.formatted) continue;
    Configuration configuration = plan_.configuration;
    configuration.node = node.node;
    const auto made =
        DataDirectory::format(node.directory, configuration, !options_.unsafe_buffered_log);
    if (!made) {
      log_error(made.error().message + "; or give another --data");
      return kExitDirectory;
    }
  }
  return kExitDone;
}

std::string Supervisor::memory() const {
  if (!options_.memory.empty()) return options_.memory;
  // On a small machine as little as they can do with.
  const uint64_t share = memory_there_is() / 100 * 75 / static_cast<uint64_t>(options_.nodes);
  return std::to_string(std::max(share, kLeastMemoryPerCore * options_.cores));
}

bool Supervisor::spawn(Child& child) {
  std::vector<std::string> words = {"onced",    "start",
                                    "--data",   child.at.directory,
                                    "--listen", child.at.client_address,
                                    "--cores",  std::to_string(options_.cores),
                                    "--memory", memory()};
  if (!options_.ready.empty()) words.insert(words.end(), {"--ready", options_.ready});
  if (options_.unsafe_buffered_log) words.push_back("--unsafe-buffered-log");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kExitError);  // the parent died before the call above
    ::setpgid(0, 0);  // a Ctrl-C on the terminal is for the supervisor, which passes it on
    ::signal(SIGTTIN, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &inherited_, nullptr);
    ::execv(program_.c_str(), arguments.data());
    ::execv(kOwnProgram, arguments.data());  // the file is gone or being replaced: the old one then
    ::_exit(kExitError);
  }
  if (pid < 0) {
    log_error(fmt::format("cannot start node {}: {}", child.at.node.value, std::strerror(errno)));
    return false;
  }
  child.pid = pid;
  child.held = false;
  child.began = Clock::now();
  print(fmt::format("node {}: pid {}, clients on {}, data in {}\n", child.at.node.value, pid,
                    child.at.client_address, child.at.directory));
  return true;
}

void Supervisor::greet() {
  std::string endpoints;
  for (const Child& child : children_) {
    endpoints += (endpoints.empty() ? "" : ",") + child.at.client_address;
  }
  print(fmt::format("try:  export ONCE_ENDPOINTS={} ONCE_CLUSTER_ID={}\n", endpoints,
                    hex_of(plan_.configuration.cluster)));
  print("      once write greeting hello && once read greeting\n");
  if (on_terminal_) print("type here:  kill 1, start 1, status, help, quit\n");
  print("Ctrl-C stops every node\n");
}

void Supervisor::reap() {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid == 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    child.how = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                                    : fmt::format("exit status {}", WEXITSTATUS(status));
    child.pid = 0;
    on_death(child, status);
  }
}

void Supervisor::on_death(Child& child, int status) {
  const uint16_t node = child.at.node.value;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (stopping_) {
    if (code != 0) log_warning(fmt::format("node {} ended with {}", node, child.how));
    return;
  }
  if (child.held) {
    return print(fmt::format("node {} is dead; start {} brings it back\n", node, node));
  }
  const bool quick = code >= 0 && Clock::now() - child.began < kQuickDeath;
  child.quick_deaths = quick ? child.quick_deaths + 1 : 0;
  if (is_hopeless(code) || child.quick_deaths >= kMaxQuickDeaths) return give_up(child, code);
  if (options_.no_restart) {
    child.held = true;
    log_warning(fmt::format("node {} died ({}); it stays down (--no-restart)", node, child.how));
    return;
  }
  child.restart_at = Clock::now() + kRestartDelay;
  log_warning(fmt::format("node {} died ({}); starting it again in 1 s", node, child.how));
}

// What another start would only meet again, or met again and again.
void Supervisor::give_up(const Child& child, int code) {
  log_error(
      fmt::format("node {} ended with exit code {}, and starting it again does not heal that; "
                  "its last error is above; {}",
                  child.at.node.value, code, dev_advice(code, options_.data)));
  exit_code_ = code == kExitDone ? kExitError : code;
  stopping_ = true;
}

void Supervisor::serve() {
  while (!stopping_) {
    pollfd waiting[] = {{signals_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    ::poll(waiting, may_read() ? 2 : 1, 200);
    signalfd_siginfo info;
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      stopping_ |= info.ssi_signo != SIGCHLD;
    }
    if (waiting[1].revents != 0) read_terminal();
    reap();
    for (Child& child : children_) {
      if (stopping_ || child.pid != 0 || child.held || Clock::now() < child.restart_at) continue;
      if (!spawn(child)) child.restart_at = Clock::now() + kRestartDelay;
    }
  }
}

bool Supervisor::may_read() const {
  return on_terminal_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

void Supervisor::read_terminal() {
  char bytes[512];
  const ssize_t size = ::read(STDIN_FILENO, bytes, sizeof bytes);
  if (size > 0) {
    return lines_.feed({bytes, static_cast<size_t>(size)},
                       [this](std::string_view line) { obey(line); });
  }
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  on_terminal_ = false;  // Ctrl-D, or it is gone
  print("no more commands; Ctrl-C stops every node\n");
}

void Supervisor::obey(std::string_view line) {
  const auto command = parse_console(line, options_.nodes);
  if (!command) return print(command.error().message + "\n");
  switch (command->word) {
    case ConsoleWord::kNothing:
      return;
    case ConsoleWord::kKill:
      return kill_by_hand(children_[command->node - 1u]);
    case ConsoleWord::kStart:
      return start_by_hand(children_[command->node - 1u]);
    case ConsoleWord::kStatus:
      return show_status();
    case ConsoleWord::kHelp:
      return print(kConsoleHelp);
    case ConsoleWord::kQuit:
      stopping_ = true;
      return;
  }
}

void Supervisor::kill_by_hand(Child& child) {
  const bool runs = child.pid != 0;
  const bool held = std::exchange(child.held, true);
  if (runs) {
    ::kill(child.pid, SIGKILL);
  } else {
    print(fmt::format("node {} does not run{}; start {} starts it\n", child.at.node.value,
                      held ? "" : ", and stays down now", child.at.node.value));
  }
}

void Supervisor::start_by_hand(Child& child) {
  if (child.pid != 0 && !child.held) {
    return print(fmt::format("node {} runs already: pid {}\n", child.at.node.value, child.pid));
  }
  // One that was killed a moment ago is started when it is gone.
  child.held = false;
  child.quick_deaths = 0;
  child.restart_at = Clock::now();
}

void Supervisor::show_status() {
  for (const Child& child : children_) {
    const uint16_t node = child.at.node.value;
    if (child.pid != 0) {
      print(fmt::format("node {}  up    pid {}, clients on {}\n", node, child.pid,
                        child.at.client_address));
    } else {
      print(fmt::format("node {}  down  {}; start {} starts it\n", node, child.how, node));
    }
  }
  print(dev_verdict(running(), children_.size()) + "\n");
}

size_t Supervisor::running() const {
  return static_cast<size_t>(std::count_if(children_.begin(), children_.end(),
                                           [](const Child& child) { return child.pid != 0; }));
}

bool Supervisor::any_running() const { return running() > 0; }

void Supervisor::signal_all(int number) const {
  for (const Child& child : children_) {
    if (child.pid != 0) ::kill(child.pid, number);
  }
}

void Supervisor::stop_all() {
  stopping_ = true;
  signal_all(SIGTERM);
  signal_all(SIGCONT);  // one that is stopped could not hear the first
  const auto deadline = Clock::now() + kStopPatience;
  while (any_running() && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    reap();
  }
  if (any_running()) log_warning("nodes that did not stop within 5 s are killed");
  signal_all(SIGKILL);
  while (any_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    reap();
  }
}

}  // namespace

int run_dev(const DevOptions& options) {
  log_in_background();
  Supervisor supervisor(options);
  const int code = supervisor.run();
  supervisor.finish_output();
  finish_log();
  return code;
}

}  // namespace once::server
