#include "tests/sim/plan.h"

#include <algorithm>

#include "base/prng.h"

namespace once::sim {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : prng_(seed ^ 0x706c616e) {}
  uint64_t below(uint64_t bound) { return prng_.below(bound); }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(high - low) + 1));
  }
  // Often nothing, else anything up to the most; small as likely as large.
  uint32_t rate(uint32_t most) {
    if (below(3) == 0) return 0;
    const uint64_t scale = below(2) == 0 ? most : most / 10 + 1;
    return static_cast<uint32_t>(below(scale + 1));
  }
  int64_t interval(int64_t least, int64_t most) { return below(3) == 0 ? 0 : between(least, most); }

 private:
  Prng prng_;
};

size_t draw_nodes(Dice& dice) {
  static constexpr size_t kNodes[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5};
  return kNodes[dice.below(std::size(kNodes))];
}

Load draw_load(Dice& dice) {
  Load load;
  load.in_flight = 1 + dice.below(4);
  load.think_ns = dice.between(kMs, 60 * kMs);
  load.writes = static_cast<uint32_t>(dice.between(200'000, 900'000));
  load.hot_names = 1 + dice.below(6);
  load.hot = dice.rate(800'000);
  static constexpr uint64_t kRecent[] = {2, 4, 10, 40, 300};
  load.recent = kRecent[dice.below(std::size(kRecent))];
  load.fresh = static_cast<uint32_t>(dice.between(50'000, 600'000));
  load.large = dice.rate(30'000);
  load.retry = dice.rate(1'000'000);
  load.timeout_ns = dice.between(100 * kMs, 3 * kSecond);
  static constexpr uint32_t kOpen[] = {0, 300'000, 700'000, 1'000'000};
  load.open = kOpen[dice.below(std::size(kOpen))];
  load.final = dice.rate(20'000);
  return load;
}

// Many at once on one or two names that stay open for long: changes meet in one proposal.
void crowd(Dice& dice, Load& load) {
  load.in_flight = 8 + dice.below(17);
  load.think_ns = dice.between(0, 40 * kMs);
  load.hot_names = 1 + dice.below(2);
  load.hot = static_cast<uint32_t>(dice.between(700'000, 1'000'000));
  load.open = 1'000'000;
  load.final = dice.rate(1'000);
}

NetworkRates draw_network(Dice& dice) {
  NetworkRates network;
  network.loss = dice.rate(300'000);
  network.duplicate = dice.rate(500'000);
  network.reordering = dice.rate(1'000'000);
  network.reorder = dice.rate(200'000);
  network.late_ns = dice.below(2) == 0 ? 20 * kMs : dice.between(kMs, 2 * kSecond);
  network.split = dice.rate(200'000);
  network.delay_ns = dice.between(20 * kUs, 2 * kMs);
  network.jitter_ns = dice.between(1, 3 * kMs);
  return network;
}

DiskRates draw_disk(Dice& dice) {
  DiskRates disk;
  disk.latency_ns = dice.between(50 * kUs, 4 * kMs);
  disk.jitter_ns = dice.between(1, 4 * kMs);
  disk.slow = dice.rate(2'000);
  disk.slow_ns = dice.between(100 * kMs, 4 * kSecond);
  disk.error = dice.rate(1'000);
  disk.short_write = dice.rate(1'000);
  disk.torn = static_cast<uint32_t>(dice.between(0, 1'000'000));
  return disk;
}

// The members have never met. Some start late, and disks are lost before everybody has met them.
void strangers(Dice& dice, Plan& plan) {
  plan.met = false;
  for (size_t i = 0; i < plan.nodes; ++i) {
    const bool late = dice.below(2) == 0;
    plan.late_ns.push_back(late ? dice.between(10 * kMs, 5 * kSecond) : 0);
  }
  if (dice.below(2) == 0) return;
  plan.wipe = static_cast<uint32_t>(dice.between(100'000, 1'000'000));
  plan.every.crash_ns = dice.between(100 * kMs, 2 * kSecond);
}

// Leases from shorter than most faults to longer.
void lock(Dice& dice, Plan& plan) {
  plan.lockers = 2 + dice.below(4);
  plan.lock_names = 1 + dice.below(2);
  plan.lock_ttl_ms = dice.between(100, dice.below(2) == 0 ? 400 : 2000);
}

}  // namespace

Plan draw_plan(uint64_t seed) {
  Dice dice(seed);
  Plan plan;
  plan.nodes = draw_nodes(dice);
  plan.clients = 1 + dice.below(6);
  for (size_t i = 0; i < plan.nodes; ++i) {
    plan.cores.push_back(static_cast<uint16_t>(1 + dice.below(kMaxSimCores)));
  }
  plan.network = draw_network(dice);
  plan.disk = draw_disk(dice);
  plan.round_delay_ns = dice.between(1, 200 * kUs);
  plan.every.crash_ns = dice.interval(100 * kMs, 4 * kSecond);
  plan.every.pause_ns = dice.interval(500 * kMs, 8 * kSecond);
  plan.every.partition_ns = dice.interval(500 * kMs, 6 * kSecond);
  plan.every.clog_ns = dice.interval(100 * kMs, 4 * kSecond);
  plan.every.cut_ns = dice.interval(50 * kMs, 3 * kSecond);
  plan.every.clock_jump_ns = dice.interval(kSecond, 8 * kSecond);
  plan.every.full_disk_ns = dice.interval(kSecond, 8 * kSecond);
  plan.silent = dice.rate(1'000'000);
  plan.crash_on_write = dice.rate(5'000);
  plan.cores_change = dice.rate(600'000);
  plan.wipe = dice.rate(250'000);
  plan.damage = dice.rate(400'000);
  plan.garbage = dice.rate(500'000);
  plan.drift = dice.rate(1'000'000);
  plan.slow_node = dice.rate(1'000'000);
  // Back at once, before anybody has taken over, or after everybody has noticed.
  plan.down_ns =
      dice.below(2) == 0 ? dice.between(2 * kMs, 60 * kMs) : dice.between(10 * kMs, 3 * kSecond);
  plan.max_operations = size_t{16} << dice.below(6);
  plan.max_tasks = size_t{4} << dice.below(6);
  plan.round_zero_window = size_t{2} << dice.below(9);
  plan.load = draw_load(dice);
  plan.linger_from = size_t{1} << dice.below(6);
  plan.patrons = 1 + dice.below(3);
  if (dice.below(4) == 0) {
    crowd(dice, plan.load);
    plan.clients = std::min<size_t>(plan.clients, 2);
  }
  if (dice.below(3) == 0) strangers(dice, plan);
  plan.alone = dice.below(2) == 0;
  plan.churn = dice.below(4) == 0;
  if (dice.below(3) == 0) lock(dice, plan);
  return plan;
}

std::string describe(const Plan& plan) {
  std::string cores;
  for (uint16_t count : plan.cores) cores += fmt::format("{}{}", cores.empty() ? "" : ",", count);
  const auto percent = [](uint32_t rate) { return rate / 10'000.0; };
  return fmt::format(
      "{} nodes, cores {}, {} clients x {} in flight; loss {:.1f} %, duplication {:.1f} %, "
      "delay {}+{} us, disk {}+{} us, a crash every {} ms, a partition every {} ms, window {}, "
      "lingers from {}{}{}{}",
      plan.nodes, cores, plan.clients, plan.load.in_flight, percent(plan.network.loss),
      percent(plan.network.duplicate), plan.network.delay_ns / kUs, plan.network.jitter_ns / kUs,
      plan.disk.latency_ns / kUs, plan.disk.jitter_ns / kUs, plan.every.crash_ns / kMs,
      plan.every.partition_ns / kMs, plan.round_zero_window, plan.linger_from,
      plan.met ? "" : ", have never met", plan.churn ? ", segments are cleaned all the time" : "",
      plan.lockers == 0 ? ""
                        : fmt::format(", {} lockers of {} locks for {} ms", plan.lockers,
                                      plan.lock_names, plan.lock_ttl_ms));
}

}  // namespace once::sim
