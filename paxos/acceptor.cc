#include "paxos/acceptor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "paxos/change.h"
#include "paxos/contradiction.h"

namespace once::paxos {

Told told_by(const PromiseRecord& r, RecordNumber number) {
  return {number, r.ballot, Ballot{}, 0, record_bytes(r), false};
}

Told told_by(const AcceptRecord& r, RecordNumber number) {
  return {number, r.ballot, r.ballot, r.state.version, record_bytes(r), false};
}

Told told_by(const KeptRecord& r, RecordNumber number) {
  return {number, r.promised, r.accepted, r.state.version, record_bytes(r), true};
}

void Acceptor::promise(EntryIndex index, const Ballot& ballot) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised() < ballot);
  ONCE_ASSERT(!ballot.is_round_zero() && ballot.round <= kMaxRound && cluster_.has(ballot.node));
  drop_record(entry);
  table_.set_promised(entry, ballot);
  entry.clear(kInKept);
  entry.set_record(step_.append(PromiseRecord{ballot, entry.name()}));
  ONCE_ASSERT(entry.accepted() < ballot && entry.promised() == ballot);
}

void Acceptor::accept(EntryIndex index, const Ballot& ballot, const State& state,
                      const Numbered& numbered) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised() <= ballot);
  ONCE_ASSERT(std::pair(entry.accepted(), entry.version()) < std::pair(ballot, state.version));
  ONCE_ASSERT(!ballot.is_null() && ballot.round <= kMaxRound);
  ONCE_ASSERT(state.version != 0 && state.version <= kMaxVersion);
  ONCE_ASSERT(!contradicts(entry, ballot, state));
  drop_record(entry);
  entry.clear(kInKept);
  hold(entry, ballot, ballot, state);  // an accept is a promise too
  entry.set_record(
      step_.append(AcceptRecord{ballot, numbered.lane, numbered.sequence, state, entry.name()}));
}

bool Acceptor::decide(EntryIndex index, InLog in_log, uint64_t place) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(!entry.accepted().is_null() && entry.version() != 0);
  ONCE_ASSERT(entry.accepted() <= entry.promised());
  if (in_log == InLog::kYes) {
    step_.append_news(DecidedRecord{entry.accepted(), entry.version(), entry.name()});
  }
  return mark_decided(entry, place);
}

// Another version has yet to be chosen: Table::hold() takes the mark off, and the digest follows.
void Acceptor::hold(Entry& entry, const Ballot& promised, const Ballot& ballot,
                    const State& state) {
  ONCE_ASSERT(entry.promised() <= promised && ballot <= promised);  // P2
  const uint64_t version = entry.version();
  if (entry.decided() && version != state.version) digest_.remove(place_of(entry), version);
  if (version == 0) ++held_;
  table_.hold(entry, promised, ballot, state);
}

bool Acceptor::mark_decided(Entry& entry, uint64_t place) {
  if (entry.decided()) return false;
  table_.mark_decided(entry);
  digest_.add(place, entry.version());
  ONCE_ASSERT(digest_.names() <= held_);  // what is decided is held
  return true;
}

void Acceptor::learn(EntryIndex index, const Ballot& ballot, const State& state, AtHome at_home) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(std::pair(entry.accepted(), entry.version()) < std::pair(ballot, state.version));
  ONCE_ASSERT(!ballot.is_null() && ballot.round <= kMaxRound && cluster_.has(ballot.node));
  ONCE_ASSERT(state.version != 0 && state.version <= kMaxVersion);
  ONCE_ASSERT(!contradicts(entry, ballot, state) && entry.is_idle());
  drop_record(entry);
  hold(entry, std::max(entry.promised(), ballot), ballot, state);
  mark_decided(entry, place_of(entry));
  ONCE_ASSERT(entry.decided() && entry.accepted() == ballot);
  if (at_home == AtHome::kPerhaps) {
    list_unsettled(index);
  } else if (entry.has(kUnsettled)) {
    settle(index);
  }
  write_kept(entry);
}

void Acceptor::keep(EntryIndex index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.accepted() <= entry.promised());
  ONCE_ASSERT(entry.accepted().is_null() == (entry.version() == 0));
  if (entry.promised().is_null()) return;  // nothing was said of it
  if (entry.accepted().is_null()) return keep_promise(index);
  drop_record(entry);
  write_kept(entry);
}

void Acceptor::write_kept(Entry& entry) {
  ONCE_ASSERT(entry.accepted() <= entry.promised() && entry.version() != 0);
  entry.set(kInKept);
  entry.set_record(step_.append(KeptRecord{entry.promised(), entry.accepted(), entry.state(),
                                           entry.decided(), !entry.has(kUnsettled), entry.name()}));
}

void Acceptor::keep_promise(EntryIndex index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.accepted() < entry.promised());
  drop_record(entry);
  entry.clear(kInKept);
  entry.set_record(step_.append(PromiseRecord{entry.promised(), entry.name()}));
}

// What is accepted may be needed still where a promise alone takes the place of its record. Nobody
// counts it then; but whoever looks at the record itself keeps it.
void Acceptor::drop_record(const Entry& entry) {
  if (entry.record() == RecordNumber{}) return;
  size_t bytes = promise_record_bytes(entry.name_size());
  if (entry.accepted() == entry.promised()) {
    bytes = accept_record_bytes(entry.name_size(), entry.value_size());
  }
  if (entry.has(kInKept)) bytes = kept_record_bytes(entry.name_size(), entry.value_size());
  step_.drop(entry.record(), bytes);
}

