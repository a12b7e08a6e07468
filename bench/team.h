// The loads of one run, each on a thread and an Io of its own with its share of connections,
// requests, rate and names. They begin together; if one cannot go on, none does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/load_result.h"

namespace once::bench {

// All threads may call everything.
class Team {
 public:
  // `run`: the number that stands in the names of all.
  Team(size_t loads, uint64_t run) : answers_(loads), run_(run) {}

  size_t size() const { return answers_.size(); }
  uint64_t run() const { return run_; }

  // Of each load, once: it has connections and names, and waits for the others.
  void is_ready() { ready_.fetch_add(1, std::memory_order_acq_rel); }
  bool may_begin() const { return ready_.load(std::memory_order_acquire) >= size(); }

  // The first one that gives up has the reason; the others follow.
  void give_up(size_t load) {
    size_t nobody = kNobody;
    gave_up_.compare_exchange_strong(nobody, load, std::memory_order_acq_rel);
  }
  bool is_over() const { return first_to_give_up() != kNobody; }
  static constexpr size_t kNobody = SIZE_MAX;
  size_t first_to_give_up() const { return gave_up_.load(std::memory_order_acquire); }

  // How many answers a load has had in this phase, and how many all have: for the progress line.
  void had_answers(size_t load, uint64_t count) {
    answers_[load].store(count, std::memory_order_relaxed);
  }
  uint64_t answers() const;

 private:
  std::vector<std::atomic<uint64_t>> answers_;  // by load
  std::atomic<size_t> ready_{0};
  std::atomic<size_t> gave_up_{kNobody};
  uint64_t run_;
};

// Which load of a team.
struct Place {
  Team& team;
  size_t load = 0;
};

// What all did, as if one had done it. `parts`: one at least.
LoadResult sum_of(const std::vector<LoadResult>& parts, const Team& team);

}  // namespace once::bench
