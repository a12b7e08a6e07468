// Every schedule of one small world, breadth first, each world visited once. A world is five
// numbers: the state of each node, the messages that were ever sent, and what the clients know.
//
// The network forgets nothing: every message that was ever sent may be delivered at any time, again
// and again, or never. That is loss, delay, reordering and repetition at once, without a step for
// each. A schedule in which a message is lost is one in which it is not delivered.
//
// One reduction. Where the delivery of a message changes nothing in its receiver but that it says
// more (a repeated Prepare is promised again), the world after it can do all that the world before
// it can, and more: what is said may be lost. So every world is first saturated with such
// deliveries, and only then compared and continued from. They commute: none changes what another
// one is answered. What a world less saturated can violate, the saturated one can too.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/exhaustive/local_states.h"

namespace once::exhaustive {

const char* text_of(paxos::Status status);

struct SearchResult {
  uint64_t states = 0;
  uint64_t transitions = 0;   // that changed something
  uint64_t beyond_bound = 0;  // transitions not followed: a ballot above max_round
  uint32_t depth = 0;
  bool complete = false;
  uint64_t local_states = 0;
  uint64_t local_steps = 0;
  uint64_t audited = 0;
  std::map<std::string, uint64_t> answers;  // replies that were checked, by status
  std::string ballots;                      // under which something was accepted durably
  std::string violation;
  std::string story;
};

class Search {
 public:
  explicit Search(const Scenario& scenario);
  SearchResult run(uint64_t max_states, uint64_t audit_samples);
  // What led to the step under way: for an assertion that ends the process.
  std::string story_so_far() const;

 private:
  struct World {
    std::array<uint32_t, kNodes> local;
    uint32_t network;  // list: messages, ascending
    uint32_t ledger;   // list: see kCrashes
    friend bool operator==(const World&, const World&) = default;
  };
  struct Origin {
    uint32_t parent;
    uint32_t event;  // node << 30 | local event
  };
  // A ledger: crashes so far, then each call's progress with a version, then each message that may
  // not be delivered any number of times, once for each delivery.
  static constexpr size_t kCrashes = 0;
  static constexpr size_t kFirstCall = 1;
  enum Progress : uint32_t {
    kNotMade,
    kMade,      // the highest version of its name that had been shown before
    kHasState,  // answered with this version: its own, if it is a change
    kAnswered,  // otherwise
    kDenied,    // a change that certainly did not happen; the version shown, or 0
  };
  static uint32_t noted(Progress progress, uint64_t version) {
    ONCE_ASSERT(version < 1u << 24);
    return static_cast<uint32_t>(version) << 8 | progress;
  }
  static Progress progress_in(uint32_t noted) { return static_cast<Progress>(noted & 0xff); }
  static uint32_t version_in(uint32_t noted) { return noted >> 8; }
  struct Chosen {
    std::vector<uint32_t> states;
    std::vector<uint32_t> choices;
    std::string violation;
  };

  void begin();
  void expand(uint32_t index);
  void deliveries(uint32_t index, const World& world, size_t node);
  void make_calls(uint32_t index, const World& world, size_t node);
  void make_call(uint32_t index, const World& world, uint32_t call);
  bool may_call(const World& world, uint32_t call) const;
  void try_step(uint32_t index, const World& world, size_t node, LocalEvent event);
  void try_restart(uint32_t index, const World& world, size_t node);
  bool follow(World& world, size_t node, LocalEvent event);
  bool saturate(World& world, const World& before);
  bool saturate(World& world, size_t node, List messages);
  void visit(uint32_t index, const World& world, size_t node, LocalEvent event);
  void grow();

  // oracles.cc
  std::string judge(const World& before, World& after, size_t node, const Step& step);
  const Chosen& chosen_of(const World& world);
  Chosen compute_chosen(const World& world) const;
  std::string judge_decided(const World& world, size_t node, const Chosen& chosen) const;
  std::string judge_sent(const World& world, List sent, const Chosen& chosen) const;
  std::string judge_message(const World& world, const Parcel& parcel, const Chosen& chosen) const;
  std::string judge_reply(std::vector<uint32_t>& ledger, const Reply& reply, const Chosen& chosen);
  std::string judge_answer(const Reply& reply, uint32_t floor, const Chosen& chosen) const;
  std::string judge_made(List ledger, const Chosen& chosen) const;
  std::string judge_denied(List ledger, const Chosen& chosen) const;
  bool is_built_on(const KnownState& state, const Chosen& chosen) const;
  uint32_t shown_so_far(List ledger, const std::string& name) const;

  // story.cc
  std::string ballots() const;
  std::string story_of(uint32_t index) const;
  std::string line_of(uint32_t step, size_t node, LocalEvent event) const;

  const Scenario scenario_;
  Catalog catalog_;
  LocalStates locals_;
  std::vector<World> worlds_;
  std::vector<Origin> origins_;
  std::vector<uint32_t> table_;  // open addressing: index + 1 of a world
  std::unordered_map<std::string, Chosen> chosen_;
  std::vector<uint32_t> scratch_;
  SearchResult result_;
  uint32_t at_ = 0;  // the step under way
  size_t at_node_ = 0;
  LocalEvent at_event_;
};

}  // namespace once::exhaustive
