#include "paxos/responder.h"

#include "base/rarely.h"
#include "paxos/change.h"
#include "paxos/contradiction.h"

namespace once::paxos {

void Responder::approach(EntryIndex index, const Ballot& ballot, Round round) {
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(round <= kMaxRound && round >= entry.promised().round && round < ballot.round);
  if (round == entry.promised().round) return;
  acceptor_.promise(index, Ballot{round, ballot.node, ballot.incarnation});
}

// What a Prepare and an Accept have in common: the name gets its entry, and a ballot below the
// promise is told so. False: refused, or too far ahead.
template <class M>
bool Responder::admit(const Endpoint& from, const M& m, NameHash hash, size_t room,
                      EntryIndex& index) {
  if (index == Table::kNone) {
    if (room_.none()) return false;
    index = acceptor_.insert(hash, m.name, room);
  }
  const Entry& entry = acceptor_.at(index);
  if (m.ballot >= entry.promised()) {
    const Round round = trust_.believed(from, hash, entry.promised().round, m.ballot.round);
    if (round < m.ballot.round) approach(index, m.ballot, round);
    return round == m.ballot.round;
  }
  ++counters_.rejected;
  ONCE_ASSERT(entry.promised() > m.ballot);
  outbox_.send(from, RestsOn{entry.record()}, Rejected{m.op, m.ballot, entry.promised()});
  return false;
}

void Responder::on_prepare(const Endpoint& from, const Prepare& m, NameHash hash) {
  EntryIndex index = acceptor_.find(hash.key, m.name);
  // The round after the highest could be the lowest.
  if (m.ballot.node != from.node || m.ballot.is_round_zero() || m.ballot.round > kMaxRound) {
    return trust_.ignore(&ReplicaCounters::ignored_ballots);
  }
  if (m.name.empty() || !cluster_.is_mine(hash))
    return trust_.ignore(&ReplicaCounters::ignored_names);
  if (!admit(from, m, hash, 0, index)) return;
  const Entry& entry = acceptor_.at(index);
  if (entry.promised() < m.ballot) acceptor_.promise(index, m.ballot);
  ONCE_ASSERT(entry.promised() == m.ballot && entry.accepted() <= m.ballot);  // P2
  outbox_.send(from, RestsOn{entry.record()},
               Promise{m.op, m.ballot, entry.accepted(),
                       entry.accepted().is_null() ? State{} : entry.state()});
}

// Why no honest node proposes that; null: one may.
uint64_t ReplicaCounters::*Responder::flaw_of(const Endpoint& from, const Accept& m,
                                              NameHash hash) const {
  if (m.ballot.node != from.node || m.ballot.round > kMaxRound) {
    return &ReplicaCounters::ignored_ballots;
  }
  if (m.name.empty() || !cluster_.is_mine(hash)) return &ReplicaCounters::ignored_names;
  if (m.state.version == 0 || m.state.version > kMaxVersion) {
    return &ReplicaCounters::ignored_states;
  }
  const bool round_zero = m.ballot.is_round_zero();
  if (round_zero && cluster_.home_of(hash) != from.node) {
    return &ReplicaCounters::ignored_ballots;
  }
  return round_zero && m.op == 0 ? &ReplicaCounters::ignored_numbers : nullptr;
}

EntryIndex Responder::on_accept(const Endpoint& from, const Accept& m, NameHash hash) {
  EntryIndex index = acceptor_.find(hash.key, m.name);
  if (const auto flaw = flaw_of(from, m, hash)) {
    trust_.ignore(flaw);
    return kNil;
  }
  const bool round_zero = m.ballot.is_round_zero();
  // The range promise stands for a promise of (0, home, incarnation) on each of its names.
  // An incarnation that another has followed is refused too: its lane is gone.
  if (round_zero && (m.ballot.incarnation < acceptor_.range_promise(cluster_.index_of(from.node)) ||
                     m.ballot.incarnation < lanes_.of(from, m.ballot.incarnation).incarnation)) {
    ++counters_.rejected;
    return kNil;
  }
  if (index != Table::kNone && contradicts(acceptor_.at(index), m.ballot, m.state)) {
    trust_.offend(Offence::kContradiction, from);
    return kNil;
  }
  if (!admit(from, m, hash, m.state.value.size(), index)) return kNil;
  const Entry& entry = acceptor_.at(index);
  if (m.ballot == entry.accepted() && m.state.version <= entry.version()) {
    if (m.state.version == entry.version()) acknowledge(from, m, entry.record());
    return kNil;  // else it is late: its proposer has gone on
  }
  // A name that is set may be finished without room, not be given more and more versions.
  if (room_.none() && entry.version() != 0 && m.state.version > entry.version()) return kNil;
  if (room_.memory >= Memory::kLow && entry.version() == 0) return kNil;
  return index;
}

void Responder::accept(const Endpoint& from, const Accept& m, NameHash hash, EntryIndex index) {
  const Entry& entry = acceptor_.at(index);
  const bool round_zero = m.ballot.is_round_zero();
  acceptor_.accept(index, m.ballot, m.state, Numbered{from.core, Sequence{round_zero ? m.op : 0}});
  if (round_zero) {
    lanes_.note_accept(lanes_.of(from, m.ballot.incarnation), Sequence{m.op}, index,
                       m.state.version, hash.place);
  } else {
    acceptor_.list_unsettled(index);
  }
  ONCE_ASSERT(entry.accepted() == m.ballot && entry.version() == m.state.version);
  acknowledge(from, m, entry.record());
}

// Round-0 accepts are acknowledged by ranges of the home's sequence numbers, once a step.
void Responder::acknowledge(const Endpoint& from, const Accept& m, RecordNumber record) {
  ONCE_ASSERT(record <= step_.last_record() && m.ballot.node == from.node);
  if (!m.ballot.is_round_zero()) {
    outbox_.send(from, RestsOn{record}, Accepted{m.op, m.ballot, m.state.version});
    return;
  }
  lanes_.acknowledge(lanes_.of(from, m.ballot.incarnation), Sequence{m.op}, record);
}

void Responder::on_home_progress(const Endpoint& from, const HomeProgress& m) {
  Lane& lane = lanes_.of(from, m.incarnation);
  const Sequence durable = m.durable;
  if (lane.incarnation != m.incarnation || durable <= lane.durable) return;
  lane.durable = durable;
  step_.append_news(HomeProgressRecord{from, m.incarnation, m.durable});
}

void Responder::on_read_state(const Endpoint& from, const ReadState& m, NameHash hash) {
  // Asked of the wrong core, by who does not know yet how many we have now: not to know a name of
  // another core is not to hold nothing.
  if (!cluster_.is_mine(hash)) {
    return trust_.ignore(&ReplicaCounters::ignored_names);
  }
  const EntryIndex index = acceptor_.find(hash.key, m.name);
  if (index == Table::kNone || acceptor_.at(index).accepted().is_null()) {
    outbox_.send(from, RestsOn{}, ReadReply{m.op, false, Ballot{}, State{}});
    return;
  }
  const Entry& entry = acceptor_.at(index);
  outbox_.send(from, RestsOn{entry.record()},
               ReadReply{m.op, entry.decided(), entry.accepted(), entry.state()});
}

}  // namespace once::paxos
