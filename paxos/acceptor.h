// The acceptor of one core (DESIGN 3.1, 3.2): what it has promised, what it has accepted, and what
// it has heard to be decided, name by name; and the lists that it keeps for the homes of its names.
//
// Contract. What is said here is never taken back, so nobody else can write it: others see entries
// as const, and the node's own proposer uses the same verbs as a message from outside. In every
// build it is asserted that
//   a promise only rises, and what is accepted is at most what is promised (P2);
//   a ballot carries one state of a version, and what is decided is not undone (P1, P6);
//   each change that counts is made with its record (D1).
// A caller that breaks one has an error, whatever the peers sent: what they send is judged before.
// The acceptor calls nobody: what it does is news to whoever called.
#pragma once

#include <string_view>
#include <vector>

#include "paxos/arena.h"
#include "paxos/cluster.h"
#include "paxos/listing.h"
#include "paxos/numbers.h"
#include "paxos/step_context.h"
#include "paxos/table.h"

namespace once::paxos {

// The accepts that this acceptor must report when their home claims (DESIGN 3.2).
struct UnsettledList {
  std::vector<EntryIndex> entries;  // every one with kUnsettled; others are skipped
  uint64_t number = 1;              // of this ordering of `entries`
  size_t flagged = 0;               // how many entries have the flag
  size_t query_cursor = 0;
  int64_t paging_until = 0;  // a claim is reading the list
};

// Round 0: the home's core that numbered the accept, and its number. Else: who wrote it, and 0.
struct Numbered {
  CoreId lane;
  Sequence sequence;
};

// Whether the log gets a record of its own of a decision. Without one others must tell it again.
enum class InLog : bool { kNo, kYes };

class Acceptor {
 public:
  static constexpr EntryIndex kNone = Table::kNone;

  Acceptor(const Cluster& cluster, StepContext& step)
      : cluster_(cluster),
        step_(step),
        table_(arena_),
        range_promises_(cluster.size()),
        unsettled_(cluster.size()) {}

  const Entry& at(EntryIndex index) const { return table_.at(index); }
  EntryIndex find(uint64_t key, std::string_view name) const { return table_.find(key, name); }
  void prefetch(uint64_t key) const { table_.prefetch(key); }
  uint64_t size() const { return table_.size(); }
  size_t bytes() const { return arena_.bytes() + table_.bytes(); }
  ListPage list(const ListQuery& query) { return list_names(table_, query); }
  NameHash hash_of(const Entry& entry) const {
    return {cluster_.hasher().place_of(entry.name()), entry.key()};
  }
  // Requests and proposals have their memory here too: what one gives back another can take.
  Arena& arena() { return arena_; }

  // `room` bytes are kept for the value of its first state.
  EntryIndex insert(NameHash hash, std::string_view name, size_t room = 0) {
    return table_.insert(hash.key, name, room);
  }
  EntryIndex find_or_insert(NameHash hash, std::string_view name, size_t room = 0) {
    const EntryIndex found = find(hash.key, name);
    return found != kNone ? found : insert(hash, name, room);
  }

  // REQUIRES: above every promise so far, and not of round 0: the range promise is for that.
  void promise(EntryIndex index, const Ballot& ballot);
  // REQUIRES: not below the promise, above what is accepted (ballot before version), and no
  // contradiction of it (contradiction.h).
  void accept(EntryIndex index, const Ballot& ballot, const State& state, const Numbered& numbered);
  // What it holds is decided. True: that is news. REQUIRES: it holds something.
  bool decide(EntryIndex index, InLog in_log);
  // No round 0 of this home's earlier incarnations any more. REQUIRES: above the promise so far.
  void promise_range(size_t home, uint32_t incarnation);
  uint32_t range_promise(size_t home) const { return range_promises_[home]; }

  // From the log, before the run begins: what was said in earlier runs, in any order.
  void replay_promise(EntryIndex index, const Ballot& ballot);
  void replay_accept(EntryIndex index, const Ballot& ballot, const State& state);
  void replay_range_promise(size_t home, uint32_t incarnation);

  // The home's claim has it: never again round 0 in this incarnation.
  void close(EntryIndex index) { table_.at(index).flags |= kClosed; }
  // What is going on with the name is the core's affair (Entry::active); it only stands here.
  void set_active(EntryIndex index, Active active) { table_.at(index).active = active; }

  const UnsettledList& unsettled(size_t home) const { return unsettled_[home]; }
  size_t unsettled() const;
  // Accepts, not promises alone: docs/decisions/2026-11-28-liveness.md says why. Names of which
  // this node is the home are in its own log, and on no list.
  void list_unsettled(EntryIndex index);
  void settle(EntryIndex index);  // REQUIRES: it is listed
  // A new ordering, if many of the list are settled.
  void compact(size_t home);
  void renumber(size_t home) { ++unsettled_[home].number; }
  void set_paging_until(size_t home, int64_t time_ns) { unsettled_[home].paging_until = time_ns; }
  // The list's next place to ask about, round and round. REQUIRES: it is not empty.
  EntryIndex next_queried(size_t home);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  const Cluster& cluster_;
  StepContext& step_;
  Arena arena_;
  Table table_;
  std::vector<uint32_t> range_promises_;  // incarnation below which nothing more is accepted
  std::vector<UnsettledList> unsettled_;  // both by member index
};

}  // namespace once::paxos
