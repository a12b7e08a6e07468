#include "paxos/teller.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rarely.h"
#include "paxos/pages.h"

namespace once::paxos {

std::string_view Teller::kept() {
  char* block = acceptor_.arena().allocate(scratch_.size());
  std::copy(scratch_.begin(), scratch_.end(), block);
  acceptor_.arena().free(block, scratch_.size());  // readable until the next step
  return {block, scratch_.size()};
}

bool Teller::on_compare(const Endpoint& from, const SyncCompare& m) {
  const uint32_t end = uint32_t{m.shard} + m.shards;
  if (m.shards == 0 || m.shards > kMostShardsTold || end > cluster_.shards()) return false;
  const Digest& digest = acceptor_.digest();
  scratch_.clear();
  ByteWriter out(scratch_);
  for (size_t i = size_t{m.shard} * digest.per_shard(); i < size_t{end} * digest.per_shard(); ++i) {
    out.put(digest.at(i).count);
    out.put(digest.at(i).sum);
  }
  ONCE_ASSERT(scratch_.size() == size_t{m.shards} * digest.per_shard() * Digest::kPackedBytes);
  outbox_.send(from, RestsOn{}, SyncDigest{m.pass, m.shard, m.shards, kept()});
  return true;
}

// That it is decided rests on nothing more; that this node has it on its disk is not said here.
bool Teller::on_names(const Endpoint& from, const SyncNames& m) {
  const Digest& digest = acceptor_.digest();
  if (m.buckets.size() != (digest.size() + 7) / 8 || m.most == 0) return false;
  if (pages_left_ == 0) return true;
  --pages_left_;
  const size_t most = std::min(m.most, rarely(Rare::kSyncPageShort) ? uint16_t{1} : kMostTold);
  const uint64_t end = std::min(acceptor_.size(), std::min(m.cursor, acceptor_.size()) + kMostTold);
  scratch_.clear();
  ByteWriter out(scratch_);
  size_t told = 0;
  uint64_t at = m.cursor;
  EntryIndex next = at < end ? acceptor_.nth(at) : Acceptor::kNone;
  for (; at < end && told < most && scratch_.size() < kMostToldBytes; ++at) {
    const Entry& entry = acceptor_.at(next);
    next = acceptor_.after(next);
    if (!entry.decided()) continue;
    const size_t bucket = digest.bucket_of(cluster_.hasher().place_of(entry.name()));
    ONCE_ASSERT(bucket < digest.size() && entry.version() != 0);
    if ((static_cast<uint8_t>(m.buckets[bucket / 8]) >> bucket % 8 & 1) == 0) continue;
    put_told({entry.name(), entry.version(), entry.accepted(), entry.value_size()}, out);
    ++told;
  }
  outbox_.send(from, RestsOn{}, SyncPage{m.pass, m.cursor, at, acceptor_.size(), kept()});
  return true;
}

void Teller::on_fetch(const Endpoint& from, const SyncFetch& m, NameHash hash) {
  const EntryIndex index = acceptor_.find(hash.key, m.name);
  if (index == Acceptor::kNone || acceptor_.at(index).accepted().is_null()) {
    return outbox_.send(from, RestsOn{}, SyncState{m.op, false, Ballot{}, State{}, m.name});
  }
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(entry.version() != 0 && entry.accepted() <= entry.promised());
  outbox_.send(from, RestsOn{entry.record()},
               SyncState{m.op, entry.decided(), entry.accepted(), entry.state(), entry.name()});
}

}  // namespace once::paxos
