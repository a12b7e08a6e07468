#include "paxos/explanation.h"

#include <algorithm>

#include "paxos/core.h"

namespace once::paxos {
namespace {

uint64_t age_us(int64_t now_ns, int64_t begun_ns) {
  return static_cast<uint64_t>(std::max<int64_t>(0, now_ns - begun_ns)) / 1000;
}

Work work_of(Phase phase) {
  switch (phase) {
    case Phase::kBackOff:
      return Work::kBackOff;
    case Phase::kPrepare:
      return Work::kPrepare;
    case Phase::kAccept:
      return Work::kAccept;
  }
  return Work::kNothing;
}

}  // namespace

void explain_entry(const Entry& entry, RecordNumber durable, Explanation& told) {
  ONCE_ASSERT(entry.accepted().is_null() == (entry.version() == 0));
  told.known = true;
  told.promised = entry.promised();
  told.accepted = entry.accepted();
  told.durable = entry.record() <= durable;
  told.version = entry.version();
  if (entry.version() == 0) return;  // only promised: the rest of it says nothing
  told.sealed = entry.has(kSealed);
  told.decided = entry.decided();
  told.value_bytes = entry.value_size();
  told.writer = entry.writer();
}

void explain_round(const RoundZero& slot, const Ballot& ballot, int64_t now_ns, UnderWay& told) {
  ONCE_ASSERT(slot.open && !ballot.is_null());
  told.work = Work::kRoundZero;
  told.ballot = ballot;
  told.version = slot.version;
  told.changes = static_cast<uint32_t>(slot.batch.size);
  told.votes = slot.votes.bits();
  told.age_us = age_us(now_ns, slot.begun);
}

void explain_round(const ClassicRound& round, int64_t now_ns, UnderWay& told) {
  told.work = work_of(round.phase);
  told.attempts = round.attempts;
  told.age_us = age_us(now_ns, round.started);
  told.changes = static_cast<uint32_t>(round.batch.size);
  if (round.phase == Phase::kPrepare || round.phase == Phase::kAccept) {
    told.ballot = round.ballot;
    told.votes = round.votes.bits();
  }
  told.version = round.phase == Phase::kAccept ? round.state.version : round.batch.version;
}

void explain_linger(const Linger& linger, int64_t now_ns, UnderWay& told) {
  told.work = Work::kLinger;
  told.age_us = age_us(now_ns, linger.started);
}

uint32_t count_waiters(const OpPool& ops, const WaitList& list) {
  uint32_t count = 0;
  for (OpIndex index = list.head; index != kNil && count < kMostCounted; ++count) {
    index = ops[index].next;
  }
  return count;
}

Explanation Core::explain(std::string_view name) {
  Explanation told;
  const NameHash hash = cluster_.hasher()(name);
  told.home = cluster_.home_of(hash);
  const WaitList* queue = nullptr;  // of what is under way
  if (const EntryIndex found = acceptor_.find(hash.key, name); found != Acceptor::kNone) {
    const Entry& entry = acceptor_.at(found);
    explain_entry(entry, step_.durable(), told);
    UnderWay& under_way = told.under_way;
    const Active active = acceptor_.active(entry);
    switch (active.kind()) {
      case Active::Kind::kNothing:
        break;
      case Active::Kind::kRoundZero:
        explain_round(sequencer_.at_place(active.round_zero()), own_.round_zero(), step_.now(),
                      under_way);
        break;
      case Active::Kind::kRound:
        explain_round(rounds_[active.round()], step_.now(), under_way);
        break;
      case Active::Kind::kLinger:
        explain_linger(lingers_[active.linger()], step_.now(), under_way);
        break;
    }
    queue = queue_of(active);
    // The core counts by place in the list of members, people by number.
    const uint16_t by_place = std::exchange(under_way.votes, 0);
    for (size_t i = 0; i < cluster_.size(); ++i) {
      const auto bit = static_cast<uint16_t>(1u << cluster_.member(i).value);
      if ((by_place >> i & 1) != 0) under_way.votes |= bit;
    }
    if (queue != nullptr) told.queues.queued = count_waiters(ops_, *queue);
  }
  uint32_t looked_at = 0;
  for (const Operation kind : {Operation::kRead, Operation::kWait}) {
    for (OpIndex index = ops_.by_age(kind).oldest; index != kNil; index = ops_[index].newer) {
      const Op& op = ops_[index];
      if (++looked_at > kMostCounted) return told;
      // Those without a block of their own wait in round 0, and are counted there.
      if (op.block == nullptr || op.hash != hash || op.name() != name) continue;
      if (op.list != nullptr && op.list == queue) continue;
      if (op.forwarded_to.node.value != 0 && op.forwarded_to != cluster_.self()) {
        ++told.queues.forwarded;
        told.queues.forwarded_to = op.forwarded_to.node;
      } else {
        ++(kind == Operation::kWait ? told.queues.waits : told.queues.reading);
      }
    }
  }
  return told;
}

}  // namespace once::paxos
