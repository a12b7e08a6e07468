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
#include <random>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "server/data_directory.h"
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

struct Child {
  uint16_t node = 0;
  std::string directory;
  std::string client_address;
  pid_t pid = 0;  // 0: not running
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
  bool spawn(Child& child);
  void reap();
  void serve();
  void stop_all();
  void greet();
  bool any_running() const;
  void signal_all(int number) const;

  const DevOptions options_;
  const std::string program_;
  std::vector<Child> children_;
  // Nobody may read what is printed, and the nodes are to be looked after all the same.
  LogWriter output_{STDOUT_FILENO,
                    [](uint64_t dropped) { return fmt::format("{} lines dropped\n", dropped); }};
  int signals_ = -1;
  sigset_t inherited_{};
  bool stopping_ = false;
};

std::string loopback(int port) { return fmt::format("127.0.0.1:{}", port); }

int Supervisor::run() {
  for (uint16_t node = 1; node <= options_.nodes; ++node) {
    const int port = options_.nodes == 1 ? options_.port : options_.port + node;
    children_.push_back(
        {node, fmt::format("{}/node-{}", options_.data, node), loopback(port), 0, {}});
  }
  if (const int code = format_missing(); code != kExitDone) return code;
  sigset_t mask;
  sigemptyset(&mask);
  for (int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&mask, number);
  // A shell that starts us in the background may have had SIGINT ignored, which hides it from us.
  ::signal(SIGINT, SIG_DFL);
  ::sigprocmask(SIG_BLOCK, &mask, &inherited_);
  signals_ = ::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) {
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
  return kExitDone;
}

int Supervisor::format_missing() {
  std::random_device random;
  Configuration configuration;
  configuration.cluster.high = static_cast<uint64_t>(random()) << 32 | random();
  configuration.cluster.low = static_cast<uint64_t>(random()) << 32 | random();
  for (uint16_t node = 1; node <= options_.nodes; ++node) {
    configuration.members.emplace_back(NodeId{node}, loopback(options_.port + 100 + node));
  }
  std::error_code ignored;
  std::vector<const Child*> missing;
  for (const Child& child : children_) {
    if (!std::filesystem::exists(child.directory, ignored)) {
      missing.push_back(&child);
      continue;
    }
    const auto found = DataDirectory::read_configuration(child.directory);
    if (!found) return log_error(found.error().message), kExitDirectory;
    if (found->members.size() != options_.nodes) {
      log_error(fmt::format("{} was made for {} nodes, not {}: give --nodes {} or another --data",
                            options_.data, found->members.size(), options_.nodes,
                            found->members.size()));
      return kExitUsage;
    }
    configuration.cluster = found->cluster;
    configuration.members = found->members;
  }
  std::filesystem::create_directories(options_.data, ignored);
  for (const Child* child : missing) {
    configuration.node = NodeId{child->node};
    const auto made =
        DataDirectory::format(child->directory, configuration, !options_.unsafe_buffered_log);
    if (!made) return log_error(made.error().message), kExitDirectory;
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
                                    "--data",   child.directory,
                                    "--listen", child.client_address,
                                    "--cores",  std::to_string(options_.cores),
                                    "--memory", memory()};
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
    ::sigprocmask(SIG_SETMASK, &inherited_, nullptr);
    ::execv(program_.c_str(), arguments.data());
    ::execv(kOwnProgram, arguments.data());  // the file is gone or being replaced: the old one then
    ::_exit(kExitError);
  }
  if (pid < 0) {
    log_error(fmt::format("cannot start node {}: {}", child.node, std::strerror(errno)));
    return false;
  }
  child.pid = pid;
  output_.add(fmt::format("node {}: pid {}, clients on {}, data in {}\n", child.node, pid,
                          child.client_address, child.directory));
  return true;
}

void Supervisor::greet() {
  std::string endpoints;
  for (const Child& child : children_) {
    endpoints += (endpoints.empty() ? "" : ",") + child.client_address;
  }
  output_.add(fmt::format("try:  export ONCE_ENDPOINTS={}\n", endpoints));
  output_.add("      once write greeting hello && once read greeting\n");
  output_.add("Ctrl-C stops every node\n");
}

void Supervisor::reap() {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid == 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    const std::string how = WIFSIGNALED(status)
                                ? fmt::format("killed by signal {}", WTERMSIG(status))
                                : fmt::format("exit status {}", WEXITSTATUS(status));
    child.pid = 0;
    child.restart_at = Clock::now() + kRestartDelay;
    if (!stopping_) {
      log_warning(fmt::format("node {} died ({}); starting it again in 1 s", child.node, how));
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      log_warning(fmt::format("node {} ended with {}", child.node, how));
    }
  }
}

void Supervisor::serve() {
  while (!stopping_) {
    pollfd waiting{signals_, POLLIN, 0};
    ::poll(&waiting, 1, 200);
    signalfd_siginfo info;
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      stopping_ |= info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
    }
    reap();
    for (Child& child : children_) {
      if (stopping_ || child.pid != 0 || Clock::now() < child.restart_at) continue;
      if (!spawn(child)) child.restart_at = Clock::now() + kRestartDelay;
    }
  }
}

bool Supervisor::any_running() const {
  for (const Child& child : children_) {
    if (child.pid != 0) return true;
  }
  return false;
}

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
