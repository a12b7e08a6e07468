// once-exhaustive: every schedule of small worlds over the production core.
// Exit codes: 0 no violation, 1 a violation (with its schedule), or a world that came to its end
// without what it was made for, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/exhaustive/search.h"

namespace once::exhaustive {
namespace {

constexpr int kExitDone = 0, kExitViolation = 1, kExitUsage = 2;

// Some 100 bytes each. The small bounds stay far below it.
constexpr uint64_t kMaxStates = 30'000'000;

const Search* running = nullptr;

// The core's assertions end the process: say which schedule led there. Nothing goes on after this.
void on_abort(int) {
  if (running) fmt::print("VIOLATION: an assertion failed\n{}", running->story_so_far());
  std::fflush(stdout);
  std::_Exit(kExitViolation);
}

struct Options {
  std::string scenario;
  std::vector<std::string> accepts;
  uint64_t max_states = 0;
  uint64_t audit = 2000;
  bool far = false;
  bool list = false;
};

// Says what no schedule of a world that was searched to its end has shown.
bool is_vacuous(const SearchResult& r, const std::vector<std::string>& accepts) {
  bool vacuous = false;
  for (const std::string& ballot : accepts) {
    if (!r.complete || r.ballots.find(ballot) != std::string::npos) continue;
    fmt::print("VACUOUS: no schedule has anything accepted under {}\n", ballot);
    vacuous = true;
  }
  return vacuous;
}

bool run(const Scenario& scenario, const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  Search search(scenario);
  running = &search;
  const uint64_t limit = options.max_states ? options.max_states : kMaxStates;
  const SearchResult r = search.run(limit, options.audit);
  running = nullptr;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const char* how = !r.violation.empty() ? "VIOLATION" : r.complete ? "complete" : "TRUNCATED";
  std::string answers;
  for (const auto& [status, count] : r.answers) answers += fmt::format(" {} {},", count, status);
  if (!answers.empty()) answers.pop_back();
  fmt::print("{:<20} {:>9} states {:>10} transitions  depth {:>3}  {}  {:.1f} s\n", scenario.name,
             r.states, r.transitions, r.depth, how, took.count());
  fmt::print("    {} node states, {} steps of the core, {} audited; {} beyond round {}\n",
             r.local_states, r.local_steps, r.audited, r.beyond_bound, scenario.max_round);
  fmt::print("    answers checked:{}; ballots accepted:{}\n", answers, r.ballots);
  if (!r.violation.empty()) fmt::print("VIOLATION: {}\n{}", r.violation, r.story);
  const bool vacuous = is_vacuous(r, scenario.accepts) || is_vacuous(r, options.accepts);
  std::fflush(stdout);
  return r.violation.empty() && !vacuous;
}

int run_all(const Options& options) {
  const std::vector<Scenario> all = scenarios(options.far ? Bound::kFar : Bound::kSmall);
  size_t matching = 0;
  bool good = true;
  for (const Scenario& scenario : all) {
    if (!options.scenario.empty() && scenario.name != options.scenario) continue;
    ++matching;
    if (options.list) {
      fmt::print("{:<20} {}\n", scenario.name, scenario.about);
    } else {
      good = run(scenario, options) && good;
    }
  }
  if (matching == 0) {
    fmt::print(stderr, "there is no scenario '{}'; --list shows them\n", options.scenario);
    return kExitUsage;
  }
  return good ? kExitDone : kExitViolation;
}

}  // namespace
}  // namespace once::exhaustive

int main(int argc, char** argv) {
  using namespace once::exhaustive;
  CLI::App app("Every schedule of small worlds over the production core", "once-exhaustive");
  Options options;
  app.add_option("--scenario", options.scenario, "Only this one");
  app.add_option("--accepts", options.accepts, "A ballot that must be used, such as (1,n2,i1)");
  app.add_option("--max-states", options.max_states, "Stop a scenario there (it says so)");
  app.add_option("--audit", options.audit, "How often to test that equal states behave equally");
  app.add_flag("--far", options.far, "The further bounds of `make exhaustive`");
  app.add_flag("--list", options.list, "List the scenarios");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (const std::string changed = once::paxos::CoreProbe::outdated(); !changed.empty()) {
    fmt::print(stderr,
               "{}has changed: see that tests/exhaustive/core_probe.cc knows every field, then "
               "update its sizes\n",
               changed);
    return kExitUsage;
  }
  std::signal(SIGABRT, on_abort);
  return run_all(options);
}
