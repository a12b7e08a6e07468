// once-check: the checks of checks.h over files of histories, and the general search over every
// name that is short enough. Exit code 0: all hold; 1: a violation; 2: usage, or a file that is
// none.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tests/check/checks.h"
#include "tests/check/history_file.h"
#include "tests/check/register_model.h"

namespace {

using namespace once::check;

constexpr int kExitViolation = 1;
constexpr int kExitUsage = 2;
constexpr const char* kFooter =
    "Checks that clients saw a register that can be written once: agreement, validity, real-time\n"
    "order, no lost write. Names with at most --short calls are also given to a general search "
    "for\n"
    "a linearization, which must agree. The format of a file is told in "
    "tests/check/history_file.h.\n"
    "Exit code: 0 everything holds, 1 a violation, 2 wrong usage or a file that is no history.";

struct Options {
  std::vector<std::string> files;
  size_t short_calls = 30;
  size_t max_shown = 20;
};

struct Counts {
  size_t names = 0;
  size_t short_names = 0;
  size_t violations = 0;
};

// Both opinions on one name. That they differ is a defect of a checker, and as bad as a violation.
Violations check_name(const NameCalls& name, size_t short_calls, Counts& counts) {
  Violations violations = check_register(name);
  ++counts.names;
  if (name.calls.size() > short_calls) return violations;
  ++counts.short_names;
  const bool linearizable = is_linearizable_register(name);
  if (linearizable != violations.empty()) {
    violations.push_back({std::string(name.name), fmt::format("the checkers differ: the general "
                                                              "search finds {} linearization",
                                                              linearizable ? "a" : "no")});
  }
  return violations;
}

Counts check_history(const std::string& path, const History& history, const Options& options) {
  Counts counts;
  const auto show = [&](const Violations& violations) {
    for (const Violation& violation : violations) {
      if (counts.violations++ >= options.max_shown) continue;
      fmt::print("{}: VIOLATION: {}\n", path, violation.text);
    }
  };
  show(check_form(history));
  for (const NameCalls& name : by_name(history)) {
    show(check_name(name, options.short_calls, counts));
  }
  if (counts.violations > options.max_shown) {
    fmt::print("{}: {} more violations\n", path, counts.violations - options.max_shown);
  }
  return counts;
}

size_t count(const History& history, Outcome outcome) {
  return std::count_if(history.begin(), history.end(),
                       [&](const Call& call) { return call.outcome == outcome; });
}

size_t refusals(const History& history) {
  return std::count_if(history.begin(), history.end(),
                       [](const Call& call) { return is_refusal(call.outcome); });
}

int run(const Options& options) {
  bool violated = false;
  for (const std::string& path : options.files) {
    const once::Result<History> history = load_history(path);
    if (!history) {
      fmt::print(stderr, "once-check: {}\n", history.error().message);
      return kExitUsage;
    }
    const Counts counts = check_history(path, *history, options);
    violated |= counts.violations > 0;
    fmt::print(
        "{}: {} calls ({} done, {} refused, {} empty, {} unknown, {} nothing) on {} names, {} of "
        "them searched too: {} violations\n",
        path, history->size(), count(*history, Outcome::kDone), refusals(*history),
        count(*history, Outcome::kEmpty), count(*history, Outcome::kUnknown),
        count(*history, Outcome::kNothing), counts.names, counts.short_names, counts.violations);
  }
  return violated ? kExitViolation : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("once-check: checks recorded histories of write-once names");
  app.footer(kFooter);
  app.add_option("HISTORY", options.files, "Files of histories")->required();
  app.add_option("--short", options.short_calls, "Search names with at most so many calls")
      ->check(CLI::Range(size_t{0}, kMaxLinearizerCalls))
      ->capture_default_str();
  app.add_option("--show", options.max_shown, "Print at most so many violations a file")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kExitUsage;
  }
  return run(options);
}
