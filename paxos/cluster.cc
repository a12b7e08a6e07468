#include "paxos/cluster.h"

#include "base/assert.h"

namespace once::paxos {

Cluster::Cluster(const ReplicaOptions& options)
    : self_(options.self),
      cores_(options.cores),
      shard_count_(options.shard_count),
      members_(options.members),
      hasher_(options.hash_seed, options.index_key),
      peers_(members_.size()) {
  ONCE_ASSERT(!members_.empty() && members_.size() <= kMaxNodes);
  ONCE_ASSERT(has(self_.node));
  ONCE_ASSERT(cores_ >= 1 && self_.core.value < cores_ && cores_ <= kMaxCores);
  ONCE_ASSERT(shard_count_ >= 1);
}

bool Cluster::is_mine(NameHash hash) const {
  return core_of(shard_of(hash.place, shard_count_), cores_) == self_.core;
}

CoreId Cluster::core_of_name(std::string_view name) const {
  return core_of(shard_of(hasher_.place_of(name), shard_count_), cores_);
}

NodeId Cluster::home_of(NameHash hash) const {
  const auto members = static_cast<uint32_t>(members_.size());
  return member(home_slot_of(hash.place, members).value);
}

Endpoint Cluster::peer_core(size_t member, NameHash hash) const {
  const uint16_t cores = peer(member).cores;
  if (cores == 0) return Endpoint{members_[member], CoreId{0}};
  return Endpoint{members_[member], core_of(shard_of(hash.place, shard_count_), cores)};
}

bool Cluster::link_up(const Endpoint& peer) const {
  const Peer& p = this->peer(index_of(peer.node));
  return peer.core.value < p.links.size() && p.links[peer.core.value].up;
}

bool Cluster::majority_up(NameHash hash) const {
  size_t up = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (is_self(i) || link_up(peer_core(i, hash))) ++up;
  }
  return up >= quorum();
}

void Cluster::note_full(const Endpoint& peer, int64_t until_ns) {
  Peer& p = this->peer(index_of(peer.node));
  if (peer.core.value < p.links.size()) p.links[peer.core.value].full_until = until_ns;
}

bool Cluster::may_have_room(const Endpoint& peer, int64_t now_ns) const {
  return link_up(peer) &&
         this->peer(index_of(peer.node)).links[peer.core.value].full_until <= now_ns;
}

bool Cluster::set_up(const Endpoint& peer, uint16_t cores, int64_t now_ns) {
  ONCE_ASSERT(has(peer.node) && peer.node != self_.node);
  if (cores == 0 || cores > kMaxCores || peer.core.value >= cores) return false;
  links_changed_at_ = now_ns;
  Peer& p = peers_[index_of(peer.node)];
  if (p.cores != cores) {
    p.cores = cores;
    p.links.assign(cores, PeerCore{});
    if (p.forwards.size() < cores) p.forwards.resize(cores);
  }
  ONCE_ASSERT(p.links.size() == cores && p.forwards.size() >= cores);
  p.links[peer.core.value].up = true;
  return true;
}

void Cluster::set_down(const Endpoint& peer, int64_t now_ns) {
  ONCE_ASSERT(has(peer.node) && peer.node != self_.node);
  links_changed_at_ = now_ns;
  Peer& p = peers_[index_of(peer.node)];
  if (peer.core.value < p.links.size()) p.links[peer.core.value].up = false;
}

}  // namespace once::paxos
