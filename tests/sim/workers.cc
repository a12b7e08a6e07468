#include "tests/sim/workers.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace once::sim {
namespace {

struct Worker {
  pid_t pid = 0;
  int fd = -1;
  uint64_t seed = 0;  // under way; 0: none
  std::string unread;
};

// Ctrl-C or a time-out ends a batch; what was done is still summed up.
volatile std::sig_atomic_t stopped = 0;

void on_stop(int) { stopped = 1; }

double now_s(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void write_line(int fd, const std::string& line) {
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t written = ::write(fd, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) std::_Exit(1);  // nobody listens any more
    left.remove_prefix(static_cast<size_t>(written));
  }
}

// In the child: "S seed" before each run, "R json" after it.
[[noreturn]] void work(const Batch& batch, uint64_t first, int fd) {
  for (uint64_t seed = first; seed <= batch.last; seed += batch.jobs) {
    write_line(fd, fmt::format("S {}\n", seed));
    Options options;
    options.seed = seed;
    options.seconds = batch.seconds;
    write_line(fd, fmt::format("R {}\n", to_json(run_checked(options, batch.twice)).dump()));
  }
  std::_Exit(0);
}

bool spawn(const Batch& batch, uint64_t first, Worker* worker) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  std::fflush(nullptr);
  worker->pid = ::fork();
  if (worker->pid == 0) {
    ::close(ends[0]);
    work(batch, first, ends[1]);
  }
  ::close(ends[1]);
  worker->fd = ends[0];
  return worker->pid > 0;
}

void take_line(Worker& worker, const std::string& line, Summary* summary) {
  if (line.starts_with("S ")) {
    worker.seed = std::stoull(line.substr(2));
  } else if (line.starts_with("R ")) {
    summary->add(from_json(nlohmann::json::parse(line.substr(2))));
    worker.seed = 0;
  }
}

// False: the worker has ended.
bool take_output(Worker& worker, Summary* summary) {
  char bytes[65536];
  const ssize_t got = ::read(worker.fd, bytes, sizeof bytes);
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  worker.unread.append(bytes, static_cast<size_t>(got));
  for (size_t end; (end = worker.unread.find('\n')) != std::string::npos;) {
    take_line(worker, worker.unread.substr(0, end), summary);
    worker.unread.erase(0, end + 1);
  }
  return true;
}

// Its next seeds, if it died over one, go to a worker in its place.
void bury(const Batch& batch, Worker& worker, Summary* summary) {
  int status = 0;
  ::waitpid(worker.pid, &status, 0);
  ::close(worker.fd);
  worker.fd = -1;
  if (worker.seed == 0) return;
  RunResult died;
  died.seed = worker.seed;
  died.violation = WIFSIGNALED(status)
                       ? fmt::format("the run died of signal {} ({}); what it said is on stderr",
                                     WTERMSIG(status), strsignal(WTERMSIG(status)))
                       : fmt::format("the run ended its process, status {}", status);
  summary->add(died);
  const uint64_t next = worker.seed + batch.jobs;
  worker = Worker{};
  if (batch.keep_going && next <= batch.last) spawn(batch, next, &worker);
}

}  // namespace

RunResult run_checked(const Options& options, bool twice) {
  RunResult result = run_seed(options, nullptr);
  if (!twice || !result.violation.empty()) return result;
  const RunResult again = run_seed(options, nullptr);
  if (again.hash != result.hash) {
    result.violation =
        fmt::format("not deterministic: trace hash {:016x}, then {:016x}", result.hash, again.hash);
  }
  return result;
}

Summary run_batch(const Batch& batch) {
  Summary summary;
  const double began = now_s(CLOCK_MONOTONIC);
  std::vector<Worker> workers(std::min<uint64_t>(batch.jobs, batch.last - batch.first + 1));
  Batch mine = batch;
  mine.jobs = workers.size();
  for (size_t i = 0; i < workers.size(); ++i) {
    if (!spawn(mine, batch.first + i, &workers[i])) {
      std::fprintf(stderr, "once-sim: cannot start a worker: %s\n", std::strerror(errno));
      std::exit(1);
    }
  }
  ::signal(SIGINT, on_stop);
  ::signal(SIGTERM, on_stop);
  while (!stopped && (batch.keep_going || summary.failed.empty())) {
    std::vector<pollfd> waits;
    for (const Worker& worker : workers) {
      if (worker.fd >= 0) waits.push_back({worker.fd, POLLIN, 0});
    }
    if (waits.empty()) break;
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;  // interrupted
    for (const pollfd& wait : waits) {
      if (wait.revents == 0) continue;
      for (Worker& worker : workers) {
        if (worker.fd == wait.fd && !take_output(worker, &summary)) bury(mine, worker, &summary);
      }
    }
  }
  for (Worker& worker : workers) {
    if (worker.fd < 0) continue;
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
    ::close(worker.fd);
  }
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  summary.cpu_s = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  summary.wall_s = now_s(CLOCK_MONOTONIC) - began;
  summary.judge();
  std::sort(summary.failed.begin(), summary.failed.end(),
            [](const RunResult& a, const RunResult& b) { return a.seed < b.seed; });
  return summary;
}

}  // namespace once::sim
