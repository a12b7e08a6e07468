// once-bench: a load generator that runs on the same reactor and codec as the nodes.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/draw_ids.h"
#include "base/guarded_main.h"
#include "base/output.h"
#include "bench/figures.h"
#include "bench/floor.h"
#include "bench/interrupt.h"
#include "bench/load.h"
#include "bench/names.h"
#include "bench/options.h"
#include "bench/output_file.h"
#include "bench/percentiles.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/series.h"
#include "bench/series_report.h"
#include "bench/team.h"
#include "bench/wait_load.h"
#include "reactor/make_io.h"

namespace once::bench {
namespace {

int complain(const std::string& what) {
  tell_line("once-bench: " + what);
  return 1;
}

LoadResult failed(std::string why) {
  LoadResult none;
  none.failure = std::move(why);
  return none;
}

// On this thread, which a signal ends if it is the first one of the team.
LoadResult run_load(const Options& options, reactor::Backend backend, Place place) {
  auto io = reactor::make_io({.backend = backend, .reset_at_end = true});
  if (!io) {
    place.team.give_up(place.load);
    return failed(io.error().message);
  }
  std::optional<EndOnSignals> ends;
  if (place.load == 0) ends.emplace(**io);
  return options.operation == paxos::Operation::kWait ? WaitLoad(**io, options).run()
                                                      : Load(**io, options, place).run();
}

LoadResult run_once(const Options& options) {
  Team team(options.threads, random_bits());
  std::vector<LoadResult> results(options.threads);
  std::vector<std::thread> threads;
  const reactor::Backend backend = reactor::choose_backend("auto").backend;
  const auto run = [&](size_t load) { results[load] = run_load(options, backend, {team, load}); };
  try {
    while (threads.size() + 1 < options.threads) threads.emplace_back(run, threads.size() + 1);
  } catch (const std::system_error& wrong) {
    const size_t load = threads.size() + 1;
    team.give_up(load);
    results[load] = failed(fmt::format("thread {} cannot be started: {}", load, wrong.what()));
  }
  run(0);
  for (std::thread& thread : threads) thread.join();
  return sum_of(results, team);
}

// What was asked to be written beside the results.
struct Files {
  OutputFile percentiles;
  OutputFile plot;
};

std::string write_files(const Options& options, const Series& series, Files& files) {
  if (files.percentiles.is_open()) {
    const Histogram& latency = series.steps.front().runs.front().latency;
    const std::string wrong = files.percentiles.write(percentiles_of(latency));
    if (!wrong.empty()) return wrong;
  }
  return files.plot.is_open() ? files.plot.write(plot_of(options, series)) : "";
}

int complain_of_results() {
  return complain(fmt::format("cannot write the results: {}", std::strerror(errno)));
}

int told_failure(const Options& options, const LoadResult& result) {
  const std::string left = leaves(options, result);
  (void)complain(left.empty() ? result.failure : result.failure + "; " + left);
  return result.interrupted == 0 ? 1 : 128 + result.interrupted;
}

int told_end(const LoadResult& result) {
  if (result.protocol_errors > 0) {
    (void)complain(fmt::format("{} protocol errors, the first: {}", result.protocol_errors,
                               result.first_protocol_error));
  }
  return exit_code(result);
}

// Of several runs, with the names that the last one left too.
void tell_failure(const std::string& failure, const std::string& left) {
  if (failure.empty() && left.empty()) return;
  (void)complain(failure + (failure.empty() || left.empty() ? "" : "; ") + left);
}

int run_one(const Options& options, Files& files) {
  std::optional<Floor> floor;
  if (options.floor) {
    Result<Floor> measured = measure_floor(options.floor_dir);
    if (!measured) return complain(measured.error().message);
    floor = *measured;
  }
  const LoadResult result = run_once(options);
  if (!result.failure.empty()) return told_failure(options, result);
  if (result.connected < options.connections) {
    (void)complain(fmt::format("only {} of {} connections were open at the start", result.connected,
                               options.connections));
  }
  const bool shown = write_all(STDOUT_FILENO, options.json ? json_of(options, result, floor)
                                                           : table_of(options, result, floor));
  if (!shown) return complain_of_results();
  Series series;
  series.steps.push_back({options, {result}});
  if (const std::string wrong = write_files(options, series, files); !wrong.empty()) {
    return complain(wrong);
  }
  return told_end(result);
}

// What was measured before a run failed is shown all the same.
int run_many(const Options& options, Files& files) {
  const Series series = run_series(options, run_once);
  if (series.runs() > 0) {
    const std::string text = options.csv    ? csv_of(series)
                             : options.json ? json_of(options, series)
                                            : table_of(options, series);
    if (!write_all(STDOUT_FILENO, text)) return complain_of_results();
    if (const std::string wrong = write_files(options, series, files); !wrong.empty()) {
      return complain(wrong);
    }
  }
  // CSV has no place for them, and where no run counts there is no table.
  const bool untold = options.csv || series.runs() == 0;
  tell_failure(series.failure, untold ? words_of(series.left, options.value_bytes) : "");
  if (series.interrupted != 0) return 128 + series.interrupted;
  if (!series.failure.empty()) return 1;
  for (const Step& step : series.steps) {
    for (const LoadResult& result : step.runs) {
      if (const int code = told_end(result); code != 0) return code;
    }
  }
  return 0;
}

int search(const Options& options) {
  const RateSearch found = search_rate(options, run_once);
  if (!found.tries.empty()) {
    const std::string text = options.json ? json_of(options, found) : table_of(options, found);
    if (!write_all(STDOUT_FILENO, text)) return complain_of_results();
  }
  tell_failure(found.failure, found.tries.empty() ? words_of(found.left, options.value_bytes) : "");
  if (found.interrupted != 0) return 128 + found.interrupted;
  return found.failure.empty() && found.best > 0 ? 0 : 1;
}

int run(const Options& options) {
  if (draw_request_id() == RequestId{}) return complain(kNoRandomBits);
  Files files;
  for (const std::string& wrong :
       {files.percentiles.open(options.percentiles_path), files.plot.open(options.plot_path)}) {
    if (!wrong.empty()) return complain(wrong);
  }
  if (options.target) return search(options);
  return options.is_series() ? run_many(options, files) : run_one(options, files);
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) {
  (void)once::hold_standard_descriptors(once::Held::kBroken);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return once::guarded_main("once-bench", [&] {
    const auto options = once::bench::parse_options(argc, argv);
    return options ? once::bench::run(*options) : once::say(options.error());
  });
}
