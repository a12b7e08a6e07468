// once-torture: loads a cluster through the client library and records what every call saw, until
// the harness (torture.py), which makes the faults, says on standard input that it has healed
// everything. Then it reads all names back and writes the history. Not for use by hand.
//
// Standard input: the line "finish"; the end of the input without it means that the harness died.
// Standard output: "progress CALLS" each second, at last one line of JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/check/checks.h"
#include "tests/check/history_file.h"
#include "tests/torture/workload.h"

namespace {

using namespace once::torture;
using once::check::Action;
using once::check::History;
using once::check::Outcome;

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;
constexpr int64_t kReadBackPatienceNs = 60'000'000'000;

struct Options {
  WorkloadOptions workload;
  std::string history_path;
  std::string times_path;
};

void say_progress(const Recorder& recorder) {
  std::cout << "progress " << recorder.calls() << std::endl;
}

// Runs the load until the harness has healed the cluster. False: the harness is gone.
bool load_until_told(Workload& workload) {
  std::atomic<bool> stopped = false;
  std::atomic<bool> orphaned = false;
  std::thread listener([&] {
    std::string line;
    orphaned = !std::getline(std::cin, line) || line != "finish";
    stopped = true;
  });
  std::thread reporter([&] {
    for (int ticks = 0; !stopped; ++ticks) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (ticks % 10 == 9) say_progress(workload.recorder());
    }
  });
  workload.run(stopped);
  listener.join();
  reporter.join();
  return !orphaned;
}

// In milliseconds of the monotonic clock: "won T" when a change was made, so that a majority must
// have worked just then; "refused T" when it was refused; "read T" when a question was answered;
// "failed CALL RETURN" of each call that told nothing. Not of waits: to wait in vain is no failure.
void save_times(const History& history, const std::string& path) {
  std::ofstream file(path);
  for (const auto& call : history) {
    if (call.action == Action::kWait) continue;
    if (once::check::changes(call.action) && call.outcome == Outcome::kDone) {
      file << "won " << call.return_ns / 1'000'000 << '\n';
    } else if (once::check::changes(call.action) && once::check::is_refusal(call.outcome)) {
      file << "refused " << call.return_ns / 1'000'000 << '\n';
    } else if (once::check::shows_state(call) || call.outcome == Outcome::kEmpty) {
      file << "read " << call.return_ns / 1'000'000 << '\n';
    } else if (call.outcome == Outcome::kUnknown || call.outcome == Outcome::kNothing) {
      file << "failed " << call.call_ns / 1'000'000 << ' ' << call.return_ns / 1'000'000 << '\n';
    }
  }
}

nlohmann::json summary(const History& history, const Workload& workload, size_t unread,
                       size_t invalid_or_error) {
  nlohmann::json operations;
  for (const auto& call : history) {
    nlohmann::json& kind = operations[std::string(once::check::action_name(call.action))];
    if (kind.is_null())
      kind = {{"done", 0}, {"refused", 0}, {"empty", 0}, {"unknown", 0}, {"nothing", 0}};
    const bool refused = once::check::is_refusal(call.outcome);
    nlohmann::json& count =
        kind[refused ? "refused" : std::string(once::check::outcome_name(call.outcome))];
    count = count.get<size_t>() + 1;
  }
  return {{"calls", history.size()},
          {"names", workload.names()},
          {"unread", unread},
          {"invalid_or_error", invalid_or_error},
          {"operations", operations}};
}

int run(const Options& options) {
  Workload workload(options.workload);
  if (!load_until_told(workload)) {
    fmt::print(stderr, "once-torture: the harness is gone\n");
    return kExitError;
  }
  const size_t unread = workload.read_back(kReadBackPatienceNs);
  const size_t invalid_or_error = workload.recorder().invalid_or_error();
  const History history = workload.recorder().take();
  save_times(history, options.times_path);
  if (const auto saved = once::check::save_history(history, options.history_path); !saved) {
    fmt::print(stderr, "once-torture: {}\n", saved.error().message);
    return kExitError;
  }
  std::cout << summary(history, workload, unread, invalid_or_error).dump() << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("once-torture: the load and the memory of tests/torture/torture.py");
  app.add_option("--endpoints", options.workload.endpoints, "Client addresses of the nodes")
      ->delimiter(',')
      ->required();
  app.add_option("--history", options.history_path, "Where the history goes")->required();
  app.add_option("--times", options.times_path, "Where the times of wins and failures go")
      ->required();
  app.add_option("--seed", options.workload.seed, "Of names, values and retries");
  app.add_option("--clients", options.workload.clients, "Clients")->check(CLI::Range(1, 64));
  app.add_option("--direct", options.workload.direct, "Clients bound to one node, of each node")
      ->check(CLI::Range(0, 64));
  app.add_option("--rate", options.workload.rate, "Operations a second over all clients")
      ->check(CLI::Range(1, 1'000'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kExitUsage;
  }
  return run(options);
}
