// The acceptor: promises and accepts, durable before they are said; what it learns of decisions.
#include "paxos/contradiction.h"
#include "paxos/core.h"

namespace once::paxos {

// The round to go to, of a name that is known to be at `known` and told to be at `told`.
uint32_t Core::believed(const Endpoint& from, NameHash hash, uint32_t known, uint32_t told) {
  if (told <= known) return told;
  const uint32_t rounds = believed_rounds_.spend(hash.key, told - known, step_.now());
  ONCE_ASSERT(rounds <= told - known);
  if (rounds < told - known) offend(Offence::kFarBallot, from);
  return known + rounds;
}

// A ballot further ahead than is believed burns no rounds; but the name may truly be there. It is
// approached, as far as is believed, by a promise that nobody asked for, and nothing is said:
// whoever asks again finds us nearer.
void Core::approach(EntryIndex index, const Ballot& ballot, uint32_t round) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(round <= kMaxRound && round >= entry.promised().round && round < ballot.round);
  if (round == entry.promised().round) return;
  acceptor_.promise(index, Ballot{round, ballot.node, ballot.incarnation});
}

// What a Prepare and an Accept have in common: the name gets its entry, and a ballot below the
// promise is told so. False: refused, or too far ahead.
template <class M>
bool Core::admit(const Endpoint& from, const M& m, NameHash hash, size_t room, EntryIndex& index) {
  if (index == Table::kNone) {
    if (no_room()) return false;
    index = acceptor_.insert(hash, m.name, room);
  }
  const Entry& entry = acceptor_.at(index);
  if (m.ballot >= entry.promised()) {
    const uint32_t round = believed(from, hash, entry.promised().round, m.ballot.round);
    if (round < m.ballot.round) approach(index, m.ballot, round);
    return round == m.ballot.round;
  }
  ++counters_.rejected;
  ONCE_ASSERT(entry.promised() > m.ballot);
  outbox_.send(from, RestsOn{entry.record().value}, Rejected{m.op, m.ballot, entry.promised()});
  return false;
}

void Core::on_prepare(const Endpoint& from, const Prepare& m, NameHash hash) {
  EntryIndex index = acceptor_.find(hash.key, m.name);
  // The round after the highest could be the lowest.
  if (m.ballot.node != from.node || m.ballot.round == 0 || m.ballot.round > kMaxRound) {
    return ignore(&ReplicaCounters::ignored_ballots);
  }
  if (m.name.empty() || !cluster_.is_mine(hash)) return ignore(&ReplicaCounters::ignored_names);
  if (!admit(from, m, hash, 0, index)) return;
  const Entry& entry = acceptor_.at(index);
  if (entry.promised() < m.ballot) acceptor_.promise(index, m.ballot);
  ONCE_ASSERT(entry.promised() == m.ballot && entry.accepted() <= m.ballot);  // P2
  outbox_.send(from, RestsOn{entry.record().value},
               Promise{m.op, m.ballot, entry.accepted(),
                       entry.accepted().is_null() ? State{} : entry.state()});
}

void Core::on_accept(const Endpoint& from, const Accept& m, NameHash hash) {
  EntryIndex index = acceptor_.find(hash.key, m.name);
  const bool round_zero = m.ballot.round == 0;
  if (m.ballot.node != from.node || m.ballot.round > kMaxRound) {
    return ignore(&ReplicaCounters::ignored_ballots);
  }
  if (m.name.empty() || !cluster_.is_mine(hash)) return ignore(&ReplicaCounters::ignored_names);
  if (m.state.version == 0 || m.state.version > kMaxVersion) {
    return ignore(&ReplicaCounters::ignored_states);
  }
  if (round_zero && cluster_.home_of(hash) != from.node) {
    return ignore(&ReplicaCounters::ignored_ballots);
  }
  if (round_zero && m.op == 0) return ignore(&ReplicaCounters::ignored_numbers);
  // The range promise stands for a promise of (0, home, incarnation) on each of its names.
  // An incarnation that another has followed is refused too: its lane is gone.
  if (round_zero && (m.ballot.incarnation < acceptor_.range_promise(cluster_.index_of(from.node)) ||
                     m.ballot.incarnation < lanes_.of(from, m.ballot.incarnation).incarnation)) {
    ++counters_.rejected;
    return;
  }
  if (index != Table::kNone && contradicts(acceptor_.at(index), m.ballot, m.state)) {
    return offend(Offence::kContradiction, from);
  }
  if (!admit(from, m, hash, m.state.value.size(), index)) return;
  const Entry& entry = acceptor_.at(index);
  if (m.ballot == entry.accepted() && m.state.version <= entry.version()) {
    if (m.state.version == entry.version()) acknowledge(from, m, entry.record());
    return;  // else it is late: its proposer has gone on
  }
  // A name that is set may be finished without room, not be given more and more versions.
  if (no_room() && entry.version() != 0 && m.state.version > entry.version()) return;
  if (memory_ >= Memory::kLow && entry.version() == 0) return;
  keep_proposed(entry);
  acceptor_.accept(index, m.ballot, m.state, Numbered{from.core, Sequence{round_zero ? m.op : 0}});
  if (round_zero) {
    lanes_.note_accept(lanes_.of(from, m.ballot.incarnation), Sequence{m.op}, index,
                       m.state.version);
  } else {
    acceptor_.list_unsettled(index);
  }
  ONCE_ASSERT(entry.accepted() == m.ballot && entry.version() == m.state.version);
  acknowledge(from, m, entry.record());
}

