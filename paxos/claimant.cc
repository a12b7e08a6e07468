#include "paxos/claimant.h"

#include "base/bytes.h"

namespace once::paxos {

void Claimant::on_link_up(const Endpoint& peer, uint16_t cores) {
  claim_.page_anew(peer, cores);
  if (!claim_.is_complete()) ask(peer);
}

void Claimant::ask(const Endpoint& peer) {
  ONCE_ASSERT(peer.node != cluster_.self().node && !claim_.is_complete());
  const Claim::Page& page = claim_.page(peer);
  if (page.told) return;
  outbox_.send(peer, RestsOn{}, ClaimHome{step_.incarnation(), page.list, page.cursor});
}

bool Claimant::on_reply(const Endpoint& from, const ClaimReply& m) {
  if (m.incarnation != step_.incarnation()) return true;
  const Claim::Answer answer = claim_.judge(from, m.list, m.cursor);
  if (answer == Claim::Answer::kRenumbered) ask(from);
  if (answer != Claim::Answer::kExpected) return true;
  ByteReader in(m.names);
  while (in.remaining() > 0) {
    const std::string_view name = in.get_bytes(in.get<uint16_t>());
    if (!in.ok() || name.empty() || name.size() > kMaxNameBytes) {
      return false;
    }
    const NameHash hash = cluster_.hasher()(name);
    if (!cluster_.is_mine(hash) || cluster_.home_of(hash) != cluster_.self().node) continue;
    acceptor_.close(acceptor_.find_or_insert(hash, name));
  }
  claim_.take(from, m.list, m.next, m.last);
  ONCE_ASSERT(m.last || !claim_.is_complete());
  if (!m.last) ask(from);
  return true;
}

void Claimant::on_tick() {
  if (claim_.is_complete()) return;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    for (uint16_t core = 0; core < cluster_.peer(i).links.size(); ++core) {
      if (cluster_.peer(i).links[core].up) ask(Endpoint{cluster_.member(i), CoreId{core}});
    }
  }
}

}  // namespace once::paxos
