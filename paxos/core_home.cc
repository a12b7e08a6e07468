// The home's round 0 (DESIGN 3.2): no prepare, because nothing lies below it. Its safety rests on
// this: round 0 is begun only for a name of which this acceptor knows nothing at all, and which no
// acceptor of the claim's majority reported as unsettled; and a ballot never carries two states of
// one version.
#include "paxos/core.h"

namespace once::paxos {

bool Core::round_zero_open(const Entry* entry) const {
  if (!claimed_) return false;
  return entry == nullptr || (entry->promised.is_null() && entry->accepted.is_null() &&
                              entry->active == 0 && !entry->has(kClosed));
}

// Entry's `active`: 0 nothing, odd: round 0 (sequence's ring index), even: task + 1.
uint32_t Core::active_round_zero(uint64_t sequence) const {
  return static_cast<uint32_t>(sequence & (ring_.size() - 1)) << 1 | 1;
}

bool Core::round_zero_full() const { return next_sequence_ - oldest_open_ >= ring_.size(); }

// Nothing when the state of the entry already is `next`: then this asks whether it still stands.
// REQUIRES: round 0 is open for the name or kept by this node, and there is room in the window.
void Core::propose_round_zero(uint32_t index, const State& next, size_t changes, WaitList& from) {
  ONCE_ASSERT(!round_zero_full());
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(entry.active == 0);
  const uint64_t sequence = next_sequence_++;
  const Ballot ballot{0, cluster_.self().node, incarnation_};
  if (changes != 0) {
    acceptor_.accept(index, ballot, next, Numbered{cluster_.self().core, sequence});
  }
  acceptor_.set_active(index, active_round_zero(sequence));
  RoundZero& slot = slot_of(sequence);
  ONCE_ASSERT(!slot.open);
  slot = RoundZero{.sequence = sequence,
                   .record = entry.record,
                   .sent_at = step_.now(),
                   .begun = step_.now(),
                   .step = step_.number(),
                   .version = entry.version,
                   .batch = Batch{ballot, entry.version, entry.writer(), changes},
                   .entry = index,
                   .votes = {},
                   .open = true,
                   .sealed = entry.has(kSealed),
                   .waiters = {}};
  ops_.move_all(from, slot.waiters);
  broadcast(acceptor_.hash_of(entry), RestsOn{}, accept_of(slot));
  if (next_sequence_ - announced_durable_ > ring_.size() / 2) announce_progress();
}

Accept Core::accept_of(const RoundZero& slot) {
  const Entry& entry = acceptor_.at(slot.entry);
  return Accept{slot.sequence, Ballot{0, cluster_.self().node, incarnation_}, entry.state(),
                entry.name()};
}

void Core::on_accepted_range(const Endpoint& from, const AcceptedRange& m) {
  if (m.incarnation != incarnation_) return;  // of an earlier run: never counted
  if (m.first == 0 || m.last < m.first || m.last >= next_sequence_) {
    ++counters_.ignored_messages;
    return;
  }
  const Votes vote = cluster_.vote_of(from.node);
  for (uint64_t sequence = std::max(m.first, oldest_open_); sequence <= m.last; ++sequence) {
    RoundZero& slot = slot_of(sequence);
    if (slot.open && slot.sequence == sequence) vote_round_zero(slot, vote);
  }
  advance_window();
}

void Core::vote_round_zero(RoundZero& slot, Votes vote) {
  slot.votes.add(vote);
  if (!cluster_.is_quorum(slot.votes)) return;
  const Entry& entry = acceptor_.at(slot.entry);
  ONCE_ASSERT(entry.version >= 1 && !entry.accepted.is_null());
  slot.open = false;
  if (entry.active == active_round_zero(slot.sequence)) acceptor_.set_active(slot.entry, 0);
  (slot.batch.size == 0 ? counters_.confirmations : counters_.fast_path_writes) += 1;
  count_changes(slot.batch);
  if (!chosen_.empty() && chosen_.back().second + 1 == slot.sequence) {
    chosen_.back().second = slot.sequence;
  } else {
    chosen_.emplace_back(slot.sequence, slot.sequence);
  }
  // A takeover may have moved the entry on meanwhile. What is sealed goes on unchanged; of anything
  // else this knows only that its own changes were made.
  const bool here = entry.accepted == Ballot{0, cluster_.self().node, incarnation_} &&
                    entry.version == slot.version;
  if (here || slot.sealed) {
    learn_decided(slot.entry, InLog::kNo);
    answer_chosen(slot.waiters, entry.state(), slot.step);
  } else {
    answer_made(slot.waiters);
    ask_for_waiters(acceptor_.hash_of(entry), entry.name(), slot.version);
  }
  go_on(slot.entry, slot.waiters, slot.batch.size, step_.now() - slot.sent_at);
}

// A higher ballot was promised somewhere. Whether round 0 is still chosen, a classic round finds
// out.
void Core::round_zero_lost(RoundZero& slot, uint32_t seen_round) {
  const Entry& entry = acceptor_.at(slot.entry);
  slot.open = false;
  if (entry.active == active_round_zero(slot.sequence)) acceptor_.set_active(slot.entry, 0);
  for (uint32_t op = slot.waiters.head; op != kNil; op = ops_[op].next) {
    if (ops_[op].block == nullptr) keep_request(ops_[op], entry.name(), entry.value());
  }
  // Where nobody waits any more, the next who asks for the name finds out.
  if (slot.waiters.empty() && !has_spare_tasks()) return;
  start_classic(slot.entry, slot.waiters, slot.batch, seen_round);
}

void Core::advance_window() {
  while (oldest_open_ < next_sequence_ && !slot_of(oldest_open_).open &&
         oldest_open_ <= self_voted_) {
    ++oldest_open_;
  }
}

void Core::announce_progress() {
  const bool moved = self_voted_ > announced_durable_;
  if (!moved && chosen_.empty()) return;
  announced_durable_ = self_voted_;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    for (uint16_t core = 0; core < cluster_.peer(i).links.size(); ++core) {
      const Endpoint to{cluster_.member(i), CoreId{core}};
      if (moved) send(to, RestsOn{}, HomeProgress{incarnation_, self_voted_});
      for (auto [first, last] : chosen_)
        send(to, RestsOn{}, ChosenRange{incarnation_, first, last});
    }
  }
  for (auto [first, last] : chosen_) {
    step_.append(ChosenRangeRecord{cluster_.self(), incarnation_, first, last});
  }
  chosen_.clear();
}

// Nobody answers it, and soon there is no room for any other name.
bool Core::stands_in_the_way(const RoundZero& slot) const {
  const bool half_full = next_sequence_ - oldest_open_ > ring_.size() / 2;
  return half_full && step_.now() - slot.begun > kRoundZeroPatienceNs;
}

// The same state under the same ballot, to those who have not answered. The oldest come first.
void Core::resend_round_zero() {
  for (uint64_t sequence = oldest_open_; sequence < next_sequence_; ++sequence) {
    RoundZero& slot = slot_of(sequence);
    if (slot.sent_at + kResendNs > step_.now()) return;
    if (!slot.open) continue;
    const Entry& entry = acceptor_.at(slot.entry);
    const Ballot ballot{0, cluster_.self().node, incarnation_};
    if (entry.accepted != ballot || stands_in_the_way(slot)) {
      round_zero_lost(slot, 0);
      continue;
    }
    slot.sent_at = step_.now();
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (!slot.votes.has(i) && !cluster_.is_self(i)) {
        send(cluster_.peer_core(i, acceptor_.hash_of(entry)), RestsOn{}, accept_of(slot));
      }
    }
  }
}

}  // namespace once::paxos