// The value of a round-0 proposal stands in the entry alone. Before another takes its place,
// whoever proposed it gets a copy: under its request id nothing else may ever be proposed.
void Core::keep_proposed(const Entry& entry) {
  const Active active = acceptor_.active(entry);
  const bool proposed = active.kind() == Active::Kind::kRoundZero;
  if (!proposed || entry.accepted() != Ballot{0, cluster_.self().node, step_.incarnation()}) return;
  const RoundZero& slot = sequencer_.at_place(active.round_zero());
  for (OpIndex op = slot.waiters.head; op != kNil; op = ops_[op].next) {
    ONCE_ASSERT(ops_[op].list == &slot.waiters);
    if (ops_[op].block == nullptr) requests_.keep(ops_[op], entry.name(), entry.value());
  }
}

// Round-0 accepts are acknowledged by ranges of the home's sequence numbers, once a step.
void Core::acknowledge(const Endpoint& from, const Accept& m, RecordNumber record) {
  ONCE_ASSERT(record <= step_.last_record() && m.ballot.node == from.node);
  if (m.ballot.round != 0) {
    outbox_.send(from, RestsOn{record.value}, Accepted{m.op, m.ballot, m.state.version});
    return;
  }
  lanes_.acknowledge(lanes_.of(from, m.ballot.incarnation), Sequence{m.op}, record);
}

// The one place where news of a decision are drained.
void Core::learn_decided(EntryIndex index, InLog in_log) {
  ONCE_ASSERT(!acceptor_.at(index).accepted().is_null());
  if (acceptor_.decide(index, in_log) && ops_.waits() != 0) wake(acceptor_.at(index));
}

void Core::on_home_progress(const Endpoint& from, const HomeProgress& m) {
  Lane& lane = lanes_.of(from, m.incarnation);
  const Sequence durable{m.durable};
  if (lane.incarnation != m.incarnation || durable <= lane.durable) return;
  lane.durable = durable;
  step_.append_news(HomeProgressRecord{from, m.incarnation, m.durable});
}

void Core::on_chosen_range(const Endpoint& from, const ChosenRange& m) {
  if (m.first == 0 || m.last < m.first) {
    return ignore(&ReplicaCounters::ignored_numbers);
  }
  Lane& lane = lanes_.of(from, m.incarnation);
  if (lane.incarnation != m.incarnation || rarely(Rare::kNewsMissed)) return;
  mark_chosen(lane, {Sequence{m.first}, Sequence{m.last}});
  step_.append_news(ChosenRangeRecord{from, m.incarnation, m.first, m.last});
}

void Core::mark_chosen(const Lane& lane, const SequenceRange& range) {
  const Ballot ballot{0, lane.home.node, lane.incarnation};
  ONCE_ASSERT(!ballot.is_null());
  lanes_.for_each(lane, range, [&](EntryIndex index, uint64_t version) {
    const Entry& entry = acceptor_.at(index);
    if (entry.accepted() != ballot) return;
    if (entry.version() == version) {
      learn_decided(index, InLog::kNo);
    } else {
      ask_for_waiters(acceptor_.hash_of(entry), entry.name(), version);
    }
  });
}

// Whoever had a majority tells of his own ballot, and nothing is never decided.
void Core::on_decided(const Endpoint& from, const Decided& m, NameHash hash) {
  if (m.ballot.node != from.node) return ignore(&ReplicaCounters::ignored_ballots);
  if (m.version == 0) return ignore(&ReplicaCounters::ignored_states);
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

void Core::on_read_state(const Endpoint& from, const ReadState& m, NameHash hash) {
  // Asked of the wrong core, by who does not know yet how many we have now: not to know a name of
  // another core is not to hold nothing.
  if (!cluster_.is_mine(hash)) {
    return ignore(&ReplicaCounters::ignored_names);
  }
  const EntryIndex index = acceptor_.find(hash.key, m.name);
  if (index == Table::kNone || acceptor_.at(index).accepted().is_null()) {
    outbox_.send(from, RestsOn{}, ReadReply{m.op, false, Ballot{}, State{}});
    return;
  }
  const Entry& entry = acceptor_.at(index);
  outbox_.send(from, RestsOn{entry.record().value},
               ReadReply{m.op, entry.decided(), entry.accepted(), entry.state()});
}

}  // namespace once::paxos
