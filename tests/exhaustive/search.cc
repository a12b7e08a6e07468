#include "tests/exhaustive/search.h"

#include <algorithm>

#include "base/hash.h"

namespace once::exhaustive {

Search::Search(const Scenario& scenario) : scenario_(scenario), locals_(scenario_, catalog_) {
  ONCE_ASSERT(scenario_.calls.size() < 32);
}

SearchResult Search::run(uint64_t max_states, uint64_t audit_samples) {
  table_.assign(1 << 16, 0);
  begin();
  uint32_t next = 0, end_of_level = static_cast<uint32_t>(worlds_.size());
  for (; next < worlds_.size() && worlds_.size() < max_states; ++next) {
    if (next == end_of_level) {
      ++result_.depth;
      end_of_level = static_cast<uint32_t>(worlds_.size());
    }
    expand(next);
    if (!result_.violation.empty()) break;
  }
  result_.complete = next == worlds_.size();
  if (result_.violation.empty()) result_.violation = locals_.audit(audit_samples);
  result_.states = worlds_.size();
  result_.local_states = locals_.states();
  result_.local_steps = locals_.steps();
  result_.audited = locals_.audited();
  result_.ballots = ballots();
  return result_;
}

void Search::begin() {
  World world{};
  for (size_t i = 0; i < kNodes; ++i) world.local[i] = locals_.initial(i);
  const std::vector<uint32_t> ledger(kFirstCall + scenario_.calls.size(), 0);
  std::vector<uint32_t> network;
  for (const auto& [from, to] : scenario_.fetches) {
    const auto endpoint = [](size_t node) {
      return Endpoint{NodeId{static_cast<uint16_t>(node + 1)}, CoreId{0}};
    };
    network.push_back(catalog_.message(endpoint(from), endpoint(to),
                                       paxos::SyncFetch{1, scenario_.calls[0].name}));
  }
  world.network = catalog_.lists.number(network);
  world.ledger = catalog_.lists.number(ledger);
  visit(0, world, 0, {});
  const auto call_next = [&](uint32_t call) {
    const auto last = static_cast<uint32_t>(worlds_.size() - 1);
    make_call(last, World(worlds_[last]), call);
  };
  for (uint32_t call = 0; call < scenario_.first_calls; ++call) call_next(call);
  for (size_t node = 0; node < kNodes; ++node) {
    for (uint32_t n = 0; n < scenario_.first_timeouts[node]; ++n) {
      const auto last = static_cast<uint32_t>(worlds_.size() - 1);
      try_step(last, World(worlds_[last]), node, LocalEvent::of(Kind::kTimeout));
    }
  }
  for (uint32_t n = 0; n < scenario_.joining_calls; ++n) call_next(scenario_.first_calls + n);
}

void Search::expand(uint32_t index) {
  const World world = worlds_[index];
  for (size_t node = 0; node < kNodes; ++node) {
    const LocalState local = locals_.at(world.local[node]);
    deliveries(index, world, node);
    if (local.pending > 0) try_step(index, world, node, LocalEvent::of(Kind::kSync, 1));
    if (local.pending > 1) try_step(index, world, node, LocalEvent::of(Kind::kSync, local.pending));
    try_step(index, world, node, LocalEvent::of(Kind::kTick));
    if (local.may_time_out) try_step(index, world, node, LocalEvent::of(Kind::kTimeout));
    make_calls(index, world, node);
    if (local.may_restart) try_restart(index, world, node);
  }
}

void Search::deliveries(uint32_t index, const World& world, size_t node) {
  for (const uint32_t message : catalog_.lists.at(world.network)) {
    if (catalog_.route(message).to != node) continue;
    const LocalEvent event = LocalEvent::of(Kind::kDeliver, message);
    if (catalog_.route(message).is_absorbed) {
      try_step(index, world, node, event);
      continue;
    }
    const List ledger = catalog_.lists.at(world.ledger);
    const auto delivered = ledger.subspan(kFirstCall + scenario_.calls.size());
    if (std::count(delivered.begin(), delivered.end(), message) >= scenario_.deliveries) continue;
    World counted = world;
    std::vector<uint32_t> more(ledger.begin(), ledger.end());
    more.push_back(message);
    std::sort(more.begin() + static_cast<ptrdiff_t>(kFirstCall + scenario_.calls.size()),
              more.end());
    counted.ledger = catalog_.lists.number(more);
    try_step(index, counted, node, event);
  }
}

bool Search::may_call(const World& world, uint32_t index) const {
  const Call& call = scenario_.calls[index];
  const List ledger = catalog_.lists.at(world.ledger);
  if (progress_in(ledger[kFirstCall + index]) != kNotMade) return false;
  if (call.after_restart && ledger[kCrashes] == 0) return false;
  return call.after_answer_of < 0 ||
         progress_in(ledger[kFirstCall + static_cast<size_t>(call.after_answer_of)]) >= kHasState;
}

void Search::make_calls(uint32_t index, const World& world, size_t node) {
  for (uint32_t call = 0; call < scenario_.calls.size(); ++call) {
    if (scenario_.calls[call].node == node && may_call(world, call)) make_call(index, world, call);
  }
}

void Search::make_call(uint32_t index, const World& world, uint32_t call) {
  const List ledger = catalog_.lists.at(world.ledger);
  std::vector<uint32_t> made(ledger.begin(), ledger.end());
  made[kFirstCall + call] = noted(kMade, shown_so_far(ledger, scenario_.calls[call].name));
  World called = world;
  called.ledger = catalog_.lists.number(made);
  try_step(index, called, scenario_.calls[call].node, LocalEvent::of(Kind::kCall, call));
}

void Search::try_step(uint32_t index, const World& world, size_t node, LocalEvent event) {
  if (!result_.violation.empty()) return;
  at_ = index;
  World next = world;
  if (!follow(next, node, event) || next == worlds_[index]) return;
  if (saturate(next, world)) visit(index, next, node, event);
}

// The node crashes and starts again, and its peers see the link go down and come up, in one step:
// a node that is down is a node to which nothing is delivered.
void Search::try_restart(uint32_t index, const World& world, size_t node) {
  const List ledger = catalog_.lists.at(world.ledger);
  if (!result_.violation.empty() || ledger[kCrashes] >= scenario_.max_restarts) return;
  at_ = index;
  std::vector<uint32_t> crashed(ledger.begin(), ledger.end());
  ++crashed[kCrashes];
  World next = world;
  next.ledger = catalog_.lists.number(crashed);
  const LocalEvent event = LocalEvent::of(Kind::kRestart);
  if (!follow(next, node, event)) return;
  for (size_t peer = 0; peer < kNodes; ++peer) {
    const auto seen = LocalEvent::of(Kind::kPeerRestarted, static_cast<uint32_t>(node));
    if (peer != node && !follow(next, peer, seen)) return;
  }
  if (saturate(next, world)) visit(index, next, node, event);
}

// The world after the event. False: beyond the bound, or a violation.
bool Search::follow(World& world, size_t node, LocalEvent event) {
  at_node_ = node;
  at_event_ = event;
  const World before = world;
  const Step step = locals_.step(world.local[node], event);
  const bool silent = step.sent == Lists::kEmpty && step.said == nullptr;
  if (silent && step.next == before.local[node]) return true;
  if (locals_.at(step.next).highest_round > scenario_.max_round) {
    ++result_.beyond_bound;
    return false;
  }
  world.local[node] = step.next;
  if (step.sent != Lists::kEmpty) {
    const List old = catalog_.lists.at(world.network), sent = catalog_.lists.at(step.sent);
    scratch_.clear();
    std::set_union(old.begin(), old.end(), sent.begin(), sent.end(), std::back_inserter(scratch_));
    if (scratch_.size() != old.size()) world.network = catalog_.lists.number(scratch_);
  }
  result_.violation = judge(before, world, node, step);
  if (result_.violation.empty()) return true;
  result_.story = story_so_far();
  return false;
}

// `before` was saturated. False: a violation.
bool Search::saturate(World& world, const World& before) {
  std::vector<uint32_t> fresh;
  for (World reached = before; world != reached;) {
    const World target = world;
    const List now = catalog_.lists.at(target.network), was = catalog_.lists.at(reached.network);
    fresh.clear();
    std::set_difference(now.begin(), now.end(), was.begin(), was.end(), std::back_inserter(fresh));
    for (size_t node = 0; node < kNodes; ++node) {
      const bool moved =
          locals_.at(target.local[node]).body != locals_.at(reached.local[node]).body;
      if (!saturate(world, node, moved ? now : List(fresh))) return false;
    }
    reached = target;
  }
  return true;
}

bool Search::saturate(World& world, size_t node, List messages) {
  for (const uint32_t message : messages) {
    const Route& route = catalog_.route(message);
    if (route.to != node || !route.is_absorbed) continue;
    const LocalEvent event = LocalEvent::of(Kind::kDeliver, message);
    if (!locals_.step(world.local[node], event).only_says) continue;
    if (!follow(world, node, event)) return false;
  }
  return true;
}

void Search::visit(uint32_t index, const World& world, size_t node, LocalEvent event) {
  ++result_.transitions;
  if (worlds_.size() * 2 >= table_.size()) grow();
  const size_t mask = table_.size() - 1;
  size_t slot = checksum(&world, sizeof world) & mask;
  for (; table_[slot] != 0; slot = (slot + 1) & mask) {
    if (worlds_[table_[slot] - 1] == world) return;
  }
  worlds_.push_back(world);
  origins_.push_back({index, static_cast<uint32_t>(node) << 30 | event.code});
  table_[slot] = static_cast<uint32_t>(worlds_.size());
}

void Search::grow() {
  table_.assign(table_.size() * 2, 0);
  const size_t mask = table_.size() - 1;
  for (uint32_t i = 0; i < worlds_.size(); ++i) {
    size_t slot = checksum(&worlds_[i], sizeof(World)) & mask;
    while (table_[slot] != 0) slot = (slot + 1) & mask;
    table_[slot] = i + 1;
  }
}

}  // namespace once::exhaustive
