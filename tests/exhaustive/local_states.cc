#include "tests/exhaustive/local_states.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace once::exhaustive {

LocalStates::LocalStates(const Scenario& scenario, Catalog& catalog)
    : scenario_(scenario), catalog_(catalog) {
  for (uint32_t i = 0; i < kNodes; ++i) {
    Node node(scenario_, catalog_, i);
    bool fresh = false;
    initial_[i] = number(node, i, static_cast<uint32_t>(states_.size()), {}, fresh);
    ONCE_ASSERT(fresh);
  }
}

// 128 bits of hash stand for the bytes: among a million states, two differ in their bytes and not
// in their hash with a probability below 1e-26.
uint32_t LocalStates::body_of(Node& node, uint32_t index) {
  std::vector<char> bytes;
  bytes.reserve(4096);
  bytes.push_back(static_cast<char>(index));
  node.fingerprint(bytes);
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return bodies_.emplace(std::pair{hash.low64, hash.high64}, static_cast<uint32_t>(bodies_.size()))
      .first->second;
}

uint64_t LocalStates::held_key_of(Node& node, uint32_t body) {
  std::vector<char> bytes;
  bytes.reserve(256);
  node.held_fingerprint(bytes);
  return uint64_t{body} << 32 | held_.number({bytes.data(), bytes.size()});
}

uint32_t LocalStates::number(Node& node, uint32_t index, uint32_t parent, LocalEvent event,
                             bool& fresh) {
  const auto next = static_cast<uint32_t>(states_.size());
  const uint32_t body = body_of(node, index);
  const auto [found, inserted] = numbers_.emplace(held_key_of(node, body), next);
  fresh = inserted;
  if (!fresh) return found->second;
  LocalState state;
  state.node = index;
  state.parent = parent;
  state.event = event;
  state.body = body;
  state.accepts = catalog_.lists.number(node.accepts());
  state.decided = catalog_.lists.number(node.decided());
  state.pending = static_cast<uint32_t>(node.pending());
  state.highest_round = node.highest_round();
  state.may_time_out = node.may_time_out();
  state.may_restart = node.may_restart();
  states_.push_back(state);
  return next;
}

Node LocalStates::replay(uint32_t state, const LocalEvent* last) const {
  std::vector<LocalEvent> history;
  const uint32_t index = states_[state].node;
  for (; states_[state].parent != state; state = states_[state].parent) {
    history.push_back(states_[state].event);
  }
  Node node(scenario_, catalog_, index);
  for (auto event = history.rbegin(); event != history.rend(); ++event) node.apply(*event);
  if (last) node.apply(*last);
  return node;
}

Step LocalStates::run(uint32_t state, LocalEvent event) {
  Node node = replay(state, &event);
  bool fresh = false;
  Step step;
  step.next = number(node, states_[state].node, state, event, fresh);
  step.only_says = states_[step.next].body == states_[state].body && node.replies().empty();
  step.sent = catalog_.lists.number(node.sent());
  if (!node.replies().empty() || !node.violation().empty()) {
    said_.push_back({node.replies(), node.violation()});
    step.said = &said_.back();
  }
  if (!fresh && step.next != state) meetings_.push_back({state, event, step.next});
  return steps_.emplace(key_of(state, event), step);
}

std::string LocalStates::audit(uint64_t samples) {
  std::unordered_map<uint32_t, std::vector<LocalEvent>> leaving;
  steps_.for_each([&](uint64_t key, const Step&) {
    leaving[static_cast<uint32_t>(key >> 32)].push_back({static_cast<uint32_t>(key) - 1});
  });
  uint64_t most = 1;
  for (const Meeting& m : meetings_) most += leaving[m.state].size();
  Prng prng(1);
  for (const Meeting& meeting : meetings_) {
    for (const LocalEvent event : leaving[meeting.state]) {
      if (prng.below(most) >= samples) continue;
      ++audited_;
      std::string difference = compare(meeting, event);
      if (!difference.empty()) return difference;
    }
  }
  return {};
}

std::string LocalStates::compare(const Meeting& meeting, LocalEvent event) {
  const Step expected = *known(meeting.state, event);
  Node node = replay(meeting.from, &meeting.event);
  node.apply(event);
  const uint32_t body = body_of(node, states_[meeting.state].node);
  const auto next = numbers_.find(held_key_of(node, body));
  const bool same =
      next != numbers_.end() && next->second == expected.next &&
      catalog_.lists.number(node.sent()) == expected.sent &&
      node.replies() == (expected.said ? expected.said->replies : decltype(Said::replies){});
  if (same) return {};
  return fmt::format(
      "node {}: state {} reached from state {} too goes another way at event {:x}: the fingerprint "
      "in tests/exhaustive/core_probe.cc leaves out something that counts",
      states_[meeting.state].node + 1, meeting.state, meeting.from, event.code);
}

}  // namespace once::exhaustive
