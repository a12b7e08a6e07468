// once-sim: whole clusters on simulated machines, from one seed each.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/sim/seed_story.h"
#include "tests/sim/story.h"
#include "tests/sim/trace.h"
#include "tests/sim/workers.h"

namespace once::sim {
namespace {

constexpr int kFine = 0;
constexpr int kViolation = 1;
constexpr int kUsage = 2;

constexpr const char* kExamples = R"(
Examples:
  once-sim --seed 17                      one run: what was done, decided, answered
  once-sim --seed 17 --trace -            its story on standard output
  once-sim --seed 17 --trace story.txt    ... in a file
  once-sim --seed 17 --tell               ... with each message, its reason, and what became of it
  once-sim --seed 17 --tell --name hot-1  ... of one name
  once-sim --replay story.txt             the same run again; tells the first line that differs
  once-sim --seeds 1..20000 --jobs 2      many runs, one table
  once-sim --seeds 1..200 --twice         each seed twice; the trace hashes must be equal
  once-sim --story two-writers            a small story about one name, in words
  once-sim --story FILE --svg STORY.svg   ... of one's own, and as a picture too
  once-sim --seeds 1..200 --hashes        each seed's trace hash, to compare two versions

Exit codes: 0 no violation, 1 a violation (the command that replays it is printed), 2 usage.
)";

struct Arguments {
  Options run;
  std::string seeds;
  std::string trace;
  std::string replay;
  std::string story;
  std::string svg;
  bool tell = false;
  Telling telling;
  size_t jobs = 1;
  bool twice = false;
  bool keep_going = false;
  bool json = false;
  bool hashes = false;
};

int usage(const std::string& what) {
  std::fprintf(stderr, "once-sim: %s\nRun once-sim --help for what it takes.\n", what.c_str());
  return kUsage;
}

class PrintStory final : public Story {
 public:
  void line(std::string_view text) override {
    std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
  }
};

// "A..B", both included.
bool parse_seeds(const std::string& text, uint64_t* first, uint64_t* last) {
  const char* end = text.data() + text.size();
  const auto [middle, code] = std::from_chars(text.data(), end, *first);
  if (code != std::errc{} || end - middle < 3 || middle[0] != '.' || middle[1] != '.') return false;
  const auto [at, code_too] = std::from_chars(middle + 2, end, *last);
  return code_too == std::errc{} && at == end && *first <= *last;
}

void print(const RunResult& result, const Arguments& arguments) {
  const std::string text =
      arguments.json ? to_json(result).dump(2) + "\n" : show(result, arguments.run);
  std::fputs(text.c_str(), stdout);
}

int run_many(const Arguments& arguments) {
  Batch batch;
  if (!parse_seeds(arguments.seeds, &batch.first, &batch.last)) {
    return usage("--seeds wants A..B with A <= B, not \"" + arguments.seeds + "\"");
  }
  batch.seconds = arguments.run.seconds;
  batch.jobs = arguments.jobs;
  batch.twice = arguments.twice;
  batch.keep_going = arguments.keep_going;
  const Summary summary = run_batch(batch);
  if (arguments.hashes && summary.failed.empty()) {
    std::fputs(show_hashes(summary).c_str(), stdout);
    return kFine;
  }
  const std::string text =
      arguments.json ? to_json(summary).dump(2) + "\n" : show(summary, arguments.run);
  std::fputs(text.c_str(), stdout);
  return summary.failed.empty() ? kFine : kViolation;
}

int replay(const Arguments& arguments) {
  const auto trace = read_trace(arguments.replay);
  if (!trace) return usage(trace.error().message);
  TraceComparer comparer(*trace);
  const RunResult result = run_seed(trace->options, &comparer);
  Arguments shown = arguments;
  shown.run = trace->options;
  print(result, shown);
  const std::string difference = comparer.difference(result.hash);
  if (!difference.empty()) {
    std::fprintf(stderr, "once-sim: the run is not the one of %s: %s\n", arguments.replay.c_str(),
                 difference.c_str());
    return kViolation;
  }
  return result.violation.empty() ? kFine : kViolation;
}

int tell_story(const Arguments& arguments) {
  const auto script = read_script(arguments.story);
  if (!script) return usage(script.error().message);
  const auto tale = play(*script);
  if (!tale) {
    std::fprintf(stderr, "once-sim: %s: %s\n", arguments.story.c_str(),
                 tale.error().message.c_str());
    return kViolation;
  }
  std::fputs(as_text(*tale).c_str(), stdout);
  if (arguments.svg.empty()) return kFine;
  std::ofstream file(arguments.svg, std::ios::binary);
  file << as_picture(*tale);
  file.close();
  return file ? kFine : usage("cannot write " + arguments.svg);
}

// An assertion ends the process: the seed must not be lost with it.
char death_note[160];

void on_death(int signal_number) {
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, death_note, std::strlen(death_note));
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

int run_one(const Arguments& arguments) {
  std::snprintf(death_note, sizeof death_note, "once-sim: seed %llu died; replay: %s\n",
                static_cast<unsigned long long>(arguments.run.seed),
                replay_command(arguments.run).c_str());
  ::signal(SIGABRT, on_death);
  ::signal(SIGSEGV, on_death);
  RunResult result;
  if (arguments.tell) {
    SeedStory story(arguments.telling);
    result = run_seed(arguments.run, story);
    std::fputs(story.text().c_str(), stdout);
  } else if (arguments.trace.empty()) {
    result = run_checked(arguments.run, arguments.twice);
  } else if (arguments.trace == "-") {
    PrintStory story;
    result = run_seed(arguments.run, &story);
  } else {
    TraceWriter writer(arguments.run);
    result = run_seed(arguments.run, &writer);
    const auto saved = writer.save(arguments.trace, result.hash);
    if (!saved) return usage(saved.error().message);
  }
  print(result, arguments);
  return result.violation.empty() ? kFine : kViolation;
}

void add_telling(CLI::App& app, Arguments& arguments, const std::vector<CLI::Option*>& others) {
  CLI::Option* tell = app.add_flag("--tell", arguments.tell,
                                   "tell the run to people: messages, reasons, faults, by time");
  for (CLI::Option* other : others) tell->excludes(other);
  app.add_option("--name", arguments.telling.name, "with --tell: of this name")->needs(tell);
  app.add_option("--lines", arguments.telling.lines, "with --tell: so many, the first ones")
      ->default_val(arguments.telling.lines)
      ->check(CLI::Range(1, 1'000'000))
      ->needs(tell);
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Runs whole clusters (nodes, logs, links, clients) on a simulated clock, network and "
      "disk, with faults, and checks what they promise.",
      "once-sim");
  app.footer(kExamples);
  auto* seed = app.add_option("--seed", arguments.run.seed, "the run's seed")->default_val(1);
  auto* seeds =
      app.add_option("--seeds", arguments.seeds, "a range of seeds, A..B")->excludes(seed);
  app.add_option("--seconds", arguments.run.seconds, "simulated seconds under faults")
      ->default_val(10)
      ->check(CLI::Range(1, 100'000));
  app.add_option("--jobs", arguments.jobs, "worker processes, with --seeds")
      ->default_val(1)
      ->check(CLI::Range(1, 256));
  auto* twice = app.add_flag("--twice", arguments.twice, "run each seed twice, compare the hashes");
  auto* trace = app.add_option("--trace", arguments.trace, "write the story to FILE, or to -")
                    ->type_name("FILE")
                    ->excludes(seeds)
                    ->excludes(twice);
  app.add_option("--replay", arguments.replay, "run a trace file again and compare")
      ->type_name("FILE")
      ->excludes(seed)
      ->excludes(seeds)
      ->excludes(trace);
  app.add_flag("--keep-going", arguments.keep_going, "with --seeds: past the first violation");
  auto* json = app.add_flag("--json", arguments.json, "figures as JSON");
  auto* story =
      app.add_option("--story", arguments.story, "play a small story: its name, or a FILE")
          ->type_name("NAME")
          ->excludes(seed)
          ->excludes(seeds);
  add_telling(app, arguments, {seeds, twice, trace, json, story});
  app.add_option("--svg", arguments.svg, "with --story: draw it into FILE too")
      ->type_name("FILE")
      ->needs(story);
  app.add_flag("--hashes", arguments.hashes,
               "with --seeds: each seed's trace hash and nothing else")
      ->needs(seeds)
      ->excludes(json);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return usage(error.what());
  }
  if (!arguments.story.empty()) return tell_story(arguments);
  if (!arguments.replay.empty()) return replay(arguments);
  if (!arguments.seeds.empty()) return run_many(arguments);
  return run_one(arguments);
}

}  // namespace
}  // namespace once::sim

int main(int argc, char** argv) {
  // Nodes come and go with megabytes each: giving those back to the kernel costs more than all
  // else.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  return once::sim::run(argc, argv);
}
