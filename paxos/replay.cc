#include "paxos/replay.h"

#include <algorithm>

#include "base/assert.h"
#include "paxos/change.h"

namespace once::paxos {

bool Replay::take(const Record& record, const NameHash& hash, RecordNumber number) {
  number_ = number;
  hash_ = hash;
  return std::visit([this](const auto& r) { return read(r); }, record);
}

bool Replay::is_member(NodeId node) const { return cluster_.has(node); }

// Of a round above all that can be, the next one would be below it.
bool Replay::is_ballot(const Ballot& ballot) const {
  return is_member(ballot.node) && ballot.round <= kMaxRound;
}

bool Replay::is_endpoint(const Endpoint& home) const {
  return is_member(home.node) && home.core.value < kMaxCores;
}

bool Replay::read(const IncarnationRecord& r) {
  if (r.incarnation.value == UINT32_MAX) return false;  // none could follow it
  incarnation_ = std::max(incarnation_, r.incarnation);
  ONCE_ASSERT(incarnation_ < incarnation_.next());
  return true;
}

bool Replay::read(const PromiseRecord& r) {
  if (!is_ballot(r.ballot)) return false;
  if (!cluster_.is_mine(hash_)) return true;
  const EntryIndex index = acceptor_.find_or_insert(hash_, r.name);
  acceptor_.replay_record(index, told_by(r, number_));
  acceptor_.replay_promise(index, r.ballot);
  ONCE_ASSERT(acceptor_.at(index).promised() >= r.ballot);
  return true;
}

bool Replay::read(const AcceptRecord& r) {
  if (!is_ballot(r.ballot) || !is_endpoint(Endpoint{r.ballot.node, r.lane})) return false;
  if (r.state.version == 0 || r.state.version > kMaxVersion) return false;
  if (r.ballot.is_round_zero() && r.sequence == Sequence{}) return false;  // no home begins there
  if (cluster_.is_mine(hash_)) replay(r);
  return true;
}

bool Replay::read(const RangePromiseRecord& r) {
  if (!is_member(r.home)) return false;
  acceptor_.replay_range_promise(cluster_.index_of(r.home), r.incarnation);
  ONCE_ASSERT(acceptor_.range_promise(cluster_.index_of(r.home)) >= r.incarnation);  // H2
  return true;
}

bool Replay::read(const ChosenRangeRecord& r) {
  if (!is_endpoint(r.home) || r.first == Sequence{}) return false;
  Lane& lane = lanes_.of(r.home, r.incarnation);
  ONCE_ASSERT(lane.home == r.home && lane.incarnation >= r.incarnation);
  if (lane.incarnation == r.incarnation) decide(lane, {r.first, r.last});
  return true;
}

bool Replay::read(const HomeProgressRecord& r) {
  if (!is_endpoint(r.home)) return false;
  Lane& lane = lanes_.of(r.home, r.incarnation);
  ONCE_ASSERT(lane.home == r.home && lane.incarnation >= r.incarnation);
  if (lane.incarnation == r.incarnation) lane.durable = std::max(lane.durable, r.durable);
  return true;
}

bool Replay::read(const DecidedRecord& r) {
  if (!is_ballot(r.ballot) || r.version == 0) return false;
  const EntryIndex index = acceptor_.find(hash_.key, r.name);
  if (index == Table::kNone) return true;  // of another core
  const Entry& entry = acceptor_.at(index);
  if (entry.accepted() == r.ballot && entry.version() == r.version)
    acceptor_.decide(index, InLog::kNo, hash_.place);
  return true;
}

bool Replay::read(const KeptRecord& r) {
  if (!is_ballot(r.promised) || !is_ballot(r.accepted)) return false;
  if (r.state.version == 0 || r.state.version > kMaxVersion) return false;
  if (cluster_.is_mine(hash_)) replay(r);
  return true;
}

void Replay::replay(const AcceptRecord& r) {
  const EntryIndex index = acceptor_.find_or_insert(hash_, r.name, r.state.value.size());
  acceptor_.replay_record(index, told_by(r, number_));
  acceptor_.replay_accept(index, r.ballot, r.state);
  ONCE_ASSERT(acceptor_.at(index).promised() >= r.ballot);  // an accept is a promise too
  if (!r.ballot.is_round_zero()) return acceptor_.list_unsettled(index);
  Lane& lane = lanes_.of(Endpoint{r.ballot.node, r.lane}, r.ballot.incarnation);
  ONCE_ASSERT(lane.home.node == r.ballot.node && lane.incarnation >= r.ballot.incarnation);
  if (lane.incarnation == r.ballot.incarnation) {
    lanes_.note_accept(lane, r.sequence, index, r.state.version, hash_.place);
  } else {
    acceptor_.list_unsettled(index);
  }
}

void Replay::replay(const KeptRecord& r) {
  const EntryIndex index = acceptor_.find_or_insert(hash_, r.name, r.state.value.size());
  acceptor_.replay_record(index, told_by(r, number_));
  // An accept is a promise too; one above it is all that has to be said, and costs room of its own.
  if (r.accepted < r.promised) acceptor_.replay_promise(index, r.promised);
  acceptor_.replay_accept(index, r.accepted, r.state);
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(entry.promised() >= r.promised && entry.promised() >= r.accepted);
  const bool holds_it = entry.accepted() == r.accepted && entry.version() == r.state.version;
  if (r.decided && holds_it) acceptor_.decide(index, InLog::kNo, hash_.place);
  if (!r.settled) acceptor_.list_unsettled(index);
}

void Replay::decide(const Lane& lane, const SequenceRange& range) {
  ONCE_ASSERT(cluster_.has(lane.home.node) && range.first != Sequence{});
  const Ballot ballot{Round{}, lane.home.node, lane.incarnation};
  lanes_.for_each(lane, range, [&](const Lane::Slot& slot) {
    const Entry& entry = acceptor_.at(slot.entry);
    if (entry.accepted() == ballot && entry.version() == slot.version) {
      acceptor_.decide(slot.entry, InLog::kNo, slot.place);
    }
  });
}

}  // namespace once::paxos
