#include "paxos/fast_path.h"

namespace once::paxos {

bool FastPath::is_open(const Entry* entry) const {
  if (!claimant_.is_complete()) return false;
  return entry == nullptr || (entry->promised().is_null() && entry->accepted().is_null() &&
                              entry->is_idle() && !entry->has(kClosed));
}

RoundZero& FastPath::propose(EntryIndex index, const State& next, size_t changes) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(claimant_.is_complete() && entry.is_idle());  // H1
  const Ballot ballot = own_.round_zero();
  acceptor_.prefetch_active(index);
  if (changes != 0) {
    acceptor_.accept(index, ballot, next, Numbered{cluster_.self().core, sequencer_.next()});
  }
  ONCE_ASSERT(entry.accepted() == ballot && entry.version() == next.version);
  const NameHash hash = acceptor_.hash_of(entry);
  RoundZero& slot =
      sequencer_.open({.sequence = {},
                       .record = entry.record(),
                       .sent_at = step_.now(),
                       .begun = step_.now(),
                       .step = step_.number(),
                       .version = entry.version(),
                       .place = hash.place,
                       .batch = Batch{ballot, entry.version(), entry.writer(), changes},
                       .entry = index,
                       .votes = {},
                       .sealed = entry.has(kSealed),
                       .waiters = {}});
  acceptor_.set_active(index, sequencer_.active_of(slot));
  ONCE_ASSERT(slot.sealed == next.sealed);
  ONCE_ASSERT(slot.open && !entry.is_idle());
  outbox_.broadcast(hash, RestsOn{}, accept_of(slot));
  if (sequencer_.owes_progress()) announce();
  return slot;
}

Accept FastPath::accept_of(const RoundZero& slot) const {
  const Entry& entry = acceptor_.at(slot.entry);
  // P1: under its ballot nothing but the state that it was begun with.
  const Ballot ballot = own_.round_zero();
  ONCE_ASSERT(slot.open && entry.accepted() == ballot && entry.version() == slot.version);
  return Accept{slot.sequence.value, ballot, entry.state(), entry.name()};
}

void FastPath::announce() {
  ONCE_ASSERT(sequencer_.durable() < sequencer_.next());
  const bool moved = sequencer_.has_progressed();
  const auto& chosen = sequencer_.chosen();
  if (!moved && chosen.empty()) return;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    for (uint16_t core = 0; core < cluster_.peer(i).links.size(); ++core) {
      const Endpoint to{cluster_.member(i), CoreId{core}};
      if (moved)
        outbox_.send(to, RestsOn{}, HomeProgress{step_.incarnation(), sequencer_.durable()});
      for (const auto& [first, last] : chosen) {
        outbox_.send(to, RestsOn{}, ChosenRange{step_.incarnation(), first, last});
      }
    }
  }
  for (const auto& [first, last] : chosen) {
    step_.append_news(ChosenRangeRecord{cluster_.self(), step_.incarnation(), first, last});
  }
  sequencer_.announced();
}

void FastPath::close(RoundZero& slot) {
  sequencer_.close(slot);
  ONCE_ASSERT(acceptor_.active(acceptor_.at(slot.entry)) == sequencer_.active_of(slot));
  acceptor_.set_active(slot.entry, Active{});
}

RoundZero* FastPath::resend(Sequence& at) {
  while (at < sequencer_.next()) {
    RoundZero& slot = sequencer_.at(at);
    if (slot.sent_at + kResendNs > step_.now()) return nullptr;
    const Sequence n = at;
    at = at.next();
    if (!slot.open) continue;
    const Entry& entry = acceptor_.at(slot.entry);
    const Ballot ballot = own_.round_zero();
    // Nobody answers it, and soon there is no room for any other name.
    const bool in_the_way =
        sequencer_.half_full() && step_.now() - slot.begun > kRoundZeroPatienceNs;
    if (entry.accepted() != ballot || in_the_way) return &slot;
    ONCE_ASSERT(slot.sequence == n);
    slot.sent_at = step_.now();
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (!slot.votes.has(i) && !cluster_.is_self(i)) {
        outbox_.send(cluster_.peer_core(i, acceptor_.hash_of(entry)), RestsOn{}, accept_of(slot));
      }
    }
  }
  return nullptr;
}

}  // namespace once::paxos
