// What one core knows to be decided, in a few kilobytes: names fall into buckets by where they live
// (not by where this process finds them), so that two nodes can compare theirs, whatever numbers of
// cores they have. Pure; one comparison that differs proves nothing while names are written.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace once::paxos {

struct Bucket {
  uint64_t sum = 0;    // of fingerprint() of each name in it
  uint32_t count = 0;  // of names
  friend bool operator==(const Bucket&, const Bucket&) = default;
};

class Digest {
 public:
  static constexpr uint32_t kWantedBuckets = 4096;  // of a cluster; at least one a shard
  static constexpr size_t kPackedBytes = 12;        // of a bucket, between nodes

  explicit Digest(uint16_t shards)
      : per_shard_(shards >= kWantedBuckets ? 1 : kWantedBuckets / shards),
        buckets_(size_t{shards} * per_shard_) {
    ONCE_ASSERT(shards > 0);
  }

  // A version counts, its ballot does not: the same may be chosen again under a higher one.
  static uint64_t fingerprint(uint64_t place, uint64_t version) {
    uint64_t x = place + version * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
  }

  size_t size() const { return buckets_.size(); }
  uint32_t per_shard() const { return per_shard_; }
  uint64_t names() const { return names_; }
  const Bucket& at(size_t bucket) const {
    ONCE_ASSERT(bucket < buckets_.size());
    return buckets_[bucket];
  }
  // Those of shard s (shard_of() in base/hash.h) begin at s * per_shard().
  size_t bucket_of(uint64_t place) const { return (place >> 32) * buckets_.size() >> 32; }

  void prefetch(uint64_t place) const { __builtin_prefetch(&buckets_[bucket_of(place)], 1); }
  void add(uint64_t place, uint64_t version) {
    Bucket& bucket = buckets_[bucket_of(place)];
    bucket.sum ^= fingerprint(place, version);
    ++bucket.count;
    ++names_;
  }
  // REQUIRES: it was added.
  void remove(uint64_t place, uint64_t version) {
    Bucket& bucket = buckets_[bucket_of(place)];
    ONCE_ASSERT(bucket.count > 0 && names_ > 0);
    bucket.sum ^= fingerprint(place, version);
    --bucket.count;
    --names_;
  }

 private:
  uint32_t per_shard_;
  std::vector<Bucket> buckets_;
  uint64_t names_ = 0;
};

}  // namespace once::paxos
