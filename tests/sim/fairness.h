// The oracle of fairness (DESIGN 1.7): while a majority is up and connected, each client of its
// nodes is answered within a bound, whoever else asks for the name, and is not told "unavailable"
// or "overloaded" without a cause; "unknown" without one is counted. The rules in words are in
// docs/testing/simulation.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paxos/messages.h"
#include "tests/check/history.h"
#include "tests/sim/world.h"

namespace once::sim {

// The slowest that a world is while nothing is wrong with it.
struct Pace {
  int64_t one_way_ns = kMs;  // of a message
  int64_t write_ns = kMs;    // of the log

  // A question and its answer. A log writes one batch at a time, so a record may wait for the one
  // under way. Ticks of 5 ms drive what is not driven by a message.
  int64_t round_ns() const { return 2 * one_way_ns + 2 * write_ns + 10 * kMs; }
  int64_t bound_ns() const { return kPatienceNs + kRounds * round_ns(); }
  // From a node's going away until everybody has noticed: links are silent for 2 s, by clocks that
  // may be 10 % slow, and what was on its way when they broke is still told.
  int64_t notice_ns() const { return 3 * kSecond + 2 * round_ns(); }
  // From its coming back until its own clients are served like all others: it is dialled again,
  // and claims its names.
  int64_t settle_ns() const { return 5 * kSecond + 10 * round_ns(); }

  static constexpr int64_t kPatienceNs = 500 * kMs;
  static constexpr int64_t kRounds = 12;
};

// What the clients of healthy nodes met.
struct WaitFigures {
  static constexpr size_t kBuckets = 20;  // up to 1, 2, 4, ... ms; the last takes the rest
  std::array<uint64_t, kBuckets> histogram{};
  int64_t longest_ns = 0;
  int64_t bound_ns = 0;             // of the run in which the longest was
  uint32_t worst_share = 0;         // the largest share of its bound that one took, in per mille
  int64_t longest_at_fault_ns = 0;  // of those under way when a node went away
  uint64_t answers = 0;
  uint64_t unknown = 0;      // of changes that a node's going away has caught
  uint64_t changes = 0;      // that none has caught, answered in whatever way
  uint64_t unexplained = 0;  // of those: "unknown"
  uint64_t overloaded = 0;   // in runs whose pools are small
  uint64_t starved = 0;  // beyond their bound, or turned away; counted, and judged over all runs
  std::string first_starved;

  void take(int64_t waited_ns, int64_t bound_ns);
  void add(const WaitFigures& other);
  double unexplained_share() const {
    return changes == 0 ? 0 : static_cast<double>(unexplained) / static_cast<double>(changes);
  }
};

struct Question {
  size_t node = 0;  // that is asked
  check::Action action = check::Action::kRead;
  std::string name;
  uint64_t version = 0;  // of a wait
  int64_t call_ns = 0;
  int64_t deadline_ns = 0;
  bool overdue = false;  // and complained of
};

class FairnessJudge {
 public:
  FairnessJudge(World& world, size_t nodes) : world_(world), nodes_(nodes) {}
  // From now on. `small_pools`: "overloaded" may be the truth.
  void begin(const Pace& pace, bool small_pools);
  void never_judge(size_t node) { nodes_[node].away_ns = 0; }
  void went_away(size_t node);
  void came_back(size_t node) { nodes_[node].back_ns = world_.now(); }
  void shown(const std::string& name, uint64_t version);  // to any client

  void on_answer(const Question& question, paxos::Status status);
  void on_closed(const Question& question);
  // Of one that has no answer yet; false: nobody judges it.
  bool on_waiting(Question& question);
  const WaitFigures& figures() const { return figures_; }

 private:
  struct Node {
    int64_t away_ns = INT64_MAX;
    int64_t back_ns = INT64_MAX;
  };
  bool is_judged(const Question& question) const;
  bool was_at_fault(const Question& question) const;  // under way while a node went away
  int64_t news_ns(const Question& question) const;
  int64_t start_ns(const Question& question) const;
  int64_t due_ns(const Question& question) const;
  void violation(const Question& question, const std::string& what);
  void starves(const Question& question, const std::string& what);
  std::string describe(const Question& question, const std::string& what) const;

  World& world_;
  Pace pace_;
  bool small_pools_ = false;
  std::vector<Node> nodes_;
  std::vector<int64_t> faults_;                                             // when nodes went away
  std::map<std::string, std::vector<std::pair<uint64_t, int64_t>>> shown_;  // version, first when
  WaitFigures figures_;
};

}  // namespace once::sim
