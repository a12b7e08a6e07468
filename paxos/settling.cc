#include "paxos/settling.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rarely.h"
#include "paxos/core_state.h"

namespace once::paxos {
namespace {

constexpr size_t kPageBytes = 32 * 1024;
constexpr uint64_t kLookedAtForAPage = 4096;

}  // namespace

bool Settling::on_claim_home(const Endpoint& from, const ClaimHome& m) {
  const size_t home = cluster_.index_of(from.node);
  ONCE_ASSERT(home < cluster_.size() && !cluster_.is_self(home));
  if (m.incarnation < acceptor_.range_promise(home)) {
    return false;
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
  // The range promise, and all that is reported, is in records up to this one.
  outbox_.send(from, RestsOn{step_.last_waited_for()}, reply);
  return true;
}

void Settling::query(size_t most) {
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

void Settling::on_settled(const Endpoint& from, const Settled& m, NameHash hash) {
  const EntryIndex found = acceptor_.find(hash.key, m.name);
  if (found == Table::kNone || cluster_.home_of(hash) != from.node) return;
  const Entry& entry = acceptor_.at(found);
  if (!entry.has(kUnsettled) || entry.accepted() > m.accepted) return;
  ONCE_ASSERT(from.node != cluster_.self().node);
  acceptor_.settle(found);
  ONCE_ASSERT(!entry.has(kUnsettled));
}

}  // namespace once::paxos
