// The home's round 0 (DESIGN 3.2): no prepare, because nothing lies below it. Its safety rests on
// this: round 0 is begun only for a name of which this acceptor knows nothing at all, and which no
// acceptor of the claim's majority reported as unsettled; and a ballot never carries two states of
// one version.
#include "paxos/core.h"

namespace once::paxos {

void Core::on_accepted_range(const Endpoint& from, const AcceptedRange& m) {
  if (m.incarnation != step_.incarnation()) return;  // of an earlier run: never counted
  if (m.first == Sequence{} || m.last < m.first || !sequencer_.is_given_out(m.last)) {
    return trust_.ignore(&ReplicaCounters::ignored_numbers);
  }
  const Votes vote = cluster_.vote_of(from.node);
  const Sequence first = std::max(m.first, sequencer_.oldest_open());
  ONCE_ASSERT(first != Sequence{});
  for (Sequence n = first; n <= m.last; n = n.next()) {
    if (const RoundZero* later = sequencer_.find(Sequence{n.value + Acceptor::kAhead})) {
      acceptor_.prefetch_active(later->entry);
      acceptor_.prefetch_decision(later->entry, later->place);
    }
    if (RoundZero* slot = sequencer_.find(n)) vote_round_zero(*slot, vote);
  }
  sequencer_.advance();
}

void Core::vote_round_zero(RoundZero& slot, Votes vote) {
  ONCE_ASSERT(slot.open);
  slot.votes.add(vote);
  if (!cluster_.is_quorum(slot.votes)) return;
  const Entry& entry = acceptor_.at(slot.entry);
  ONCE_ASSERT(entry.version() >= 1 && !entry.accepted().is_null());
  fast_path_.close(slot);
  (slot.batch.size == 0 ? counters_.confirmations : counters_.fast_path_writes) += 1;
  requests_.count_changes(slot.batch);
  sequencer_.add_chosen(slot.sequence);
  // A takeover may have moved the entry on meanwhile. What is sealed goes on unchanged; of anything
  // else this knows only that its own changes were made.
  const bool here = entry.accepted() == own_.round_zero() && entry.version() == slot.version;
  if (here || slot.sealed) {
    learn_decided(slot.entry, InLog::kNo, slot.place);
    requests_.answer_chosen(slot.waiters, entry.state(), slot.step);
  } else {
    requests_.answer_made(slot.waiters);
    ask_for_waiters(acceptor_.hash_of(entry), entry.name(), slot.version);
  }
  go_on(slot.entry, slot.waiters, slot.batch.size, step_.now() - slot.sent_at);
}

// A higher ballot was promised somewhere. Whether round 0 is still chosen, a classic round finds
// out.
void Core::round_zero_lost(RoundZero& slot, Round seen_round) {
  ONCE_ASSERT(slot.open && seen_round <= kMaxRound);
  const Entry& entry = acceptor_.at(slot.entry);
  fast_path_.close(slot);
  for (OpIndex op = slot.waiters.head; op != kNil; op = ops_[op].next) {
    if (ops_[op].block == nullptr) requests_.keep(ops_[op], entry.name(), entry.value());
  }
  // Where nobody waits any more, the next who asks for the name finds out.
  if (slot.waiters.empty() && !has_spare_tasks()) return;
  start_classic(slot.entry, slot.waiters, slot.batch, seen_round);
}

void Core::resend_round_zero() {
  for (Sequence at = sequencer_.oldest_open(); RoundZero* stuck = fast_path_.resend(at);) {
    round_zero_lost(*stuck, Round{});
  }
}

// Whether this disk has at least what an acceptor holds; if not, the name is finished.
void Core::on_settle_query(const Endpoint& from, const SettleQuery& m, NameHash hash) {
  if (!cluster_.is_mine(hash) || cluster_.home_of(hash) != cluster_.self().node) return;
  if (rarely(Rare::kSettledLate) || m.accepted.is_null()) return;
  const EntryIndex found = acceptor_.find(hash.key, m.name);
  if (found != Table::kNone) {
    const Entry& entry = acceptor_.at(found);
    if (entry.record() <= step_.durable() && entry.accepted() >= m.accepted) {
      ONCE_ASSERT(!entry.accepted().is_null());
      outbox_.send(from, RestsOn{},
                   Settled{std::min(m.promised, entry.promised()), m.accepted, m.name});
      return;
    }
    // A round more would only raise what is asked for above what a slow disk has: asked again,
    // later.
    if (!entry.is_idle() || entry.record() > step_.durable()) return;
  }
  // What it has not caught up with yet it learns so, and not by a round for each name.
  if (catch_up_.is_on() && catch_up_.figures().in_sync == 0) return;
  const bool named = !m.name.empty() && m.name.size() <= kMaxNameBytes;
  const bool member = cluster_.has(m.promised.node);
  if (!named || !member || room_.none() || !cluster_.majority_up(hash)) return;
  const EntryIndex index = acceptor_.find_or_insert(hash, m.name);
  if (m.promised.round > kMaxRound) return;
  if (has_spare_tasks()) {  // finish the name: that leaves what was asked for on our disk
    WaitList nobody;
    const Round known = acceptor_.at(index).promised().round;
    begin_classic(index, nobody, Batch{}, trust_.believed(from, hash, known, m.promised.round));
  }
}

}  // namespace once::paxos
