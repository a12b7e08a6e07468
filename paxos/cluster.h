// Who takes part, as one core sees it: the members and where each name lives among them, and which
// of their cores can be reached.
//
// Contract: members and homes are the same for the whole run, and the same on every node. What is
// up is only a hint, whom to ask: no answer and no vote depends on it.
#pragma once

#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "paxos/hedge.h"
#include "paxos/name_hasher.h"
#include "paxos/peer.h"
#include "paxos/replica.h"
#include "paxos/votes.h"

namespace once::paxos {

class Cluster {
 public:
  explicit Cluster(const ReplicaOptions& options);

  size_t size() const { return members_.size(); }
  const Endpoint& self() const { return self_; }
  NodeId member(size_t index) const {
    ONCE_ASSERT(index < size());
    return members_[index];
  }
  size_t index_of(NodeId node) const {  // size() when unknown
    size_t i = 0;
    while (i < members_.size() && members_[i] != node) ++i;
    return i;
  }
  bool has(NodeId node) const { return index_of(node) < size(); }
  bool is_self(size_t index) const { return member(index) == self_.node; }

  size_t quorum() const { return Votes::majority_of(size()); }
  bool is_quorum(Votes votes) const { return votes.is_majority_of(size()); }
  Votes vote_of(NodeId node) const {
    const size_t index = index_of(node);
    ONCE_ASSERT(index < size());
    return Votes::of(index);
  }

  const NameHasher& hasher() const { return hasher_; }
  uint16_t shards() const { return shard_count_; }
  bool is_mine(ShardId shard) const { return core_of(shard, cores_) == self_.core; }
  NodeId home_of(NameHash hash) const;
  bool is_mine(NameHash hash) const;  // of a shard of this core
  CoreId core_of_name(std::string_view name) const;
  // The core of this member that has the name; of whom nothing was heard: his first one.
  Endpoint peer_core(size_t member, NameHash hash) const;

  Peer& peer(size_t member) {
    ONCE_ASSERT(member < size());
    return peers_[member];
  }
  const Peer& peer(size_t member) const {
    ONCE_ASSERT(member < size());
    return peers_[member];
  }
  // False: no node is like that.
  bool set_up(const Endpoint& peer, uint16_t cores, int64_t now_ns);
  void set_down(const Endpoint& peer, int64_t now_ns);
  bool link_up(const Endpoint& peer) const;
  bool majority_up(NameHash hash) const;  // this node and those it can ask about the name
  // It said that it has no room, and is taken to have none until then.
  void note_full(const Endpoint& peer, int64_t until_ns);
  bool may_have_room(const Endpoint& peer, int64_t now_ns) const;  // and can be reached
  int64_t links_changed_at() const { return links_changed_at_; }
  // Whether a member of `cores` cores has answered with each that shares a shard with this core.
  template <class Answered>
  bool covers_shards(uint16_t cores, Answered answered) const {
    if (cores == 0) return false;
    ONCE_ASSERT(cores <= kMaxCores && cores_ > 0);
    for (uint16_t shard = 0; shard < shard_count_; ++shard) {
      if (core_of(ShardId{shard}, cores_) != self_.core) continue;
      if (!answered(core_of(ShardId{shard}, cores))) return false;
    }
    return true;
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  const Endpoint self_;
  const uint16_t cores_;  // of this node
  const uint16_t shard_count_;
  const std::vector<NodeId> members_;  // by slot
  const NameHasher hasher_;
  std::vector<Peer> peers_;  // by member index
  int64_t links_changed_at_ = 0;
};

}  // namespace once::paxos
