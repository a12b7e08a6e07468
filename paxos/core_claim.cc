// The claim of a restarted home, and the unsettled lists that answer it (DESIGN 3.2).
// Every name on any list of the claim's majority is closed to round 0 for this incarnation and goes
// through a normal prepare, which proposes on whatever was accepted.
#include "base/bytes.h"
#include "paxos/core.h"

namespace once::paxos {

constexpr size_t kPageBytes = 32 * 1024;
constexpr uint64_t kLookedAtForAPage = 4096;
constexpr size_t kQueriedAtOnce = 256;       // names of a home, by each slow tick
constexpr size_t kQueriedAtOnceIdle = 1024;  // the same while nobody waits

void Core::claim_from(const Endpoint& peer) {
  ONCE_ASSERT(peer.node != cluster_.self().node && !claim_.is_complete());
  const Claim::Page& page = claim_.page(peer);
  if (page.told) return;
  outbox_.send(peer, RestsOn{}, ClaimHome{step_.incarnation(), page.list, page.cursor});
}

void Core::on_claim_home(const Endpoint& from, const ClaimHome& m) {
  const size_t home = cluster_.index_of(from.node);
  if (m.incarnation < acceptor_.range_promise(home)) {
    ++counters_.rejected;
    return;
  }
  if (m.incarnation > acceptor_.range_promise(home)) acceptor_.promise_range(home, m.incarnation);
  // Each time, not only with the promise: after a restart the promise is known and the list is not.
  lanes_.end_before(from.node, m.incarnation);
  if (rarely(Rare::kListRenumbered)) acceptor_.renumber(home);
  ONCE_ASSERT(acceptor_.range_promise(home) == m.incarnation);  // H2
  const UnsettledList& list = acceptor_.unsettled(home);
  ClaimReply reply{m.incarnation, list.number, 0, 0, false, {}};
  std::vector<char> names;
  if (m.list == list.number || m.cursor == 0) {
    acceptor_.set_paging_until(home, step_.now() + 1000 * kMs);
    uint64_t at = m.cursor;
    ByteWriter out(names);
    const size_t page_bytes = rarely(Rare::kClaimPageShort) ? 1 : kPageBytes;
    const uint64_t end = m.cursor + kLookedAtForAPage;
    for (; at < std::min<uint64_t>(end, list.entries.size()) && names.size() < page_bytes; ++at) {
      const Entry& entry = acceptor_.at(list.entries[at]);
      if (!entry.has(kUnsettled)) continue;
      out.put(entry.name_size());
      out.put_bytes(entry.name());
    }
    ONCE_ASSERT(names.size() < kPageBytes + kMaxNameBytes + sizeof(uint16_t));
    reply.cursor = m.cursor;
    reply.next = at;
    reply.last = at >= list.entries.size();
    if (reply.last) acceptor_.set_paging_until(home, 0);
  }
  char* block = acceptor_.arena().allocate(names.size());
  std::copy(names.begin(), names.end(), block);
  acceptor_.arena().free(block, names.size());  // readable until the next step
  reply.names = {block, names.size()};
  // The range promise, and all that is reported, is in records up to the last.
  outbox_.send(from, RestsOn{step_.last_record().value}, reply);
}

void Core::on_claim_reply(const Endpoint& from, const ClaimReply& m) {
  if (m.incarnation != step_.incarnation()) return;
  const Claim::Answer answer = claim_.judge(from, m.list, m.cursor);
  if (answer == Claim::Answer::kRenumbered) claim_from(from);
  if (answer != Claim::Answer::kExpected) return;
  ByteReader in(m.names);
  while (in.remaining() > 0) {
    const std::string_view name = in.get_bytes(in.get<uint16_t>());
    if (!in.ok() || name.empty() || name.size() > kMaxNameBytes) {
      return ignore(&ReplicaCounters::ignored_names);
    }
    const NameHash hash = cluster_.hasher()(name);
    if (!cluster_.is_mine(hash) || cluster_.home_of(hash) != cluster_.self().node) continue;
    acceptor_.close(acceptor_.find_or_insert(hash, name));
  }
  claim_.take(from, m.list, m.next, m.last);
  ONCE_ASSERT(m.last || !claim_.is_complete());
  if (!m.last) claim_from(from);
}

void Core::tick_claim() {
  if (claim_.is_complete()) return;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    for (uint16_t core = 0; core < cluster_.peer(i).links.size(); ++core) {
      if (cluster_.peer(i).links[core].up) claim_from(Endpoint{cluster_.member(i), CoreId{core}});
    }
  }
}

// Asks each home about a few names, so that lists shrink again after takeovers and crashes.
void Core::query_unsettled() {
  const size_t most = sync_pace() == Pace::kFull ? kQueriedAtOnceIdle : kQueriedAtOnce;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    const UnsettledList& list = acceptor_.unsettled(i);
    ONCE_ASSERT(!cluster_.is_self(i) || list.entries.empty());
    if (list.paging_until > step_.now()) continue;
    for (size_t n = std::min(most, list.entries.size()); n > 0; --n) {
      const EntryIndex index = acceptor_.next_queried(i);
      if (index == Acceptor::kNone) continue;
      const Entry& entry = acceptor_.at(index);
      outbox_.send(cluster_.peer_core(i, acceptor_.hash_of(entry)), RestsOn{},
                   SettleQuery{entry.promised(), entry.accepted(), entry.name()});
    }
  }
}

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
  if (!named || !member || no_room() || !cluster_.majority_up(hash)) return;
  const EntryIndex index = acceptor_.find_or_insert(hash, m.name);
  if (m.promised.round > kMaxRound) return;
  if (has_spare_tasks()) {  // finish the name: that leaves what was asked for on our disk
    WaitList nobody;
    const uint32_t known = acceptor_.at(index).promised().round;
    begin_classic(index, nobody, Batch{}, believed(from, hash, known, m.promised.round));
  }
}

void Core::on_settled(const Endpoint& from, const Settled& m, NameHash hash) {
  const EntryIndex found = acceptor_.find(hash.key, m.name);
  if (found == Table::kNone || cluster_.home_of(hash) != from.node) return;
  const Entry& entry = acceptor_.at(found);
  if (!entry.has(kUnsettled) || entry.accepted() > m.accepted) return;
  ONCE_ASSERT(from.node != cluster_.self().node);
  acceptor_.settle(found);
}

}  // namespace once::paxos
