// What other proposers say: what this acceptor takes, and what it learns of decisions.
#include "paxos/core.h"

namespace once::paxos {

void Core::on_accept(const Endpoint& from, const Accept& m, NameHash hash) {
  const EntryIndex index = responder_.on_accept(from, m, hash);
  if (index == kNil) return;
  keep_proposed(acceptor_.at(index));
  responder_.accept(from, m, hash, index);
}

// The value of a round-0 proposal stands in the entry alone. Before another takes its place,
// whoever proposed it gets a copy: under its request id nothing else may ever be proposed.
void Core::keep_proposed(const Entry& entry) {
  const Active active = acceptor_.active(entry);
  const bool proposed = active.kind() == Active::Kind::kRoundZero;
  if (!proposed || entry.accepted() != own_.round_zero()) return;
  const RoundZero& slot = sequencer_.at_place(active.round_zero());
  for (OpIndex op = slot.waiters.head; op != kNil; op = ops_[op].next) {
    ONCE_ASSERT(ops_[op].list == &slot.waiters);
    if (ops_[op].block == nullptr) requests_.keep(ops_[op], entry.name(), entry.value());
  }
}

// The one place where news of a decision are drained.
void Core::learn_decided(EntryIndex index, InLog in_log, uint64_t place) {
  ONCE_ASSERT(!acceptor_.at(index).accepted().is_null());
  if (acceptor_.decide(index, in_log, place) && ops_.waits() != 0) wake(acceptor_.at(index));
}

void Core::on_chosen_range(const Endpoint& from, const ChosenRange& m) {
  if (m.first == Sequence{} || m.last < m.first) {
    return trust_.ignore(&ReplicaCounters::ignored_numbers);
  }
  Lane& lane = lanes_.of(from, m.incarnation);
  if (lane.incarnation != m.incarnation || rarely(Rare::kNewsMissed)) return;
  mark_chosen(lane, {m.first, m.last});
  step_.append_news(ChosenRangeRecord{from, m.incarnation, m.first, m.last});
}

void Core::mark_chosen(const Lane& lane, const SequenceRange& range) {
  const Ballot ballot{Round{}, lane.home.node, lane.incarnation};
  ONCE_ASSERT(!ballot.is_null());
  lanes_.for_each(lane, range, [&](const Lane::Slot& slot) {
    const Entry& entry = acceptor_.at(slot.entry);
    if (entry.accepted() != ballot) return;
    if (entry.version() == slot.version) {
      learn_decided(slot.entry, InLog::kNo, slot.place);
    } else {
      ask_for_waiters(acceptor_.hash_of(entry), entry.name(), slot.version);
    }
  });
}

// Whoever had a majority tells of his own ballot, and nothing is never decided.
void Core::on_decided(const Endpoint& from, const Decided& m, NameHash hash) {
  if (m.ballot.node != from.node) return trust_.ignore(&ReplicaCounters::ignored_ballots);
  if (m.version == 0) return trust_.ignore(&ReplicaCounters::ignored_states);
  const EntryIndex index = acceptor_.find(hash.key, m.name);
  const bool held = index != Table::kNone && acceptor_.at(index).accepted() == m.ballot &&
                    acceptor_.at(index).version() >= m.version;
  if (!held) return ask_for_waiters(hash, m.name, m.version);
  const Entry& entry = acceptor_.at(index);
  if (entry.decided()) return;
  if (entry.version() != m.version) return ask_for_waiters(hash, m.name, m.version);
  learn_decided(index, InLog::kYes);
  settle_by_news(entry);
}

}  // namespace once::paxos
