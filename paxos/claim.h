// The claim of a restarted home (DESIGN 3.2): which members have told the whole list of its names
// that they hold unsettled, page by page.
//
// Contract (H4): the claim is complete only when a majority has told all of its lists, each core
// that shares a shard with this one for itself, and each list in one ordering of it. A complete
// claim stays complete.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "paxos/cluster.h"

namespace once::paxos {

class Claim {
 public:
  // How far the list of one core was read.
  struct Page {
    uint64_t list = 0;  // its ordering; 0: not known
    uint64_t cursor = 0;
    bool told = false;  // all of it
  };
  enum class Answer : uint8_t {
    kNotAsked,    // late, or for another question
    kRenumbered,  // what was read may have gaps: it is asked for anew
    kExpected,
  };

  explicit Claim(const Cluster& cluster) : cluster_(cluster), pages_(cluster.size()) {}

  // A run begins. `nothing_lost`: it has no run before it whose accepts its disk could have lost.
  void begin(bool nothing_lost) {
    ONCE_ASSERT(!complete_);
    complete_ = nothing_lost;
    check();
  }
  bool is_complete() const { return complete_; }
  bool has_told_all(size_t member) const {
    ONCE_ASSERT(member < pages_.size());
    return cluster_.covers_shards(cluster_.peer(member).cores,
                                  [&](CoreId core) { return pages_[member][core.value].told; });
  }

  // Its link has come up: an answer may be lost. Of another number of cores nothing is told.
  void page_anew(const Endpoint& peer, uint16_t cores);
  // REQUIRES: its link was up once.
  const Page& page(const Endpoint& peer) const {
    ONCE_ASSERT(cluster_.has(peer.node));
    const auto& pages = pages_[cluster_.index_of(peer.node)];
    ONCE_ASSERT(peer.core.value < pages.size());
    return pages[peer.core.value];
  }
  Answer judge(const Endpoint& from, uint64_t list, uint64_t cursor);
  // REQUIRES: it was expected, and its names are closed.
  void take(const Endpoint& from, uint64_t list, uint64_t next, bool last);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  void check();
  Page& page_of(const Endpoint& peer) {
    ONCE_ASSERT(cluster_.has(peer.node));
    auto& pages = pages_[cluster_.index_of(peer.node)];
    ONCE_ASSERT(peer.core.value < pages.size());
    return pages[peer.core.value];
  }
  const Cluster& cluster_;
  std::vector<std::vector<Page>> pages_;  // by member index and core
  bool complete_ = false;
};

}  // namespace once::paxos
