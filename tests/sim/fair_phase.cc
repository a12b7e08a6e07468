#include "tests/sim/fair_phase.h"

#include <algorithm>

#include "base/hash.h"

namespace once::sim {
namespace {

enum What : uint64_t { kBegin = 1, kGoAway, kComeBack, kEnd };
enum Away : uint64_t { kCrash, kPower, kPause, kCutOff, kDeaf, kMute, kPartly, kSkewed, kKinds };

constexpr int64_t kLongestTimeoutNs = 60 * kSecond;
// Smaller pools may be full when all patrons of a run meet at one core.
constexpr size_t kRoomyOperations = 64;
constexpr size_t kRoomyTasks = 32;
constexpr size_t kRoomyWindow = 64;

// Small as likely as large.
int64_t draw_scaled(World& world, int64_t least, int64_t most) {
  int64_t limit = least;
  while (limit < most && world.below(6) > 0) limit *= 2;
  return world.between(least, std::min(limit, most));
}

}  // namespace

FairPhase::FairPhase(World& world, Network& network, const Plan& plan,
                     std::vector<std::unique_ptr<SimNode>>& nodes, check::History& history,
                     Shared& shared)
    : world_(world), network_(network), plan_(plan), nodes_(nodes), judge_(world, plan.nodes) {
  const Patron::Around around{world, network, history, shared, judge_, custom_};
  for (size_t i = 0; i < plan.nodes * plan.patrons; ++i) {
    const auto host = static_cast<HostId>(plan.nodes + plan.clients + i);
    patrons_.push_back(
        std::make_unique<Patron>(around, host, i / plan.patrons, plan.clients + 1 + i));
  }
}

// All nodes alike, or each its own.
Pace FairPhase::draw_pace(const std::vector<size_t>& healthy) {
  const int64_t delay = draw_scaled(world_, kMs / 2, 150 * kMs);
  const int64_t jitter = world_.between(1, delay / 8);
  network_.set_pace(delay, jitter);
  Pace pace;
  pace.one_way_ns = delay + 9 * jitter + plan_.round_delay_ns;
  pace.write_ns = 0;
  const bool alike = world_.below(2) == 0;
  int64_t latency = draw_scaled(world_, 300 * kUs, 600 * kMs);
  for (const size_t node : healthy) {
    if (!alike) latency = draw_scaled(world_, 300 * kUs, 600 * kMs);
    const int64_t spread = world_.between(1, latency / 4);
    nodes_[node]->set_disk_pace(latency, spread);
    pace.write_ns = std::max(pace.write_ns, latency + spread);
  }
  world_.tell("from now on a message takes {} to {} us, a log write up to {} us", delay / kUs,
              pace.one_way_ns / kUs, pace.write_ns / kUs);
  return pace;
}

// The names that are shared are at home where it hurts.
void FairPhase::draw_custom(const std::vector<size_t>& away) {
  using check::Action;
  const size_t wanted = 1 + world_.below(3);
  const bool at_home = away.empty() || world_.below(8) == 0;
  for (uint64_t i = 0; custom_.hot.size() < wanted; ++i) {
    std::string name = fmt::format("fair-hot-{}", i);
    const size_t home =
        home_slot_of(name_hash(name, kHashSeed), static_cast<uint32_t>(plan_.nodes)).value;
    const bool fits = at_home || std::find(away.begin(), away.end(), home) != away.end();
    // One of them is anybody's.
    if (fits || (custom_.hot.size() == 2 && i > 8)) custom_.hot.push_back(std::move(name));
  }
  const auto weigh = [&](Action action, uint32_t weight) {
    custom_.weight[static_cast<size_t>(action)] = weight;
  };
  weigh(Action::kNext, 1);
  switch (world_.below(4)) {
    case 0:
      break;  // tokens alone
    case 1:
      weigh(Action::kRead, 1);
      break;
    case 2:
      weigh(Action::kSet, 1);
      weigh(Action::kWait, 1);
      break;
    default:
      for (const Action action : {Action::kNext, Action::kSet, Action::kCas, Action::kRead}) {
        weigh(action, 2);
      }
      weigh(Action::kCheck, 1);
      weigh(Action::kWait, 2);
  }
  custom_.cold = world_.below(2) == 0 ? 0 : 250'000;
  custom_.think_ns = world_.below(2) == 0 ? kMs / 5 : world_.between(0, pace_.round_ns());
  custom_.timeout_ns =
      std::min(kLongestTimeoutNs, 2 * (pace_.bound_ns() + pace_.notice_ns()) + 5 * kSecond);
}

// One that a majority can do without.
std::optional<size_t> FairPhase::draw_victim(const std::vector<size_t>& healthy) {
  if (healthy.size() <= plan_.nodes / 2 + 1 || world_.below(4) == 0) return std::nullopt;
  const size_t victim = healthy[world_.below(healthy.size())];
  kind_ = world_.below(kKinds);
  if (world_.below(4) == 0) kind_ = kPartly;
  // Partly: without a majority, which takes four nodes. Skewed: each node has one, but not all
  // have the same.
  const size_t majority = plan_.nodes / 2 + 1;
  if (kind_ == kPartly && majority < 3) kind_ = kSkewed;
  const size_t kept = kind_ == kPartly ? majority - 2 : kind_ == kSkewed ? majority - 1 : 0;
  for (const size_t node : healthy) {
    if (node != victim && reachable_.size() < kept) reachable_.push_back(node);
  }
  return victim;
}

void FairPhase::begin(const std::vector<size_t>& healthy, int64_t healed_ns) {
  network_.calm();
  std::vector<size_t> away;
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (std::find(healthy.begin(), healthy.end(), node) != healthy.end()) continue;
    judge_.never_judge(node);
    away.push_back(node);
  }
  pace_ = draw_pace(healthy);
  victim_ = draw_victim(healthy);
  if (victim_) away.push_back(*victim_);
  draw_custom(away);
  judge_.begin(pace_, plan_.max_operations < kRoomyOperations || plan_.max_tasks < kRoomyTasks ||
                          plan_.round_zero_window < kRoomyWindow);
  // Whoever is away now has been noticed before the load begins.
  plan_events(std::max(world_.now(), healed_ns + pace_.notice_ns()));
}

