// The states that single nodes can be in, numbered, and what each event makes of them. A node is
// deterministic and sees nothing but its events, so an event in a state is run on the production
// core once, however many worlds contain it. A state is kept as the first history that led to it,
// and run again from there: the core need not be copyable.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "tests/exhaustive/flat_map.h"
#include "tests/exhaustive/node.h"

namespace once::exhaustive {

struct LocalState {
  uint32_t node = 0;
  uint32_t parent = 0;  // the first state of a node is its own
  LocalEvent event;
  uint32_t body = 0;     // number of the fingerprint without the messages that wait for the log
  uint32_t accepts = 0;  // lists of the catalog
  uint32_t decided = 0;
  uint32_t pending = 0;
  uint32_t highest_round = 0;
  bool may_time_out = false;
  bool may_restart = false;
};

struct Said {
  std::vector<Reply> replies;
  std::string violation;
};

struct Step {
  uint32_t next = 0;
  uint32_t sent = 0;  // list of the catalog
  // Nothing changes but that there are more messages, sent or waiting for the log.
  bool only_says = false;
  const Said* said = nullptr;  // null: no reply, no violation
};

class LocalStates {
 public:
  LocalStates(const Scenario& scenario, Catalog& catalog);
  uint32_t initial(size_t node) const { return initial_[node]; }
  const LocalState& at(uint32_t state) const { return states_[state]; }
  Step step(uint32_t state, LocalEvent event) {
    const Step* known = steps_.find(key_of(state, event));
    return known ? *known : run(state, event);
  }
  const Step* known(uint32_t state, LocalEvent event) const {
    return steps_.find(key_of(state, event));
  }
  // Continues up to `samples` steps from a second history that led to the same state, and compares.
  // Returns a difference, which means that the fingerprint leaves out something that counts.
  std::string audit(uint64_t samples);
  size_t states() const { return states_.size(); }
  size_t steps() const { return steps_.size(); }
  uint64_t audited() const { return audited_; }

 private:
  struct Meeting {  // another way into a known state
    uint32_t from;
    LocalEvent event;
    uint32_t state;
  };
  // Never 0: an event's code is not.
  static uint64_t key_of(uint32_t state, LocalEvent event) {
    return uint64_t{state} << 32 | (event.code + 1);
  }
  Step run(uint32_t state, LocalEvent event);
  Node replay(uint32_t state, const LocalEvent* last) const;
  uint32_t number(Node& node, uint32_t index, uint32_t parent, LocalEvent event, bool& fresh);
  uint32_t body_of(Node& node, uint32_t index);
  uint64_t held_key_of(Node& node, uint32_t body);
  std::string compare(const Meeting& meeting, LocalEvent event);

  struct HashOfPrint {
    size_t operator()(const std::pair<uint64_t, uint64_t>& p) const { return p.first; }
  };

  const Scenario& scenario_;
  Catalog& catalog_;
  std::vector<LocalState> states_;
  std::unordered_map<std::pair<uint64_t, uint64_t>, uint32_t, HashOfPrint> bodies_;
  Interner held_;
  std::unordered_map<uint64_t, uint32_t> numbers_;  // (body, held) -> state
  FlatMap<Step> steps_;
  std::deque<Said> said_;
  std::vector<Meeting> meetings_;
  std::array<uint32_t, kNodes> initial_{};
  uint64_t audited_ = 0;
};

}  // namespace once::exhaustive
