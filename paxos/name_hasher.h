// The two hashes of a name. Where it lives, shard and home, all nodes and clients must agree on:
// that hash goes by a seed that every client is told. Where this core *finds* it goes by a key that
// nobody is told: who can write down names that collide makes each search as long as he likes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/sip_hash.h"

namespace once::paxos {

struct NameHash {
  uint64_t place = 0;  // shard_of(), home_slot_of()
  uint64_t key = 0;    // index and waiters of this core
  friend bool operator==(const NameHash&, const NameHash&) = default;
};

class NameHasher {
 public:
  NameHasher(uint64_t seed, const SipKey& key) : seed_(seed), key_(key) {}
  uint64_t place_of(std::string_view name) const { return name_hash(name, seed_); }
  uint64_t key_of(std::string_view name) const { return sip_hash(name, key_); }
  NameHash operator()(std::string_view name) const { return {place_of(name), key_of(name)}; }

 private:
  uint64_t seed_;
  SipKey key_;
};

}  // namespace once::paxos