bool Acceptor::rests_on(EntryIndex index, const Told& told) const {
  ONCE_ASSERT(told.number != RecordNumber{});
  const Entry& entry = table_.at(index);
  if (entry.record() == told.number) return true;
  const bool has_state = !told.accepted.is_null() && told.accepted == entry.accepted() &&
                         told.version == entry.version();
  if (entry.record() == RecordNumber{}) return has_state || told.promised == entry.promised();
  return has_state && !entry.is_whole();
}

void Acceptor::promise_range(size_t home, Incarnation incarnation) {
  ONCE_ASSERT(home < range_promises_.size());
  ONCE_ASSERT(range_promises_[home] < incarnation);
  range_promises_[home] = incarnation;
  step_.append_needless(RangePromiseRecord{cluster_.member(home), incarnation});
}

void Acceptor::replay_record(EntryIndex index, const Told& told) {
  ONCE_ASSERT(!step_.has_begun());
  Entry& entry = table_.at(index);
  const auto held = std::pair(entry.accepted(), entry.version());
  const auto state = std::pair(told.accepted, told.version);
  const bool is_promise = told.accepted.is_null();
  const bool says_all = is_promise ? entry.promised() < told.promised
                                   : entry.promised() <= told.promised && held <= state;
  const bool says_more = entry.promised() < told.promised || held < state;
  if (says_all && (says_more || told.number != RecordNumber{})) {
    drop_record(entry);
    entry.set_record(told.number);
    entry.clear(kInKept);
    if (told.kept) entry.set(kInKept);
    return;
  }
  step_.drop(told.number, told.bytes);
  // What each says alone: there is no record to name.
  if (entry.promised() < told.promised || (held < state && entry.has(kInKept))) {
    drop_record(entry);
    entry.set_record(RecordNumber{});
    entry.clear(kInKept);
  }
}

void Acceptor::replay_promise(EntryIndex index, const Ballot& ballot) {
  ONCE_ASSERT(!step_.has_begun());
  Entry& entry = table_.at(index);
  if (entry.promised() < ballot) table_.set_promised(entry, ballot);
}

void Acceptor::replay_accept(EntryIndex index, const Ballot& ballot, const State& state) {
  ONCE_ASSERT(!step_.has_begun());
  Entry& entry = table_.at(index);
  const bool newer = entry.accepted().is_null() || std::pair(entry.accepted(), entry.version()) <
                                                       std::pair(ballot, state.version);
  if (newer) hold(entry, std::max(entry.promised(), ballot), ballot, state);
  if (entry.promised() < ballot) table_.set_promised(entry, ballot);
  ONCE_ASSERT(entry.accepted() <= entry.promised());
}

void Acceptor::replay_range_promise(size_t home, Incarnation incarnation) {
  ONCE_ASSERT(!step_.has_begun());
  ONCE_ASSERT(home < range_promises_.size());
  range_promises_[home] = std::max(range_promises_[home], incarnation);
}

void Acceptor::set_active(EntryIndex index, Active active) {
  Entry& entry = table_.at(index);
  if (!active.is_nothing()) {
    active_.put(entry, active);
    entry.set(kBusy);
  } else if (!entry.is_idle()) {
    active_.remove(entry);
    entry.clear(kBusy);
  }
  ONCE_ASSERT(entry.is_idle() == active.is_nothing());
}

void Acceptor::list_unsettled(EntryIndex index) {
  Entry& entry = table_.at(index);
  const NodeId home = cluster_.home_of(hash_of(entry));
  if (home == cluster_.self().node || entry.has(kUnsettled)) return;
  UnsettledList& list = unsettled_[cluster_.index_of(home)];
  if (!entry.has(kOnList)) list.entries.push_back(index);
  entry.set(kUnsettled | kOnList);
  ++list.flagged;
  ONCE_ASSERT(list.flagged <= list.entries.size());
}

void Acceptor::settle(EntryIndex index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.has(kUnsettled));
  entry.clear(kUnsettled);
  UnsettledList& list = unsettled_[cluster_.index_of(cluster_.home_of(hash_of(entry)))];
  ONCE_ASSERT(list.flagged > 0 && entry.has(kOnList));
  --list.flagged;
}

EntryIndex Acceptor::next_queried(size_t home) {
  ONCE_ASSERT(home < unsettled_.size());
  UnsettledList& list = unsettled_[home];
  ONCE_ASSERT(list.query_cursor < list.entries.size());
  const EntryIndex index = list.entries[list.query_cursor];
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.has(kOnList));
  const bool listed = entry.has(kUnsettled);
  if (listed) {
    ++list.query_cursor;
  } else {
    entry.clear(kOnList);
    list.entries[list.query_cursor] = list.entries.back();
    list.entries.pop_back();
    ++list.number;
  }
  if (list.query_cursor >= list.entries.size()) list.query_cursor = 0;
  ONCE_ASSERT(list.flagged <= list.entries.size());
  return listed ? index : kNone;
}

size_t Acceptor::bytes() const {
  size_t lists = 0;
  for (const UnsettledList& list : unsettled_) lists += list.entries.capacity();
  return arena_.bytes() + table_.bytes() + active_.bytes() + lists * sizeof(EntryIndex);
}

size_t Acceptor::unsettled() const {
  size_t flagged = 0;
  for (const UnsettledList& list : unsettled_) flagged += list.flagged;
  return flagged;
}

}  // namespace once::paxos
