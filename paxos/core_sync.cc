// What was decided without this node: told to others who lack it, and learned from them.
// docs/decisions/2026-11-29-catching-up.md has the rules.
#include "base/assert.h"
#include "paxos/contradiction.h"
#include "paxos/core.h"

namespace once::paxos {
namespace {

constexpr uint64_t kLogBehindRecords = 8192;
constexpr size_t kLogBehindBytes = 4 * 1024 * 1024;  // a quarter of what makes a log behind
constexpr size_t kBusyRequests = 64;

}  // namespace

// Requests come first, and their records.
Pace Core::sync_pace() const {
  if (room_.none() || step_.durable() == RecordNumber{}) return Pace::kNone;
  ONCE_ASSERT(step_.durable() <= step_.last_record());
  if (step_.last_record() - step_.durable() > kLogBehindRecords) return Pace::kNone;
  if (log_waiting_bytes_ > kLogBehindBytes) return Pace::kNone;
  ONCE_ASSERT(ops_.waits() <= ops_.used());
  return ops_.used() - ops_.waits() > kBusyRequests ? Pace::kModest : Pace::kFull;
}

void Core::tick_sync() {
  teller_.on_tick();
  catch_up_.on_tick(sync_pace());
  end_sync_step();
}

void Core::end_sync_step() {
  for (const EntryIndex index : catch_up_.decided()) learn_decided(index, InLog::kYes);
  for (const EntryIndex index : catch_up_.unfinished()) {
    const Entry& entry = acceptor_.at(index);
    const bool possible = has_spare_tasks() && !room_.none() && !entry.final() && entry.is_idle() &&
                          cluster_.majority_up(acceptor_.hash_of(entry));
    WaitList nobody;
    if (possible) begin_classic(index, nobody, Batch{}, Round{});
  }
  catch_up_.forget_found();
}

void Core::on_sync_fetch(const Endpoint& from, const SyncFetch& m, NameHash hash) {
  if (m.name.empty() || !cluster_.is_mine(hash))
    return trust_.ignore(&ReplicaCounters::ignored_names);
  teller_.on_fetch(from, m, hash);
}

void Core::on_sync_state(const Endpoint& from, const SyncState& m, NameHash hash) {
  if (m.name.empty() || !cluster_.is_mine(hash))
    return trust_.ignore(&ReplicaCounters::ignored_names);
  if (!is_whole(m.ballot, m.state) || (m.decided && m.ballot.is_null())) {
    return trust_.ignore(&ReplicaCounters::ignored_states);
  }
  const bool known = m.ballot.is_null() ||
                     (cluster_.has(m.ballot.node) && m.ballot.round <= kMaxRound &&
                      (!m.ballot.is_round_zero() || cluster_.home_of(hash) == m.ballot.node));
  if (!known) return trust_.ignore(&ReplicaCounters::ignored_ballots);
  if (!catch_up_.expects(from, m)) return;  // late, or nobody has asked
  const Taken taken = m.decided ? take_chosen(from, m, hash, Word::kOfOne) : Taken::kLater;
  if (catch_up_.on_state(from, m, taken) == Next::kLearn) {
    catch_up_.on_chosen(m, take_chosen(from, m, hash, Word::kOfAMajority));
  }
  end_sync_step();
}

// L1: below its promise an acceptor takes what was chosen, and nothing else.
Taken Core::take_chosen(const Endpoint& from, const SyncState& m, NameHash hash, Word word) {
  const EntryIndex found = acceptor_.find(hash.key, m.name);
  const Entry nothing;
  const Entry& entry = found == Table::kNone ? nothing : acceptor_.at(found);
  const bool denies = entry.decided() && entry.version() == m.state.version
                          ? !is_same(entry.state(), m.state)
                          : entry.final() && m.state.version > entry.version();
  if (denies || contradicts(entry, m.ballot, m.state)) {
    trust_.offend(Offence::kContradiction, from);
    return Taken::kDenied;
  }
  if (entry.decided() && entry.version() >= m.state.version) return Taken::kHeld;
  if (!entry.is_idle()) return Taken::kLater;
  const auto held = std::pair(entry.accepted(), entry.version());
  const auto told = std::pair(m.ballot, m.state.version);
  // What is sealed and chosen is carried on unchanged by every higher ballot.
  if (held == told || (told < held && m.state.sealed && is_same(entry.state(), m.state))) {
    // This node builds on what is decided under its own ballot, without asking anybody.
    if (word == Word::kOfOne && own_.is_not_earlier(entry.accepted())) return Taken::kUnproven;
    ONCE_ASSERT(found != Table::kNone);
    learn_decided(found, InLog::kYes);
    return Taken::kLearned;
  }
  if (told < held) return Taken::kHigher;
  // What this run has proposed itself its own acceptor holds.
  if (own_.is_not_earlier(m.ballot)) {
    trust_.ignore(&ReplicaCounters::ignored_ballots);
    return Taken::kDenied;
  }
  if (room_.none()) return Taken::kLater;
  const Round round = trust_.believed(from, hash, entry.promised().round, m.ballot.round);
  const EntryIndex index = acceptor_.find_or_insert(hash, m.name, m.state.value.size());
  if (round < m.ballot.round) {
    responder_.approach(index, m.ballot, round);
    return Taken::kLater;
  }
  const bool at_home = cluster_.home_of(hash) == from.node;
  acceptor_.learn(index, m.ballot, m.state, at_home ? AtHome::kYes : AtHome::kPerhaps);
  if (ops_.waits() != 0) wake(acceptor_.at(index));
  return Taken::kLearned;
}

}  // namespace once::paxos
