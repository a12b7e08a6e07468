#include "tests/exhaustive/core_probe.h"

#include <fmt/format.h>

#include <algorithm>

namespace once::paxos {
namespace {

struct KnownSize {
  const char* name;
  size_t size;
  size_t known;
};
constexpr KnownSize kSizes[] = {
    {"Core", sizeof(Core), 3856},
    {"Entry", sizeof(Entry), 8},
    {"Op", sizeof(Op), 192},
    {"RoundZero", sizeof(RoundZero), 128},
    {"ClassicRound", sizeof(ClassicRound), 216},
    {"QuorumRead", sizeof(QuorumRead), 144},
    {"Linger", sizeof(Linger), 40},
    {"Watchers", sizeof(Watchers), 24},
    {"Lane", sizeof(Lane), 64},
    {"Lane::Slot", sizeof(Lane::Slot), 32},
    {"UnsettledList", sizeof(UnsettledList), 56},
    {"PeerCore", sizeof(PeerCore), 16},
    {"Peer", sizeof(Peer), 80},
};

constexpr uint32_t kEnd = UINT32_MAX;  // of a list

void put_ballot(ByteWriter& out, const Ballot& b) {
  out.put(b.round.value);
  out.put(b.node.value);
  out.put(b.incarnation.value);
}

void put_text(ByteWriter& out, std::string_view text) {
  out.put(static_cast<uint32_t>(text.size()));
  out.put_bytes(text);
}

void put_state(ByteWriter& out, const State& state) {
  out.put(state.version);
  out.put(making_of(state));
  out.put_uuid(state.writer);
  put_text(out, state.value);
}

void put_batch(ByteWriter& out, const Batch& batch) {
  put_ballot(out, batch.first);
  out.put(batch.version);
  out.put_uuid(batch.writer);
  out.put(uint64_t{batch.size});
  out.put(uint8_t{batch.adopted});
}

void put_endpoint(ByteWriter& out, const Endpoint& endpoint) {
  out.put(endpoint.node.value);
  out.put(endpoint.core.value);
}

}  // namespace

std::string CoreProbe::outdated() {
  std::string changed;
  for (const KnownSize& s : kSizes) {
    if (s.size != s.known) changed += fmt::format("{} (now {} bytes) ", s.name, s.size);
  }
  return changed;
}

// Not the believed rounds: no small world makes so many rounds that an allowance matters. Not
// catch_up_: in no small world does a core ask by itself, and log_waiting_bytes_ is for that alone.
// Not teller_, which only counts pages. The acceptor's digest follows from its entries, and whether
// the step logs news from room_.
void CoreProbe::fingerprint(std::vector<char>& bytes) {
  ONCE_ASSERT(!core_.step_.is_open() && core_.lanes_.ranges_.empty());
  ByteWriter out(bytes);
  number_entries();
  out.put(core_.step_.incarnation().value);
  out.put(pending(core_.step_.last_record()));
  out.put(pending(core_.step_.last_waited_for()));
  out.put(static_cast<uint8_t>(core_.room_.disk));
  out.put(static_cast<uint8_t>(core_.room_.memory));
  out.put<uint8_t>(core_.claimant_.is_complete());
  out.put(until(core_.next_slow_tick_));
  static_assert(std::is_trivially_copyable_v<Prng>);
  out.put_bytes({reinterpret_cast<const char*>(&core_.prng_), sizeof core_.prng_});
  for (const EntryIndex entry : by_name_) put_entry(out, core_.acceptor_.at(entry));
  put_ops(out);
  put_round_zero(out);
  put_tasks(out);
  put_lanes(out);
  put_homes(out);
  out.put(core_.forwarding_.sent_);
  const StepContext& step = core_.step_;
  const bool waits = step.durable() == step.before_run_;  // for the first write to the log
  out.put(waits ? step.now() - step.started_at_ : step.log_write_ns_);
}

void CoreProbe::number_entries() {
  by_name_.clear();
  for (uint32_t i = 0; i < core_.acceptor_.size(); ++i) by_name_.push_back(core_.acceptor_.nth(i));
  std::sort(by_name_.begin(), by_name_.end(), [&](EntryIndex a, EntryIndex b) {
    return core_.acceptor_.at(a).name() < core_.acceptor_.at(b).name();
  });
  numbers_.assign(by_name_.size(), 0);
  for (uint32_t n = 0; n < by_name_.size(); ++n) {
    numbers_[core_.acceptor_.number_of(by_name_[n])] = n;
  }
}

void CoreProbe::put_entry(ByteWriter& out, const Entry& entry) {
  put_text(out, entry.name());
  out.put(pending(entry.record()));
  put_ballot(out, entry.promised());
  put_ballot(out, entry.accepted());
  out.put(core_.acceptor_.active(entry).bits());
  out.put(entry.flags());
  put_state(out, entry.state());
}

void CoreProbe::put_waiters(ByteWriter& out, const WaitList& list) {
  for (OpIndex op = list.head; op != kNil; op = core_.ops_[op].next) out.put(op.value);
  out.put(kEnd);
}

void CoreProbe::put_op(ByteWriter& out, const Op& op) {
  out.put(op.token);
  put_endpoint(out, op.origin);
  out.put_uuid(op.id);
  out.put(op.hash.place);
  out.put(core_.step_.now() - op.arrival);
  out.put(until(op.deadline));
  put_endpoint(out, op.forwarded_to);
  if (op.forwarded_to.node.value != 0) out.put(until(op.hedge_at));
  put_endpoint(out, op.asked);
  if (op.asked.node.value != 0) out.put(core_.step_.now() - op.asked_at);  // exactly: learned from
  out.put(op.seen_round.value);
  out.put(op.hops);
  out.put(op.attempts);
  out.put<uint8_t>(op.doubtful);
  out.put(op.offered.bits());
  out.put<uint8_t>(op.list != nullptr);
  out.put<uint8_t>(op.block != nullptr);
  if (op.block != nullptr) {
    put_text(out, op.name());
    put_text(out, op.value());
  }
  out.put(static_cast<uint8_t>(op.operation));
  out.put<uint8_t>(op.elsewhere);
  out.put(op.version);
  out.put(op.made);
  out.put(op.polls);
  out.put(op.floor);
  if (core_.watchers_.has(op)) out.put(until(op.poll_at));
  for (uint32_t n = 0; n < core_.task_numbers_.size(); ++n) {  // only before or after counts
    const RoundId round{n};
    const ReadId read{n};
    if (core_.rounds_.holds(round)) out.put<uint8_t>(op.step <= core_.rounds_[round].step);
    if (core_.reads_.holds(read)) out.put<uint8_t>(op.step <= core_.reads_[read].step);
  }
  for (const RoundZero& slot : core_.sequencer_.ring_) {
    if (slot.open) out.put<uint8_t>(op.step <= slot.step);
  }
}

void CoreProbe::put_ops(ByteWriter& out) {
  for (const Op& op : core_.ops_.ops_) out.put(op.generation);
  for (const OpIndex index : core_.ops_.free_) out.put(index.value);
  out.put(kEnd);
  for (const AgeList* age : {&core_.ops_.by_age_, &core_.ops_.waits_by_age_}) {
    for (OpIndex op = age->oldest; op != kNil; op = core_.ops_[op].newer) {
      out.put(op.value);
      put_op(out, core_.ops_[op]);
    }
    out.put(kEnd);
  }
  if (core_.watchers_.empty()) return out.put(kEnd);
  for (const Watchers& watchers : core_.watchers_.buckets_) {
    put_waiters(out, watchers.waiting);
    if (!watchers.waiting.empty()) out.put(watchers.least);
    const OpIndex op = watchers.waiting.head;
    const bool asked = op != kNil && core_.is_asked_for(core_.ops_[op].hash, core_.ops_[op].name());
    out.put(asked ? watchers.asking.value : kEnd);
  }
}

void CoreProbe::put_round_zero(ByteWriter& out) {
  out.put(core_.sequencer_.next_.value);
  out.put(core_.sequencer_.oldest_open_.value);
  out.put(core_.sequencer_.self_voted_.value);
  out.put(core_.sequencer_.announced_.value);
  for (const auto& [first, last] : core_.sequencer_.chosen_) {
    out.put(first.value);
    out.put(last.value);
  }
  out.put(uint64_t{0});
  for (const RoundZero& slot : core_.sequencer_.ring_) {
    out.put(slot.sequence.value);
    out.put(pending(slot.record));
    out.put(until(slot.sent_at + kResendNs));
    out.put<uint8_t>(slot.open);
    if (!slot.open) continue;
    out.put(number_of(slot.entry));
    out.put(slot.votes.bits());
    out.put(slot.version);
    out.put<uint8_t>(slot.sealed);
    put_batch(out, slot.batch);
    put_waiters(out, slot.waiters);
    out.put(until(slot.begun + kRoundZeroPatienceNs));
  }
}

void CoreProbe::put_round(ByteWriter& out, const ClassicRound& round) {
  out.put(static_cast<uint8_t>(round.phase));
  out.put(round.attempts);
  out.put(round.votes.bits());
  out.put(number_of(round.entry));
  put_ballot(out, round.ballot);
  put_ballot(out, round.best);
  out.put(round.seen_round.value);
  put_state(out, round.state);
  out.put(until(round.next_at));
  // Nothing else is measured from either.
  out.put(core_.step_.now() - std::max(round.asked_at, core_.cluster_.links_changed_at()));
  out.put(core_.step_.now() - round.started);
  out.put<uint8_t>(round.confirms);
  put_batch(out, round.batch);
  put_waiters(out, round.waiters);
}

void CoreProbe::put_read(ByteWriter& out, const QuorumRead& read) {
  out.put(read.attempts);
  out.put(read.votes.bits());
  out.put(read.none.bits());
  out.put(read.same.bits());
  out.put(read.op.value);
  put_ballot(out, read.best);
  out.put(read.newest);
  put_state(out, read.state);
  out.put(until(read.next_at));
  out.put(core_.step_.now() - read.started);
  put_waiters(out, read.waiters);
}

void CoreProbe::put_linger(ByteWriter& out, const Linger& linger) {
  out.put(number_of(linger.entry));
  out.put(linger.awaited);
  out.put(linger.arrived);
  out.put(until(linger.next_at));
  put_waiters(out, linger.waiters);
}

void CoreProbe::put_tasks(ByteWriter& out) {
  for (uint32_t number : core_.task_numbers_.free_) out.put(number);
  out.put(kEnd);
  for (uint32_t n = 0; n < core_.task_numbers_.size(); ++n) {
    const TaskKind kind = core_.task_numbers_.kind_of(n);
    out.put(core_.task_numbers_.uses_[n].generation);
    out.put(static_cast<uint8_t>(kind));
    if (kind == TaskKind::kRound) put_round(out, core_.rounds_[RoundId{n}]);
    if (kind == TaskKind::kRead) put_read(out, core_.reads_[ReadId{n}]);
    if (kind == TaskKind::kLinger) put_linger(out, core_.lingers_.pool_[LingerId{n}]);
  }
  for (const LingerId id : core_.lingers_.names_) out.put(id.value);
  out.put(kEnd);
  out.put(core_.lingers_.luck_.doublings_);
  out.put(core_.lingers_.luck_.skips_);
  for (Fifo<OwnVote> votes = core_.own_votes_.votes_; !votes.empty();) {
    const OwnVote vote = votes.pop();
    out.put(pending(vote.record));
    out.put(vote.handle.value);
    out.put(static_cast<uint8_t>(vote.phase));
    put_ballot(out, vote.ballot);
  }
  out.put(uint64_t{0});
}

void CoreProbe::put_lanes(ByteWriter& out) {
  std::vector<const Lane*> lanes;
  for (const auto& lane : core_.lanes_.lanes_) lanes.push_back(lane.get());
  std::sort(lanes.begin(), lanes.end(),
            [](const Lane* a, const Lane* b) { return a->home < b->home; });
  for (const Lane* lane : lanes) {
    ONCE_ASSERT(lane->range.last == Sequence{});
    put_endpoint(out, lane->home);
    out.put(lane->incarnation.value);
    out.put(lane->durable.value);
    for (const Lane::Slot& slot : lane->ring) {
      out.put(slot.sequence.value);
      out.put(number_of(slot.entry));
      out.put(slot.version);
    }
  }
  out.put(uint32_t{0});
}

void CoreProbe::put_homes(ByteWriter& out) {
  for (size_t i = 0; i < core_.cluster_.size(); ++i) {
    const UnsettledList& list = core_.acceptor_.unsettled(i);
    out.put(core_.acceptor_.range_promise(i).value);
    for (const EntryIndex entry : list.entries) out.put(number_of(entry));
    out.put(kEnd);
    out.put(list.number);
    out.put(uint64_t{list.flagged});
    out.put(uint64_t{list.query_cursor});
    out.put(until(list.paging_until));
  }
  for (size_t i = 0; i < core_.cluster_.size(); ++i) {
    const Peer& peer = core_.cluster_.peer(i);
    out.put(peer.cores);
    for (size_t core = 0; core < peer.links.size(); ++core) {
      const Claim::Page& page = core_.claimant_.claim_.pages_[i][core];
      out.put<uint8_t>(peer.links[core].up);
      out.put(until(std::max(peer.links[core].full_until, core_.step_.now())));
      out.put(page.list);
      out.put(page.cursor);
      out.put<uint8_t>(page.told);
    }
    for (const Forwards& forwards : peer.forwards) {
      out.put(forwards.incarnation.value);
      for (size_t i = 0; i < forwards.taken.size(); ++i) {
        if (forwards.taken[i] == 0) continue;
        out.put(uint64_t{i});
        out.put(forwards.taken[i]);
      }
      out.put(kEnd);
    }
    out.put(peer.hedge.smoothed_ns_);
    out.put(peer.hedge.variation_ns_);
    out.put(peer.hedge.patience_ns_);
  }
}

int64_t CoreProbe::next_deadline() {
  int64_t next = kNoDeadline;
  for (const AgeList* age : {&core_.ops_.by_age_, &core_.ops_.waits_by_age_}) {
    for (OpIndex index = age->oldest; index != kNil; index = core_.ops_[index].newer) {
      const Op& op = core_.ops_[index];
      next = std::min(next, op.deadline);
      if (op.forwarded_to.node.value != 0) next = std::min(next, op.hedge_at);
      if (core_.watchers_.has(op)) next = std::min(next, op.poll_at);
    }
  }
  for (const RoundZero& slot : core_.sequencer_.ring_) {
    if (slot.open) next = std::min(next, slot.sent_at + kResendNs);
  }
  for (uint32_t n = 0; n < core_.task_numbers_.size(); ++n) {
    if (core_.rounds_.holds({n})) next = std::min(next, core_.rounds_[{n}].next_at);
    if (core_.reads_.holds({n})) next = std::min(next, core_.reads_[{n}].next_at);
    if (core_.lingers_.pool_.holds({n})) next = std::min(next, core_.lingers_.pool_[{n}].next_at);
  }
  bool slow = !core_.claimant_.is_complete();
  for (size_t i = 0; i < core_.cluster_.size(); ++i)
    slow |= !core_.acceptor_.unsettled(i).entries.empty();
  if (slow) next = std::min(next, core_.next_slow_tick_);
  return next;
}

uint32_t CoreProbe::highest_round() {
  uint32_t highest = 0;
  for (uint32_t i = 0; i < core_.acceptor_.size(); ++i) {
    highest = std::max(highest, entry_at(i).promised().round.value);
  }
  for (uint32_t n = 0; n < core_.task_numbers_.size(); ++n) {
    if (core_.rounds_.holds({n}))
      highest = std::max(highest, core_.rounds_[{n}].ballot.round.value);
  }
  return highest;
}

}  // namespace once::paxos
