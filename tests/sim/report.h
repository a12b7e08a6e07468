// What runs look like to people and to scripts: one run, and the sum of many.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/run.h"

namespace once::sim {

struct Summary {
  uint64_t seeds = 0;
  double wall_s = 0;
  double cpu_s = 0;  // of all workers
  RunResult sum;     // counts added up; healing_ns is the longest, waits those of all
  uint64_t longest_wait_seed = 0;
  uint64_t most_unexplained_seed = 0;  // "unknown" without a node gone, by share
  double largest_unexplained_share = 0;
  uint64_t starved_seeds = 0;
  RunResult first_starved;
  std::vector<RunResult> failed;
  std::vector<std::pair<uint64_t, uint64_t>> hashes;  // seed, hash of its trace; sorted at last
  void add(const RunResult& result);
  // When all runs are in: what holds over all of them, and not in each.
  void judge();
};

std::string replay_command(const Options& options);
std::string show(const RunResult& result, const Options& options);
std::string show(const Summary& summary, const Options& options);
std::string show_hashes(const Summary& summary);  // "SEED HASH", one a line
nlohmann::json to_json(const RunResult& result);
nlohmann::json to_json(const Summary& summary);
RunResult from_json(const nlohmann::json& json);

}  // namespace once::sim
