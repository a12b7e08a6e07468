#include "paxos/acceptor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "paxos/change.h"
#include "paxos/contradiction.h"

namespace once::paxos {

void Acceptor::promise(EntryIndex index, const Ballot& ballot) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised < ballot);
  ONCE_ASSERT(ballot.round != 0 && ballot.round <= kMaxRound && cluster_.has(ballot.node));
  entry.promised = ballot;
  entry.record = step_.append(PromiseRecord{ballot, entry.name()});
}

void Acceptor::accept(EntryIndex index, const Ballot& ballot, const State& state,
                      const Numbered& numbered) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised <= ballot);
  ONCE_ASSERT(std::pair(entry.accepted, entry.version) < std::pair(ballot, state.version));
  ONCE_ASSERT(!ballot.is_null() && ballot.round <= kMaxRound);
  ONCE_ASSERT(state.version != 0 && state.version <= kMaxVersion);
  ONCE_ASSERT(!contradicts(entry, ballot, state));
  // An accept is a promise too.
  entry.promised = entry.accepted = ballot;
  table_.set_state(entry, state);
  entry.record = step_.append(
      AcceptRecord{ballot, numbered.lane, numbered.sequence.value, state, entry.name()});
}

bool Acceptor::decide(EntryIndex index, InLog in_log) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(!entry.accepted.is_null() && entry.version != 0);
  ONCE_ASSERT(entry.accepted <= entry.promised);
  if (in_log == InLog::kYes) {
    step_.append(DecidedRecord{entry.accepted, entry.version, entry.name()});
  }
  if (entry.decided()) return false;
  entry.flags |= kIsDecided;
  return true;
}

void Acceptor::promise_range(size_t home, uint32_t incarnation) {
  ONCE_ASSERT(range_promises_[home] < incarnation);
  range_promises_[home] = incarnation;
  step_.append(RangePromiseRecord{cluster_.member(home), incarnation});
}

void Acceptor::replay_promise(EntryIndex index, const Ballot& ballot) {
  ONCE_ASSERT(step_.last_record() == RecordNumber{});
  Entry& entry = table_.at(index);
  entry.promised = std::max(entry.promised, ballot);
}

void Acceptor::replay_accept(EntryIndex index, const Ballot& ballot, const State& state) {
  ONCE_ASSERT(step_.last_record() == RecordNumber{});
  Entry& entry = table_.at(index);
  entry.promised = std::max(entry.promised, ballot);
  const bool newer = entry.accepted.is_null() ||
                     std::pair(entry.accepted, entry.version) < std::pair(ballot, state.version);
  if (newer) {
    entry.accepted = ballot;
    table_.set_state(entry, state);
  }
  ONCE_ASSERT(entry.accepted <= entry.promised);
}

void Acceptor::replay_range_promise(size_t home, uint32_t incarnation) {
  ONCE_ASSERT(step_.last_record() == RecordNumber{});
  range_promises_[home] = std::max(range_promises_[home], incarnation);
}

void Acceptor::list_unsettled(EntryIndex index) {
  Entry& entry = table_.at(index);
  const NodeId home = cluster_.home_of(hash_of(entry));
  if (home == cluster_.self().node || entry.has(kUnsettled)) return;
  entry.flags |= kUnsettled;
  UnsettledList& list = unsettled_[cluster_.index_of(home)];
  list.entries.push_back(index);
  ++list.flagged;
}

void Acceptor::settle(EntryIndex index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.has(kUnsettled));
  entry.flags &= static_cast<uint16_t>(~kUnsettled);
  UnsettledList& list = unsettled_[cluster_.index_of(cluster_.home_of(hash_of(entry)))];
  ONCE_ASSERT(list.flagged > 0);
  --list.flagged;
}

void Acceptor::compact(size_t home) {
  UnsettledList& list = unsettled_[home];
  if (list.flagged * 2 > list.entries.size()) return;
  // A name that was settled and listed again stands there twice: the flag comes off with the first.
  std::erase_if(list.entries, [&](EntryIndex i) {
    Entry& entry = table_.at(i);
    const bool listed = entry.has(kUnsettled);
    entry.flags &= static_cast<uint16_t>(~kUnsettled);
    return !listed;
  });
  for (const EntryIndex i : list.entries) table_.at(i).flags |= kUnsettled;
  ONCE_ASSERT(list.entries.size() == list.flagged);
  list.query_cursor = 0;
  ++list.number;
}

EntryIndex Acceptor::next_queried(size_t home) {
  UnsettledList& list = unsettled_[home];
  ONCE_ASSERT(!list.entries.empty());
  list.query_cursor = (list.query_cursor + 1) % list.entries.size();
  return list.entries[list.query_cursor];
}

size_t Acceptor::unsettled() const {
  size_t flagged = 0;
  for (const UnsettledList& list : unsettled_) flagged += list.flagged;
  return flagged;
}

}  // namespace once::paxos
