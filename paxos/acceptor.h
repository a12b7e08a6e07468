// The acceptor of one core (DESIGN 3.1, 3.2): what it has promised, what it has accepted, and what
// it has heard to be decided, name by name; and the lists that it keeps for the homes of its names.
//
// Contract. What is said here is never taken back, so nobody else can write it: others see entries
// as const, and the node's own proposer uses the same verbs as a message from outside. In every
// build it is asserted that
//   a promise only rises, and what is accepted is at most what is promised (P2);
//   below its promise it takes only what is known to be chosen (L1);
//   a ballot carries one state of a version, and what is decided is not undone (P1, P6);
//   each change that counts is made with its record (D1).
// A caller that breaks one has an error, whatever the peers sent: what they send is judged before.
// The acceptor calls nobody: what it does is news to whoever called.
#pragma once

#include <string_view>
#include <vector>

#include "base/assert.h"
#include "paxos/active_names.h"
#include "paxos/arena.h"
#include "paxos/cluster.h"
#include "paxos/digest.h"
#include "paxos/listing.h"
#include "paxos/numbers.h"
#include "paxos/step_context.h"
#include "paxos/table.h"

namespace once::paxos {

// The accepts that this acceptor must report when their home claims (DESIGN 3.2).
struct UnsettledList {
  std::vector<EntryIndex>
      entries;          // every one with kOnList: those with kUnsettled, and some others
  uint64_t number = 1;  // of this ordering of `entries`
  size_t flagged = 0;   // how many entries have the flag
  size_t query_cursor = 0;
  int64_t paging_until = 0;  // a claim is reading the list
};

// Round 0: the home's core that numbered the accept, and its number. Else: who wrote it, and 0.
struct Numbered {
  CoreId lane;
  Sequence sequence;
};

// What a record says of one name.
struct Told {
  RecordNumber number;  // of the record in this log; none: it is in another
  Ballot promised;
  Ballot accepted;       // null: it is of a promise alone
  uint64_t version = 0;  // that was accepted
  size_t bytes = 0;      // of the record
  bool kept = false;     // it is a KeptRecord
};

Told told_by(const PromiseRecord& record, RecordNumber number);
Told told_by(const AcceptRecord& record, RecordNumber number);
Told told_by(const KeptRecord& record, RecordNumber number);

// Whether the home has it on its disk.
enum class AtHome : bool { kPerhaps, kYes };

// Whether the log gets a record of its own of a decision. Without one others must tell it again.
enum class InLog : bool { kNo, kYes };

class Acceptor {
 public:
  static constexpr EntryIndex kNone = Table::kNone;
  // How many names before its turn one is fetched: sooner it would be gone again, later not there.
  static constexpr size_t kAhead = 12;

  Acceptor(const Cluster& cluster, StepContext& step)
      : cluster_(cluster),
        step_(step),
        table_(arena_, cluster.hasher()),
        digest_(cluster.shards()),
        range_promises_(cluster.size()),
        unsettled_(cluster.size()) {}
  void make_ready(size_t bytes) { table_.make_ready(bytes); }

