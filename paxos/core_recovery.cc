// From the log back to what was true: the same lanes and lists as in a run, so that what is
// unsettled after a restart is what was unsettled before it, or more.
#include "paxos/core.h"

namespace once::paxos {

// Each returns false for what no run of this node can have written: the log is not ours then.
struct Core::Recovery {
  Core& core;
  RecordNumber number;  // as in Told

  bool is_member(NodeId node) const { return core.cluster_.has(node); }
  bool is_endpoint(const Endpoint& home) const {
    return is_member(home.node) && home.core.value < kMaxCores;
  }

  bool operator()(const IncarnationRecord& r) {
    if (r.incarnation == UINT32_MAX) return false;  // none could follow it
    core.recovered_incarnation_ = std::max(core.recovered_incarnation_, r.incarnation);
    return true;
  }
  bool operator()(const PromiseRecord& r) {
    if (!is_member(r.ballot.node)) return false;
    const NameHash hash = core.cluster_.hasher()(r.name);
    if (!core.cluster_.is_mine(hash)) return true;
    const EntryIndex index = core.acceptor_.find_or_insert(hash, r.name);
    core.acceptor_.replay_record(index, told_by(r, number));
    core.acceptor_.replay_promise(index, r.ballot);
    return true;
  }
  bool operator()(const AcceptRecord& r) {
    if (!is_endpoint(Endpoint{r.ballot.node, r.lane})) return false;
    if (r.state.version == 0 || r.state.version > kMaxVersion) return false;
    if (r.ballot.round == 0 && r.sequence == 0) return false;  // no home begins there
    const NameHash hash = core.cluster_.hasher()(r.name);
    if (core.cluster_.is_mine(hash)) core.recover_accept(r, hash, number);
    return true;
  }
  bool operator()(const RangePromiseRecord& r) {
    if (!is_member(r.home)) return false;
    core.acceptor_.replay_range_promise(core.cluster_.index_of(r.home), r.incarnation);
    return true;
  }
  bool operator()(const ChosenRangeRecord& r) {
    if (!is_endpoint(r.home) || r.first == 0) return false;
    Lane& lane = core.lanes_.of(r.home, r.incarnation);
    if (lane.incarnation == r.incarnation)
      core.mark_chosen(lane, {Sequence{r.first}, Sequence{r.last}});
    return true;
  }
  bool operator()(const HomeProgressRecord& r) {
    if (!is_endpoint(r.home)) return false;
    Lane& lane = core.lanes_.of(r.home, r.incarnation);
    if (lane.incarnation == r.incarnation)
      lane.durable = std::max(lane.durable, Sequence{r.durable});
    return true;
  }
  bool operator()(const DecidedRecord& r) {
    if (!is_member(r.ballot.node) || r.version == 0) return false;
    const EntryIndex index = core.acceptor_.find(core.cluster_.hasher()(r.name).key, r.name);
    if (index == Table::kNone) return true;  // of another core
    const Entry& entry = core.acceptor_.at(index);
    if (entry.accepted() == r.ballot && entry.version() == r.version)
      core.learn_decided(index, InLog::kNo);
    return true;
  }
  bool operator()(const KeptRecord& r) {
    if (!is_member(r.promised.node) || !is_member(r.accepted.node)) return false;
    if (r.state.version == 0 || r.state.version > kMaxVersion) return false;
    const NameHash hash = core.cluster_.hasher()(r.name);
    if (core.cluster_.is_mine(hash)) core.recover_kept(r, hash, number);
    return true;
  }
};

bool Core::recover(const Record& record, uint64_t number, std::vector<Needless>& needless) {
  ONCE_ASSERT(step_.incarnation() == 0);
  acceptor_.arena().collect();
  step_.recover_into(&needless);
  if (is_news(record)) step_.drop(RecordNumber{number}, record_bytes(record));
  return std::visit(Recovery{*this, RecordNumber{number}}, record);
}

uint32_t Core::recovered_incarnation_of(NodeId node) const {
  const size_t member = cluster_.index_of(node);
  const uint32_t promised = member < cluster_.size() ? acceptor_.range_promise(member) : 0;
  return std::max(promised, lanes_.latest_incarnation(node));
}

void Core::recover_accept(const AcceptRecord& r, NameHash hash, RecordNumber number) {
  const EntryIndex index = acceptor_.find_or_insert(hash, r.name, r.state.value.size());
  acceptor_.replay_record(index, told_by(r, number));
  acceptor_.replay_accept(index, r.ballot, r.state);
  if (r.ballot.round > 0) return acceptor_.list_unsettled(index);
  Lane& lane = lanes_.of(Endpoint{r.ballot.node, r.lane}, r.ballot.incarnation);
  if (lane.incarnation == r.ballot.incarnation) {
    lanes_.note_accept(lane, Sequence{r.sequence}, index, r.state.version);
  } else {
    acceptor_.list_unsettled(index);
  }
}

void Core::recover_kept(const KeptRecord& r, NameHash hash, RecordNumber number) {
  const EntryIndex index = acceptor_.find_or_insert(hash, r.name, r.state.value.size());
  acceptor_.replay_record(index, told_by(r, number));
  acceptor_.replay_accept(index, r.accepted, r.state);
  acceptor_.replay_promise(index, r.promised);
  const Entry& entry = acceptor_.at(index);
  const bool holds_it = entry.accepted() == r.accepted && entry.version() == r.state.version;
  if (r.decided && holds_it) learn_decided(index, InLog::kNo);
  if (!r.settled) acceptor_.list_unsettled(index);
}

}  // namespace once::paxos
