#include "tests/sim/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/check/checks.h"

namespace once::sim {
namespace {

using nlohmann::json;

// A table of counts by the kinds of one enumeration.
template <class Kind, size_t kKinds>
std::string show(const char* title, const std::array<uint64_t, kKinds>& counts,
                 const char* (*name)(Kind)) {
  std::string text = fmt::format("  {}:", title);
  for (size_t i = 0; i < kKinds; ++i) {
    text += fmt::format("\n    {:<28} {:>12}", name(static_cast<Kind>(i)), counts[i]);
  }
  return text + "\n";
}

template <size_t kKinds>
void add(std::array<uint64_t, kKinds>& sum, const std::array<uint64_t, kKinds>& counts) {
  for (size_t i = 0; i < kKinds; ++i) sum[i] += counts[i];
}

template <class Kind, size_t kKinds>
json counts_to_json(const std::array<uint64_t, kKinds>& counts, const char* (*name)(Kind)) {
  json object;
  for (size_t i = 0; i < kKinds; ++i) object[name(static_cast<Kind>(i))] = counts[i];
  return object;
}

template <class Kind, size_t kKinds>
void counts_from_json(const json& object, const char* (*name)(Kind),
                      std::array<uint64_t, kKinds>& counts) {
  for (size_t i = 0; i < kKinds; ++i) counts[i] = object.at(name(static_cast<Kind>(i)));
}

// Of changes that ended unknown without a node gone, over many seeds. Few are a bad sample.
constexpr double kMostUnexplained = 0.005;
constexpr double kUnexplainedByChance = 300;
// Of seeds in which somebody starved; and of a short range at least so many.
constexpr double kMostStarved = 0.01;
constexpr double kStarvedByChance = 4;

const char* action_text(check::Action action) { return check::action_name(action).data(); }

std::string show_counts(const RunResult& result) {
  return show("answered operations", result.actions, action_text) +
         show("faults", result.faults, fault_name) + show("locks", result.locks, lock_event_name) +
         show("decisions by path", result.decisions, path_name) +
         show("rare branches taken", result.rare, rare_name) +
         fmt::format(
             "  reads: {} local, {} by a majority; {} changes in all proposals\n"
             "  {} proposals made several changes, {} waited for more; {} segments were cleaned\n",
             result.local_reads, result.quorum_reads, result.changes, result.composed,
             result.lingered, result.cleaned);
}

double seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

std::string show(const WaitFigures& waits) {
  std::string text = fmt::format(
      "  longest wait of a healthy majority's clients: {:.3f} s (bound there {:.3f} s), at most "
      "{:.1f} % of a bound;\n    while a node went away: {:.3f} s; {} answers, {} of them unknown "
      "with a node gone, {} overloaded\n    unknown without a node gone: {} of {} changes "
      "({:.2f} %)\n    answered within:",
      seconds(waits.longest_ns), seconds(waits.bound_ns), waits.worst_share / 10.0,
      seconds(waits.longest_at_fault_ns), waits.answers, waits.unknown, waits.overloaded,
      waits.unexplained, waits.changes, waits.unexplained_share() * 100);
  for (size_t i = 0; i + 1 < WaitFigures::kBuckets; ++i) {
    if (waits.histogram[i] == 0) continue;
    text += fmt::format(" {} ms: {};", uint64_t{1} << i, waits.histogram[i]);
  }
  if (waits.histogram.back() != 0) text += fmt::format(" longer: {};", waits.histogram.back());
  text.back() = '\n';
  return text;
}

json to_json(const WaitFigures& waits) {
  return json{{"longest_ns", waits.longest_ns},
              {"bound_ns", waits.bound_ns},
              {"worst_share_per_mille", waits.worst_share},
              {"longest_at_fault_ns", waits.longest_at_fault_ns},
              {"answers", waits.answers},
              {"unknown", waits.unknown},
              {"overloaded", waits.overloaded},
              {"changes", waits.changes},
              {"unknown_without_node_gone", waits.unexplained},
              {"starved", waits.starved},
              {"first_starved", waits.first_starved},
              {"unknown_without_node_gone_share", waits.unexplained_share()},
              {"histogram_ms", waits.histogram}};
}

WaitFigures waits_from_json(const json& from) {
  WaitFigures waits;
  waits.longest_ns = from.at("longest_ns");
  waits.bound_ns = from.at("bound_ns");
  waits.worst_share = from.at("worst_share_per_mille");
  waits.longest_at_fault_ns = from.at("longest_at_fault_ns");
  waits.answers = from.at("answers");
  waits.unknown = from.at("unknown");
  waits.overloaded = from.at("overloaded");
  waits.changes = from.at("changes");
  waits.unexplained = from.at("unknown_without_node_gone");
  waits.starved = from.at("starved");
  waits.first_starved = from.at("first_starved");
  waits.histogram = from.at("histogram_ms");
  return waits;
}

}  // namespace

void Summary::add(const RunResult& result) {
  ++seeds;
  hashes.emplace_back(result.seed, result.hash);
  sum.simulated_ns += result.simulated_ns;
  sum.healing_ns = std::max(sum.healing_ns, result.healing_ns);
  sum.events += result.events;
  sum.operations += result.operations;
  sum.retries += result.retries;
  sum.answered += result.answered;
  sum.changes += result.changes;
  sum.composed += result.composed;
  sum.lingered += result.lingered;
  sim::add(sum.actions, result.actions);
  sum.local_reads += result.local_reads;
  sum.quorum_reads += result.quorum_reads;
  sum.records += result.records;
  sum.cleaned += result.cleaned;
  sim::add(sum.locks, result.locks);
  if (result.waits.longest_ns > sum.waits.longest_ns) longest_wait_seed = result.seed;
  sum.waits.add(result.waits);
  if (result.waits.unexplained_share() > largest_unexplained_share) {
    largest_unexplained_share = result.waits.unexplained_share();
    most_unexplained_seed = result.seed;
  }
  if (result.waits.starved != 0 && starved_seeds++ == 0) first_starved = result;
  sim::add(sum.faults, result.faults);
  sim::add(sum.decisions, result.decisions);
  sim::add(sum.rare, result.rare);
  if (!result.violation.empty()) failed.push_back(result);
}

void Summary::judge() {
  std::sort(hashes.begin(), hashes.end());
  const WaitFigures& waits = sum.waits;
  const double most_starved = kMostStarved * static_cast<double>(seeds);
  if (static_cast<double>(starved_seeds) > std::max(most_starved, kStarvedByChance)) {
    failed.push_back(first_starved);
    failed.back().violation = fmt::format(
        "over all seeds, not in this one alone: in {} of {} somebody starved, first: {}",
        starved_seeds, seeds, first_starved.waits.first_starved);
  }
  const double most = kMostUnexplained * static_cast<double>(waits.changes);
  if (static_cast<double>(waits.unexplained) <= std::max(most, kUnexplainedByChance)) return;
  RunResult all;
  all.seed = most_unexplained_seed;
  all.violation = fmt::format(
      "over all seeds, not in this one alone (it has the largest share): unknown without a node "
      "gone: {} of {} changes, {:.2f} %, and {:.2f} % is the most",
      waits.unexplained, waits.changes, waits.unexplained_share() * 100, kMostUnexplained * 100);
  failed.push_back(all);
}

std::string replay_command(const Options& options) {
  return fmt::format("once-sim --seed {} --seconds {} --trace -", options.seed, options.seconds);
}

std::string show(const RunResult& result, const Options& options) {
  std::string text = fmt::format(
      "seed {}: {}\n  simulated {:.3f} s, healed after {:.3f} s, {} events, {} operations "
      "({} answered, {} retries), {} records\n",
      result.seed, result.plan, seconds(result.simulated_ns), seconds(result.healing_ns),
      result.events, result.operations, result.answered, result.retries, result.records);
  text += show(result.waits);
  if (result.waits.starved != 0) {
    text += fmt::format("    starved: {} questions; the first: {}\n", result.waits.starved,
                        result.waits.first_starved);
  }
  text += show_counts(result);
  text += fmt::format("  trace hash {:016x}\n", result.hash);
  if (result.violation.empty()) return text;
  Options replay = options;
  replay.seed = result.seed;
  return text + fmt::format("VIOLATION, seed {}: {}\n  replay: {}\n", result.seed, result.violation,
                            replay_command(replay));
}

std::string show(const Summary& summary, const Options& options) {
  const RunResult& sum = summary.sum;
  std::string text = fmt::format(
      "{} seeds: simulated {:.0f} s in {:.1f} s ({:.0f} simulated s a second, {:.0f} a second of "
      "one core)\n  {} events, {} operations ({} answered, {} retries), {} records\n"
      "  longest time from the healing of a majority to the last answer: {:.3f} s\n",
      summary.seeds, seconds(sum.simulated_ns), summary.wall_s,
      seconds(sum.simulated_ns) / std::max(summary.wall_s, 1e-9),
      seconds(sum.simulated_ns) / std::max(summary.cpu_s, 1e-9), sum.events, sum.operations,
      sum.answered, sum.retries, sum.records, seconds(sum.healing_ns));
  text += show(sum.waits);
  text += fmt::format(
      "    the longest wait is of seed {}, the largest share unknown ({:.2f} %) of seed {}\n",
      summary.longest_wait_seed, summary.largest_unexplained_share * 100,
      summary.most_unexplained_seed);
  text += fmt::format("    starved: {} questions in {} of the seeds{}\n", sum.waits.starved,
                      summary.starved_seeds,
                      summary.starved_seeds == 0
                          ? ""
                          : fmt::format("; the first of seed {}: {}", summary.first_starved.seed,
                                        summary.first_starved.waits.first_starved));
  text += show_counts(sum);
  for (const RunResult& result : summary.failed) {
    Options replay = options;
    replay.seed = result.seed;
    text += fmt::format("VIOLATION, seed {}: {}\n  replay: {}\n", result.seed, result.violation,
                        replay_command(replay));
  }
  text += fmt::format("{} seeds, {} violations\n", summary.seeds, summary.failed.size());
  return text;
}

std::string show_hashes(const Summary& summary) {
  std::string text;
  for (const auto& [seed, hash] : summary.hashes) text += fmt::format("{} {:016x}\n", seed, hash);
  return text;
}

json to_json(const RunResult& result) {
  return json{{"seed", result.seed},
              {"hash", fmt::format("{:016x}", result.hash)},
              {"simulated_ns", result.simulated_ns},
              {"healing_ns", result.healing_ns},
              {"events", result.events},
              {"operations", result.operations},
              {"retries", result.retries},
              {"answered", result.answered},
              {"actions", counts_to_json(result.actions, action_text)},
              {"changes", result.changes},
              {"composed", result.composed},
              {"lingered", result.lingered},
              {"local_reads", result.local_reads},
              {"quorum_reads", result.quorum_reads},
              {"records", result.records},
              {"cleaned", result.cleaned},
              {"waits", to_json(result.waits)},
              {"faults", counts_to_json(result.faults, fault_name)},
              {"locks", counts_to_json(result.locks, lock_event_name)},
              {"decisions", counts_to_json(result.decisions, path_name)},
              {"rare", counts_to_json(result.rare, rare_name)},
              {"plan", result.plan},
              {"violation", result.violation}};
}

RunResult from_json(const json& from) {
  RunResult result;
  result.seed = from.at("seed");
  result.hash = std::stoull(from.at("hash").get<std::string>(), nullptr, 16);
  result.simulated_ns = from.at("simulated_ns");
  result.healing_ns = from.at("healing_ns");
  result.events = from.at("events");
  result.operations = from.at("operations");
  result.retries = from.at("retries");
  result.answered = from.at("answered");
  counts_from_json(from.at("actions"), action_text, result.actions);
  result.changes = from.at("changes");
  result.composed = from.at("composed");
  result.lingered = from.at("lingered");
  result.local_reads = from.at("local_reads");
  result.quorum_reads = from.at("quorum_reads");
  result.records = from.at("records");
  result.cleaned = from.at("cleaned");
  result.waits = waits_from_json(from.at("waits"));
  counts_from_json(from.at("faults"), fault_name, result.faults);
  counts_from_json(from.at("locks"), lock_event_name, result.locks);
  counts_from_json(from.at("decisions"), path_name, result.decisions);
  counts_from_json(from.at("rare"), rare_name, result.rare);
  result.plan = from.at("plan");
  result.violation = from.at("violation");
  return result;
}

json to_json(const Summary& summary) {
  json all = to_json(summary.sum);
  for (const char* of_one_run : {"seed", "hash", "plan", "violation"}) all.erase(of_one_run);
  all["seeds"] = summary.seeds;
  all["waits"]["longest_seed"] = summary.longest_wait_seed;
  all["waits"]["unknown_without_node_gone_seed"] = summary.most_unexplained_seed;
  all["waits"]["unknown_without_node_gone_largest_share"] = summary.largest_unexplained_share;
  all["wall_s"] = summary.wall_s;
  all["cpu_s"] = summary.cpu_s;
  all["violations"] = json::array();
  for (const RunResult& result : summary.failed) {
    all["violations"].push_back({{"seed", result.seed}, {"what", result.violation}});
  }
  return all;
}

}  // namespace once::sim