void FairPhase::plan_events(int64_t from_ns) {
  const int64_t bound = pace_.bound_ns();
  int64_t end = from_ns + bound + bound / 2;
  world_.at(from_ns, this, kBegin);
  if (victim_) {
    const int64_t away = from_ns + world_.between(bound / 4, bound);
    world_.at(away, this, kGoAway);
    end = away + pace_.notice_ns() + bound + bound / 2;
    if (world_.below(2) == 0) {
      const int64_t back = away + world_.between(pace_.notice_ns() / 2, pace_.notice_ns() + bound);
      world_.at(back, this, kComeBack);
      end = back + pace_.settle_ns() + bound;
    }
  }
  world_.at(end, this, kEnd);
}

void FairPhase::block(size_t one, size_t other, bool out, bool in) {
  const auto from = static_cast<HostId>(one);
  const auto to = static_cast<HostId>(other);
  if (out) blocked_.emplace_back(from, to);
  if (in) blocked_.emplace_back(to, from);
}

// Its clients can always speak to it.
void FairPhase::go_away() {
  away_ = true;
  SimNode& node = *nodes_[*victim_];
  static constexpr const char* kNames[] = {"crashes",
                                           "crashes with its machine",
                                           "is paused",
                                           "is cut off",
                                           "hears nothing",
                                           "is not heard",
                                           "reaches few others",
                                           "reaches a majority, but not everybody"};
  world_.tell("node {} goes away: it {}", *victim_ + 1, kNames[kind_]);
  judge_.went_away(*victim_);
  if (kind_ == kCrash || kind_ == kPower) return node.crash(kind_ == kPower);
  if (kind_ == kPause) return node.set_paused(true);
  for (size_t other = 0; other < nodes_.size(); ++other) {
    if (other == *victim_) continue;
    const bool reached = std::find(reachable_.begin(), reachable_.end(), other) != reachable_.end();
    if (reached) continue;
    block(*victim_, other, kind_ != kDeaf, kind_ != kMute);
  }
  for (const auto& [from, to] : blocked_) network_.block(from, to);
}

void FairPhase::end() {
  if (away_) come_back();
}

void FairPhase::come_back() {
  away_ = false;
  world_.tell("node {} is back", *victim_ + 1);
  judge_.came_back(*victim_);
  nodes_[*victim_]->set_paused(false);
  nodes_[*victim_]->start();
  for (const auto& [from, to] : blocked_) network_.unblock(from, to);
}

void FairPhase::on_event(uint64_t what, uint64_t) {
  switch (what) {
    case kBegin:
      for (auto& patron : patrons_) patron->begin();
      return;
    case kGoAway:
      return go_away();
    case kComeBack:
      return come_back();
    default:
      load_ended_ = true;
      for (auto& patron : patrons_) patron->end();
  }
}

bool FairPhase::is_over() {
  bool owed = false;
  for (auto& patron : patrons_) owed = patron->is_owed() || owed;
  return load_ended_ && !owed;
}

uint64_t FairPhase::operations() const {
  uint64_t sum = 0;
  for (const auto& patron : patrons_) sum += patron->operations();
  return sum;
}

}  // namespace once::sim