  const Entry& at(EntryIndex index) const { return table_.at(index); }
  EntryIndex find(uint64_t key, std::string_view name) const { return table_.find(key, name); }
  // What find() and insert() read: the first for some names, then the second.
  void prefetch_segment(uint64_t key) const { table_.prefetch_segment(key); }
  void prefetch(uint64_t key) const { table_.prefetch(key); }
  void prefetch_at(EntryIndex index) const { table_.prefetch_at(index); }
  void prefetch_active(EntryIndex index) const { active_.prefetch(table_.at(index)); }
  // What decide() reads and writes.
  void prefetch_decision(EntryIndex index, uint64_t place) const {
    table_.prefetch_at(index);
    digest_.prefetch(place);
  }
  // Every name, in the order in which they came: each n below size(), and the one after another.
  uint64_t size() const { return table_.size(); }
  EntryIndex nth(uint64_t n) const { return table_.nth(n); }
  uint64_t number_of(EntryIndex index) const { return table_.number_of(index); }
  EntryIndex after(EntryIndex index) const { return table_.after(index); }  // kNone: the last one
  const Digest& digest() const { return digest_; }  // of what it knows to be decided
  // Names of which it holds something, and does not know it to be decided.
  uint64_t undecided() const {
    ONCE_ASSERT(digest_.names() <= held_);
    return held_ - digest_.names();
  }
  size_t bytes() const;  // allocated for what grows with the names
  ListPage list(const ListQuery& query) { return list_names(table_, query); }
  NameHash hash_of(const Entry& entry) const { return cluster_.hasher()(entry.name()); }
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
  // `place`: NameHash::place of the name, which is not looked at.
  bool decide(EntryIndex index, InLog in_log, uint64_t place);
  bool decide(EntryIndex index, InLog in_log) {
    return decide(index, in_log, place_of(table_.at(index)));
  }
  // The state was chosen at or below that ballot, and was proposed under it; others say so. It
  // is taken below the promise too, which stands: a promise only refuses, and what is chosen does
  // not become unchosen (DESIGN 3.6). REQUIRES: above what is accepted (ballot before version), no
  // contradiction of it, and nothing is going on with the name.
  void learn(EntryIndex index, const Ballot& ballot, const State& state, AtHome at_home);
  // All that it holds of the name, in one record: those before it are needed no longer. REQUIRES:
  // it is on the unsettled list if its home may not have it (H3).
  void keep(EntryIndex index);
  // The promise alone: what is accepted is in another record.
  void keep_promise(EntryIndex index);
  // Whether something that is held of the name may be in no record but this one, of this log.
  bool rests_on(EntryIndex index, const Told& told) const;
  // No round 0 of this home's earlier incarnations any more. REQUIRES: above the promise so far.
  void promise_range(size_t home, Incarnation incarnation);
  Incarnation range_promise(size_t home) const {
    ONCE_ASSERT(home < range_promises_.size());
    return range_promises_[home];
  }

  // From the log, before the run begins: what was said in earlier runs, in any order. First for
  // each record: where it is, so that it is known which ones are needed.
  void replay_record(EntryIndex index, const Told& told);
  void replay_promise(EntryIndex index, const Ballot& ballot);
  void replay_accept(EntryIndex index, const Ballot& ballot, const State& state);
  void replay_range_promise(size_t home, Incarnation incarnation);

  // The home's claim has it: never again round 0 in this incarnation.
  void close(EntryIndex index) { table_.at(index).set(kClosed); }
  // What is going on with the name is the core's affair; it only stands here.
  Active active(const Entry& entry) const { return entry.is_idle() ? Active{} : active_.at(entry); }
  void set_active(EntryIndex index, Active active);

  const UnsettledList& unsettled(size_t home) const {
    ONCE_ASSERT(home < unsettled_.size());
    return unsettled_[home];
  }
  size_t unsettled() const;
  // Accepts, not promises alone: docs/decisions/2026-11-28-liveness.md says why. Names of which
  // this node is the home are in its own log, and on no list.
  void list_unsettled(EntryIndex index);
  void settle(EntryIndex index);  // REQUIRES: it is listed
  void renumber(size_t home) {
    ONCE_ASSERT(home < unsettled_.size());
    ++unsettled_[home].number;
  }
  void set_paging_until(size_t home, int64_t time_ns) {
    ONCE_ASSERT(home < unsettled_.size());
    unsettled_[home].paging_until = time_ns;
  }
  // The list's next name to ask about, round and round. kNone: it was settled, and is taken out,
  // which makes a new ordering. One at a time: a walk through millions would hold up everybody.
  // REQUIRES: the list is not empty.
  EntryIndex next_queried(size_t home);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  void drop_record(const Entry& entry);
  void write_kept(Entry& entry);
  void hold(Entry& entry, const Ballot& promised, const Ballot& ballot, const State& state);
  bool mark_decided(Entry& entry, uint64_t place);
  uint64_t place_of(const Entry& entry) const { return cluster_.hasher().place_of(entry.name()); }
  const Cluster& cluster_;
  StepContext& step_;
  Arena arena_;
  Table table_;
  ActiveNames active_;
  Digest digest_;
  uint64_t held_ = 0;                        // names with a state
  std::vector<Incarnation> range_promises_;  // incarnation below which nothing more is accepted
  std::vector<UnsettledList> unsettled_;     // both by member index
};

}  // namespace once::paxos
