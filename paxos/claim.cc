#include "paxos/claim.h"

#include "base/assert.h"

namespace once::paxos {

void Claim::page_anew(const Endpoint& peer, uint16_t cores) {
  ONCE_ASSERT(cluster_.has(peer.node) && peer.core.value < cores);
  auto& pages = pages_[cluster_.index_of(peer.node)];
  if (pages.size() != cores) pages.assign(cores, Page{});
  page_of(peer) = Page{};
}

Claim::Answer Claim::judge(const Endpoint& from, uint64_t list, uint64_t cursor) {
  ONCE_ASSERT(cluster_.has(from.node));
  if (complete_ || from.core.value >= pages_[cluster_.index_of(from.node)].size()) {
    return Answer::kNotAsked;
  }
  Page& page = page_of(from);
  if (page.told) return Answer::kNotAsked;
  if (cursor != page.cursor || (page.list != 0 && list != page.list)) {
    if (list == page.list) return Answer::kNotAsked;
    page = Page{};
    return Answer::kRenumbered;
  }
  return Answer::kExpected;
}

void Claim::take(const Endpoint& from, uint64_t list, uint64_t next, bool last) {
  Page& page = page_of(from);
  ONCE_ASSERT(!complete_ && !page.told);
  ONCE_ASSERT(page.list == 0 || page.list == list);
  page = Page{list, next, last};
  if (last) check();
}

void Claim::check() {
  Votes votes = cluster_.vote_of(cluster_.self().node);
  for (size_t i = 0; i < cluster_.size(); ++i) {
    if (has_told_all(i)) votes.add(Votes::of(i));
  }
  ONCE_ASSERT(votes.count() <= cluster_.size());
  if (cluster_.is_quorum(votes)) complete_ = true;
}

}  // namespace once::paxos
