#include "paxos/acceptor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "paxos/change.h"
#include "paxos/contradiction.h"

namespace once::paxos {

void Acceptor::promise(uint32_t index, const Ballot& ballot) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised < ballot);
  ONCE_ASSERT(ballot.round != 0 && ballot.round <= kMaxRound && cluster_.has(ballot.node));
  entry.promised = ballot;
  entry.record = step_.append(PromiseRecord{ballot, entry.name()});
}

void Acceptor::accept(uint32_t index, const Ballot& ballot, const State& state,
                      const Numbered& numbered) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.promised <= ballot);
  ONCE_ASSERT(std::pair(entry.accepted, entry.version) < std::pair(ballot, state.version));
  ONCE_ASSERT(!ballot.is_null() && ballot.round <= kMaxRound);
  ONCE_ASSERT(state.version != 0 && state.version <= kMaxVersion);
  ONCE_ASSERT(!contradicts(entry, ballot, state));
  entry.promised = ballot;  // an accept is a promise too
  hold(entry, ballot, state);
  entry.record =
      step_.append(AcceptRecord{ballot, numbered.lane, numbered.sequence, state, entry.name()});
}

bool Acceptor::decide(uint32_t index, InLog in_log) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(!entry.accepted.is_null() && entry.version != 0);
  ONCE_ASSERT(entry.accepted <= entry.promised);
  if (in_log == InLog::kYes) {
    step_.append(DecidedRecord{entry.accepted, entry.version, entry.name()});
  }
  return mark_decided(entry);
}

// Another version has yet to be chosen: set_state() takes the mark off, and the digest follows.
void Acceptor::hold(Entry& entry, const Ballot& ballot, const State& state) {
  if (entry.decided() && entry.version != state.version) {
    digest_.remove(place_of(entry), entry.version);
  }
  if (entry.version == 0) ++held_;
  entry.accepted = ballot;
  table_.set_state(entry, state);
}

bool Acceptor::mark_decided(Entry& entry) {
  if (entry.decided()) return false;
  entry.flags |= kIsDecided;
  digest_.add(place_of(entry), entry.version);
  return true;
}

void Acceptor::learn(uint32_t index, const Ballot& ballot, const State& state, AtHome at_home) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(std::pair(entry.accepted, entry.version) < std::pair(ballot, state.version));
  ONCE_ASSERT(!ballot.is_null() && ballot.round <= kMaxRound && cluster_.has(ballot.node));
  ONCE_ASSERT(state.version != 0 && state.version <= kMaxVersion);
  ONCE_ASSERT(!contradicts(entry, ballot, state) && entry.active == 0);
  entry.promised = std::max(entry.promised, ballot);
  hold(entry, ballot, state);
  mark_decided(entry);
  if (at_home == AtHome::kPerhaps) {
    list_unsettled(index);
  } else if (entry.has(kUnsettled)) {
    settle(index);
  }
  keep(index);
}

void Acceptor::keep(uint32_t index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.accepted <= entry.promised);
  ONCE_ASSERT(entry.accepted.is_null() == (entry.version == 0));
  if (entry.accepted.is_null()) {
    if (entry.promised.is_null()) return;  // nothing was said of it
    entry.record = step_.append(PromiseRecord{entry.promised, entry.name()});
    return;
  }
  entry.record = step_.append(KeptRecord{entry.promised, entry.accepted, entry.state(),
                                         entry.decided(), !entry.has(kUnsettled), entry.name()});
}

void Acceptor::promise_range(size_t home, uint32_t incarnation) {
  ONCE_ASSERT(range_promises_[home] < incarnation);
  range_promises_[home] = incarnation;
  step_.append(RangePromiseRecord{cluster_.member(home), incarnation});
}

void Acceptor::replay_promise(uint32_t index, const Ballot& ballot) {
  ONCE_ASSERT(step_.last_record() == 0);
  Entry& entry = table_.at(index);
  entry.promised = std::max(entry.promised, ballot);
}

void Acceptor::replay_accept(uint32_t index, const Ballot& ballot, const State& state) {
  ONCE_ASSERT(step_.last_record() == 0);
  Entry& entry = table_.at(index);
  entry.promised = std::max(entry.promised, ballot);
  const bool newer = entry.accepted.is_null() ||
                     std::pair(entry.accepted, entry.version) < std::pair(ballot, state.version);
  if (newer) hold(entry, ballot, state);
  ONCE_ASSERT(entry.accepted <= entry.promised);
}

void Acceptor::replay_range_promise(size_t home, uint32_t incarnation) {
  ONCE_ASSERT(step_.last_record() == 0);
  range_promises_[home] = std::max(range_promises_[home], incarnation);
}

void Acceptor::list_unsettled(uint32_t index) {
  Entry& entry = table_.at(index);
  const NodeId home = cluster_.home_of(hash_of(entry));
  if (home == cluster_.self().node || entry.has(kUnsettled)) return;
  UnsettledList& list = unsettled_[cluster_.index_of(home)];
  if (!entry.has(kOnList)) list.entries.push_back(index);
  entry.flags |= kUnsettled | kOnList;
  ++list.flagged;
}

void Acceptor::settle(uint32_t index) {
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.has(kUnsettled));
  entry.flags &= static_cast<uint16_t>(~kUnsettled);
  UnsettledList& list = unsettled_[cluster_.index_of(cluster_.home_of(hash_of(entry)))];
  ONCE_ASSERT(list.flagged > 0);
  --list.flagged;
}

uint32_t Acceptor::next_queried(size_t home) {
  UnsettledList& list = unsettled_[home];
  ONCE_ASSERT(list.query_cursor < list.entries.size());
  const uint32_t index = list.entries[list.query_cursor];
  Entry& entry = table_.at(index);
  ONCE_ASSERT(entry.has(kOnList));
  const bool listed = entry.has(kUnsettled);
  if (listed) {
    ++list.query_cursor;
  } else {
    entry.flags &= static_cast<uint16_t>(~kOnList);
    list.entries[list.query_cursor] = list.entries.back();
    list.entries.pop_back();
    ++list.number;
  }
  if (list.query_cursor >= list.entries.size()) list.query_cursor = 0;
  return listed ? index : kNone;
}

size_t Acceptor::unsettled() const {
  size_t flagged = 0;
  for (const UnsettledList& list : unsettled_) flagged += list.flagged;
  return flagged;
}

}  // namespace once::paxos
