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
    case Phase::kLinger:
      return Work::kLinger;
  }
  return Work::kNothing;
}

}  // namespace

void explain_entry(const Entry& entry, uint64_t durable_record, Explanation& told) {
  told.known = true;
  told.promised = entry.promised;
  told.accepted = entry.accepted;
  told.durable = entry.record <= durable_record;
  told.version = entry.version;
  if (entry.version == 0) return;  // only promised: the rest of it says nothing
  told.sealed = entry.has(kSealed);
  told.decided = entry.decided();
  told.value_bytes = entry.value_size;
  told.writer = entry.writer();
}

void explain_round(const RoundZero& slot, const Ballot& ballot, int64_t now_ns, UnderWay& told) {
  told.work = Work::kRoundZero;
  told.ballot = ballot;
  told.version = slot.version;
  told.changes = static_cast<uint32_t>(slot.batch.size);
  told.votes = slot.votes.bits();
  told.age_us = age_us(now_ns, slot.begun);
}

void explain_task(const Task& task, int64_t now_ns, UnderWay& told) {
  told.work = work_of(task.phase);
  told.attempts = task.attempts;
  told.age_us = age_us(now_ns, task.started);
  told.changes = static_cast<uint32_t>(task.batch.size);
  if (task.phase == Phase::kPrepare || task.phase == Phase::kAccept) {
    told.ballot = task.ballot;
    told.votes = task.votes.bits();
  }
  told.version = task.phase == Phase::kAccept ? task.state.version : task.batch.version;
}

uint32_t count_waiters(const OpPool& ops, const WaitList& list) {
  uint32_t count = 0;
  for (uint32_t index = list.head; index != kNil && count < kMostCounted; ++count) {
    index = ops[index].next;
  }
  return count;
}

Explanation Core::explain(std::string_view name) {
  Explanation told;
  const NameHash hash = cluster_.hasher()(name);
  told.home = cluster_.home_of(hash);
  const WaitList* queue = nullptr;  // of what is under way
  if (const uint32_t found = acceptor_.find(hash.key, name); found != Acceptor::kNone) {
    const Entry& entry = acceptor_.at(found);
    explain_entry(entry, step_.durable(), told);
    UnderWay& under_way = told.under_way;
    if ((entry.active & 1) != 0) {
      const RoundZero& slot = sequencer_.at_place(entry.active >> 1);
      explain_round(slot, Ballot{0, cluster_.self().node, incarnation_}, step_.now(), under_way);
      queue = &slot.waiters;
    } else if (entry.active != 0) {
      const Task& task = tasks_[(entry.active >> 1) - 1];
      explain_task(task, step_.now(), under_way);
      queue = &task.waiters;
    }
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
    for (uint32_t index = ops_.by_age(kind).oldest; index != kNil; index = ops_[index].newer) {
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
