// One node of a small world, over the production core: its log, what is not durable yet, and the
// messages that wait for it. Checks by itself, from the log alone, that whatever leaves was durable
// first (DESIGN 3.3): the record numbers of the core are what is tested, so they prove nothing
// here.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "paxos/replica.h"
#include "tests/exhaustive/catalog.h"
#include "tests/exhaustive/core_probe.h"
#include "tests/exhaustive/scenario.h"
#include "tests/invariants/watch.h"

namespace once::exhaustive {

enum class Kind : uint32_t {
  kDeliver,        // a message, by its number
  kSync,           // that many records become durable, the oldest first
  kTimeout,        // the clock jumps to the next time-out, and ticks
  kTick,           // a tick, no time passes: what is lazily announced
  kCall,           // of a client, by its number
  kRestart,        // what was not synced is lost
  kPeerRestarted,  // a peer's link goes down and comes up, by its node
};

// One word: kind, argument.
struct LocalEvent {
  uint32_t code = 0;
  static LocalEvent of(Kind kind, uint32_t argument = 0) {
    return {static_cast<uint32_t>(kind) << 26 | argument};
  }
  Kind kind() const { return static_cast<Kind>(code >> 26); }
  uint32_t argument() const { return code & 0x3ffffff; }
};

struct Reply {
  uint32_t call = 0;
  paxos::Status status = paxos::Status::kUnknown;
  uint32_t state = 0;  // where the status shows one
  friend bool operator==(const Reply&, const Reply&) = default;
};

// Whether a state comes with it.
bool shows_state(paxos::Status status);

class Node {
 public:
  // Started for the first time, on an empty log, with all its links up.
  Node(const Scenario& scenario, Catalog& catalog, size_t index);

  // REQUIRES: possible(event).
  void apply(LocalEvent event);
  // Of the last apply().
  const std::vector<uint32_t>& sent() const { return sent_; }
  const std::vector<Reply>& replies() const { return replies_; }
  const std::string& violation() const { return violation_; }  // empty: none

  // Everything that can make a difference later, but for the messages that wait for the log.
  void fingerprint(std::vector<char>& out);
  void held_fingerprint(std::vector<char>& out);
  size_t pending() const { return pending_.size(); }
  bool may_time_out();
  bool may_restart() const { return restarts_ < scenario_.restarts[index_]; }
  uint32_t highest_round() { return probe().highest_round(); }
  std::vector<uint32_t> accepts() const;  // in the log; ascending
  std::vector<uint32_t> decided();        // states; ascending

 private:
  struct Held {
    uint64_t record;
    uint32_t message;
    friend auto operator<=>(const Held&, const Held&) = default;
  };
  // What the log proves.
  struct Facts {
    std::set<uint32_t> accepts;
    std::set<std::pair<std::string, paxos::Ballot>> promises;  // accepts too
    std::set<std::pair<uint16_t, Incarnation>> range_promises;
    Incarnation incarnation;
  };
  // A state of round 0 that the home asks for once more: no record is made for it, so its sequence
  // number stands for the accept that is there already.
  struct Confirmation {
    uint64_t version = 0;
    RequestId writer;
  };
  struct Rule;  // one sentence of DESIGN 3.3 for each message

  Endpoint endpoint(size_t node) const {
    return {NodeId{static_cast<uint16_t>(node + 1)}, CoreId{0}};
  }
  paxos::CoreProbe probe() { return paxos::CoreProbe(*core_); }
  void start();
  void links_up();
  void step(const paxos::Event* events, size_t count);
  void call(uint32_t index);
  void restart();
  void sync(size_t records);
  void learn(std::string_view record);
  void take();
  void note_confirmation(const paxos::Accept& accept);
  void release();
  bool has_promise(const paxos::Ballot& at_least, bool exactly, std::string_view name) const;
  void fail(std::string text) {
    if (violation_.empty()) violation_ = std::move(text);
  }

  const Scenario& scenario_;
  Catalog& catalog_;
  const size_t index_;
  std::unique_ptr<paxos::Core> core_;
  invariants::Watch watch_;
  paxos::Output out_;
  int64_t now_ = 1'000'000'000;
  std::vector<std::string> log_;
  std::deque<std::string> pending_;
  std::vector<Held> held_;
  uint64_t durable_ = 0;  // records of this run
  uint64_t made_ = 0;
  uint32_t timeouts_ = 0;
  uint32_t restarts_ = 0;
  Facts facts_;
  std::map<std::pair<paxos::Ballot, uint64_t>, Confirmation> confirmations_;  // by sequence
  std::vector<uint32_t> sent_;
  std::vector<Reply> replies_;
  std::string violation_;
};

// Names whose home is a given node, the same in every search.
std::string name_at_home(size_t node, int number = 0);

}  // namespace once::exhaustive
