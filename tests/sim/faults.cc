#include "tests/sim/faults.h"

#include <algorithm>

#include "base/assert.h"

namespace once::sim {
namespace {

enum What : uint64_t {
  kCrash = 1,
  kPause,
  kPartition,
  kClog,
  kCut,
  kClockJump,
  kFullDisk,
  kRestart,
  kResume,
  kEndPartition,
  kRoomAgain,
};

}  // namespace

Faults::Faults(World& world, Network& network, const Plan& plan,
               std::vector<std::unique_ptr<SimNode>>& nodes)
    : world_(world),
      network_(network),
      plan_(plan),
      nodes_(nodes),
      broken_(plan.nodes, false),
      shut_out_(plan.nodes, false) {}

void Faults::begin() {
  plan_next(kCrash, plan_.every.crash_ns);
  plan_next(kPause, plan_.every.pause_ns);
  plan_next(kPartition, plan_.every.partition_ns);
  plan_next(kClog, plan_.every.clog_ns);
  plan_next(kCut, plan_.every.cut_ns);
  plan_next(kClockJump, plan_.every.clock_jump_ns);
  plan_next(kFullDisk, plan_.every.full_disk_ns);
}

void Faults::plan_next(uint64_t what, int64_t mean) {
  if (mean > 0) world_.after(world_.between(mean / 10, 2 * mean), this, what, 1);
}

void Faults::on_event(uint64_t what, uint64_t detail) {
  switch (what) {
    case kRestart:
      return restart(detail);
    case kResume:
      if (!broken_[detail]) nodes_[detail]->set_paused(false);
      return;
    case kEndPartition:
      return end_partition(detail);
    case kRoomAgain:
      return nodes_[detail]->set_disk_full(false);
    default:
      if (!healed_) strike(what);
  }
}

void Faults::strike(uint64_t what) {
  switch (what) {
    case kCrash:
      crash_one();
      return plan_next(what, plan_.every.crash_ns);
    case kPause:
      pause_one();
      return plan_next(what, plan_.every.pause_ns);
    case kPartition:
      partition();
      return plan_next(what, plan_.every.partition_ns);
    case kClog:
      clog();
      return plan_next(what, plan_.every.clog_ns);
    case kCut:
      if (network_.cut_one()) world_.count(Fault::kCutMidFrame);
      return plan_next(what, plan_.every.cut_ns);
    case kClockJump:
      jump_clock();
      return plan_next(what, plan_.every.clock_jump_ns);
    default:
      fill_disk();
      return plan_next(what, plan_.every.full_disk_ns);
  }
}

void Faults::crash_one() {
  if (world_.below(12) > 0) return crash(draw_node());
  for (size_t node = 0; node < nodes_.size(); ++node) crash(node);
}

void Faults::crash(size_t node) {
  if (!nodes_[node]->up()) return;
  const bool silent = world_.chance(plan_.silent);
  world_.count(silent ? Fault::kPowerCut : Fault::kCrash);
  nodes_[node]->crash(silent);
  world_.after(world_.between(kMs, plan_.down_ns), this, kRestart, node);
}

bool Faults::may_lose_another() const {
  size_t lost = 0;
  for (const auto& node : nodes_) lost += node->lost() || node->wiped() ? 1 : 0;
  return lost + 1 <= (nodes_.size() - 1) / 2;
}

// It will never vote again: its disk is lost, or somebody heard of an earlier one all the same.
bool Faults::is_out(size_t node) const {
  if (nodes_[node]->lost() || shut_out_[node]) return true;
  if (!nodes_[node]->wiped() || nodes_[node]->admitted()) return false;
  for (const auto& other : nodes_) {
    if (other->knows_another_disk_of(*nodes_[node])) return true;
  }
  return false;
}

// The node's data are gone, in a way that it or its peers must notice.
bool Faults::lose_disk(size_t node) {
  if (nodes_[node]->lost() || !may_lose_another()) return false;
  if (world_.chance(plan_.damage) && nodes_[node]->damage(world_.below(2) == 0)) return true;
  if (!world_.chance(plan_.wipe)) return false;
  wipe(node);
  return true;
}

void Faults::wipe(size_t node) {
  for (size_t other = 0; other < nodes_.size(); ++other) shut_out_[other] = is_out(other);
  nodes_[node]->wipe();
}

void Faults::restart(size_t node) {
  if (nodes_[node]->up() || broken_[node]) return;
  if (!healed_ && !nodes_[node]->lost()) {
    const bool lost = lose_disk(node);
    if (!lost && world_.chance(plan_.garbage)) nodes_[node]->litter();
    if (world_.chance(plan_.cores_change)) {
      world_.count(Fault::kCoresChanged);
      nodes_[node]->set_cores(static_cast<uint16_t>(1 + world_.below(kMaxSimCores)));
    }
  }
  world_.count(Fault::kRestart);
  nodes_[node]->start();
}

void Faults::pause_one() {
  const size_t node = draw_node();
  if (!nodes_[node]->up() || nodes_[node]->paused()) return;
  world_.count(Fault::kPause);
  nodes_[node]->set_paused(true);
  world_.after(world_.between(10 * kMs, 3 * kSecond), this, kResume, node);
}

void Faults::partition() {
  const size_t hosts = network_.hosts();
  std::vector<bool> away(hosts, false);
  Partition made;
  const uint64_t kind = world_.below(3);
  if (kind == 2) {
    away[draw_node()] = true;
  } else {
    for (size_t host = 0; host < hosts; ++host) away[host] = world_.below(2) == 0;
  }
  const bool both_ways = kind != 1;
  for (HostId from = 0; from < hosts; ++from) {
    for (HostId to = 0; to < hosts; ++to) {
      if (away[from] == away[to] || (!both_ways && away[to])) continue;
      network_.block(from, to);
      made.blocked.emplace_back(from, to);
    }
  }
  if (made.blocked.empty()) return;
  static constexpr Fault kKinds[] = {Fault::kSymmetricPartition, Fault::kAsymmetricPartition,
                                     Fault::kIsolation};
  world_.count(kKinds[kind]);
  world_.tell("{} begin", fault_name(kKinds[kind]));
  partitions_.push_back(std::move(made));
  world_.after(world_.between(20 * kMs, 4 * kSecond), this, kEndPartition, partitions_.size() - 1);
}

void Faults::end_partition(size_t number) {
  for (auto [from, to] : partitions_[number].blocked) network_.unblock(from, to);
  if (!partitions_[number].blocked.empty()) world_.tell("a partition ends");
  partitions_[number].blocked.clear();
}

void Faults::clog() {
  const auto from = static_cast<HostId>(world_.below(network_.hosts()));
  const auto to = static_cast<HostId>(world_.below(network_.hosts()));
  if (from == to) return;
  world_.count(Fault::kClog);
  network_.clog(from, to, world_.now() + world_.between(5 * kMs, 2 * kSecond));
}

void Faults::fill_disk() {
  const size_t node = draw_node();
  world_.count(Fault::kFullDisk);
  nodes_[node]->set_disk_full(true);
  world_.after(world_.between(100 * kMs, 4 * kSecond), this, kRoomAgain, node);
}

void Faults::jump_clock() {
  world_.count(Fault::kClockJump);
  nodes_[draw_node()]->jump_clock(world_.between(kMs, 10 * kSecond));
}

// --- the second phase
// -----------------------------------------------------------------------------

void Faults::cut_off(size_t node, bool outward, bool inward) {
  for (HostId host = 0; host < network_.hosts(); ++host) {
    if (host == node) continue;
    if (outward) network_.block(static_cast<HostId>(node), host);
    if (inward) network_.block(host, static_cast<HostId>(node));
  }
}

void Faults::break_for_ever(size_t node) {
  broken_[node] = true;
  switch (world_.below(6)) {
    case 0:
      nodes_[node]->crash(world_.below(2) == 0);
      return world_.tell("node {} stays down", node + 1);
    case 1:
      nodes_[node]->set_paused(true);
      return world_.tell("node {} stays paused", node + 1);
    case 2:
      cut_off(node, true, true);
      return world_.tell("node {} stays cut off", node + 1);
    case 3:
      cut_off(node, false, true);
      return world_.tell("node {} does not hear any more, but is heard", node + 1);
    case 4:
      cut_off(node, true, false);
      return world_.tell("node {} is not heard any more, but hears", node + 1);
    default:
      nodes_[node]->stall_disk();
  }
}

void Faults::let_all_meet() {
  healed_ = true;
  for (size_t i = 0; i < partitions_.size(); ++i) end_partition(i);
  network_.calm();
  if (!without_vote()) return;
  world_.tell("every node comes up, until all have met");
  for (size_t node = 0; node < nodes_.size(); ++node) {
    // Formatted anew it does not vote, but says that it knows the others.
    if (!nodes_[node]->up() && nodes_[node]->has_no_disk()) wipe(node);
    nodes_[node]->calm();
    nodes_[node]->set_paused(false);
    nodes_[node]->start();
  }
}

std::optional<size_t> Faults::without_vote() const {
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (!is_out(node) && !nodes_[node]->admitted()) return node;
  }
  return std::nullopt;
}

void Faults::heal_majority() {
  ONCE_ASSERT(healed_);
  std::vector<size_t> whole;
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (!is_out(node)) whole.push_back(node);
  }
  const size_t quorum = nodes_.size() / 2 + 1;
  ONCE_ASSERT(whole.size() >= quorum);
  for (size_t i = whole.size(); i > 1; --i) std::swap(whole[i - 1], whole[world_.below(i)]);
  whole.resize(quorum + world_.below(whole.size() - quorum + 1));
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (std::find(whole.begin(), whole.end(), node) == whole.end()) break_for_ever(node);
  }
  for (size_t node : whole) {
    nodes_[node]->calm();
    nodes_[node]->set_paused(false);
    nodes_[node]->start();
    world_.tell("node {} is healed for good", node + 1);
  }
  healthy_ = std::move(whole);
}

std::optional<size_t> Faults::without_claim() const {
  for (size_t node : healthy_) {
    if (!nodes_[node]->claimed()) return node;
  }
  return std::nullopt;
}

}  // namespace once::sim
