// The home's round 0 (DESIGN 3.2): no prepare, because nothing lies below it. Its safety rests on
// this: round 0 is begun only for a name of which this acceptor knows nothing at all, and which no
// acceptor of the claim's majority reported as unsettled; and a ballot never carries two states of
// one version.
#include "paxos/core.h"

namespace once::paxos {

bool Core::round_zero_open(const Entry* entry) const {
  if (!claim_.is_complete()) return false;
  return entry == nullptr || (entry->promised().is_null() && entry->accepted().is_null() &&
                              entry->is_idle() && !entry->has(kClosed));
}

// Nothing when the state of the entry already is `next`: then this asks whether it still stands.
// REQUIRES: round 0 is open for the name or kept by this node, and there is room in the window.
void Core::propose_round_zero(EntryIndex index, const State& next, size_t changes, WaitList& from) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(claim_.is_complete() && entry.is_idle());  // H1
  const Ballot ballot{0, cluster_.self().node, step_.incarnation()};
  if (changes != 0) {
    acceptor_.accept(index, ballot, next, Numbered{cluster_.self().core, sequencer_.next()});
  }
  ONCE_ASSERT(entry.accepted() == ballot && entry.version() == next.version);
  RoundZero& slot =
      sequencer_.open({.sequence = {},
                       .record = entry.record(),
                       .sent_at = step_.now(),
                       .begun = step_.now(),
                       .step = step_.number(),
                       .version = entry.version(),
                       .batch = Batch{ballot, entry.version(), entry.writer(), changes},
                       .entry = index,
                       .votes = {},
                       .sealed = entry.has(kSealed),
                       .waiters = {}});
  acceptor_.set_active(index, sequencer_.active_of(slot));
  ops_.move_all(from, slot.waiters);
  ONCE_ASSERT(from.empty() && slot.sealed == next.sealed);
  outbox_.broadcast(acceptor_.hash_of(entry), RestsOn{}, accept_of(slot));
  if (sequencer_.owes_progress()) announce_progress();
}

Accept Core::accept_of(const RoundZero& slot) {
  const Entry& entry = acceptor_.at(slot.entry);
  // P1: under its ballot nothing but the state that it was begun with.
  const Ballot ballot{0, cluster_.self().node, step_.incarnation()};
  ONCE_ASSERT(slot.open && entry.accepted() == ballot && entry.version() == slot.version);
  return Accept{slot.sequence.value, ballot, entry.state(), entry.name()};
}

void Core::on_accepted_range(const Endpoint& from, const AcceptedRange& m) {
  if (m.incarnation != step_.incarnation()) return;  // of an earlier run: never counted
  if (m.first == 0 || m.last < m.first || !sequencer_.is_given_out(Sequence{m.last})) {
    return ignore(&ReplicaCounters::ignored_numbers);
  }
  const Votes vote = cluster_.vote_of(from.node);
  const Sequence first = std::max(Sequence{m.first}, sequencer_.oldest_open());
  ONCE_ASSERT(first != Sequence{});
  for (Sequence n = first; n <= Sequence{m.last}; n = n.next()) {
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
  sequencer_.close(slot);
  ONCE_ASSERT(acceptor_.active(entry) == sequencer_.active_of(slot));
  acceptor_.set_active(slot.entry, Active{});
  (slot.batch.size == 0 ? counters_.confirmations : counters_.fast_path_writes) += 1;
  requests_.count_changes(slot.batch);
  sequencer_.add_chosen(slot.sequence);
  // A takeover may have moved the entry on meanwhile. What is sealed goes on unchanged; of anything
  // else this knows only that its own changes were made.
  const bool here = entry.accepted() == Ballot{0, cluster_.self().node, step_.incarnation()} &&
                    entry.version() == slot.version;
  if (here || slot.sealed) {
    learn_decided(slot.entry, InLog::kNo);
    requests_.answer_chosen(slot.waiters, entry.state(), slot.step);
  } else {
    requests_.answer_made(slot.waiters);
    ask_for_waiters(acceptor_.hash_of(entry), entry.name(), slot.version);
  }
  go_on(slot.entry, slot.waiters, slot.batch.size, step_.now() - slot.sent_at);
}

// A higher ballot was promised somewhere. Whether round 0 is still chosen, a classic round finds
// out.
void Core::round_zero_lost(RoundZero& slot, uint32_t seen_round) {
  ONCE_ASSERT(slot.open && seen_round <= kMaxRound);
  const Entry& entry = acceptor_.at(slot.entry);
  sequencer_.close(slot);
  ONCE_ASSERT(acceptor_.active(entry) == sequencer_.active_of(slot));
  acceptor_.set_active(slot.entry, Active{});
  for (OpIndex op = slot.waiters.head; op != kNil; op = ops_[op].next) {
    if (ops_[op].block == nullptr) requests_.keep(ops_[op], entry.name(), entry.value());
  }
  // Where nobody waits any more, the next who asks for the name finds out.
  if (slot.waiters.empty() && !has_spare_tasks()) return;
  start_classic(slot.entry, slot.waiters, slot.batch, seen_round);
}

void Core::announce_progress() {
  ONCE_ASSERT(sequencer_.durable() < sequencer_.next());
  const bool moved = sequencer_.has_progressed();
  const auto& chosen = sequencer_.chosen();
  if (!moved && chosen.empty()) return;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    for (uint16_t core = 0; core < cluster_.peer(i).links.size(); ++core) {
      const Endpoint to{cluster_.member(i), CoreId{core}};
      if (moved)
        outbox_.send(to, RestsOn{}, HomeProgress{step_.incarnation(), sequencer_.durable().value});
      for (const auto& [first, last] : chosen) {
        outbox_.send(to, RestsOn{}, ChosenRange{step_.incarnation(), first.value, last.value});
      }
    }
  }
  for (const auto& [first, last] : chosen) {
    step_.append_news(
        ChosenRangeRecord{cluster_.self(), step_.incarnation(), first.value, last.value});
  }
  sequencer_.announced();
}

// The same state under the same ballot, to those who have not answered. The oldest come first.
void Core::resend_round_zero() {
  for (Sequence n = sequencer_.oldest_open(); n < sequencer_.next(); n = n.next()) {
    RoundZero& slot = sequencer_.at(n);
    if (slot.sent_at + kResendNs > step_.now()) return;
    if (!slot.open) continue;
    const Entry& entry = acceptor_.at(slot.entry);
    const Ballot ballot{0, cluster_.self().node, step_.incarnation()};
    // Nobody answers it, and soon there is no room for any other name.
    const bool in_the_way =
        sequencer_.half_full() && step_.now() - slot.begun > kRoundZeroPatienceNs;
    if (entry.accepted() != ballot || in_the_way) {
      round_zero_lost(slot, 0);
      continue;
    }
    ONCE_ASSERT(slot.sequence == n);
    slot.sent_at = step_.now();
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (!slot.votes.has(i) && !cluster_.is_self(i)) {
        outbox_.send(cluster_.peer_core(i, acceptor_.hash_of(entry)), RestsOn{}, accept_of(slot));
      }
    }
  }
}

}  // namespace once::paxos
