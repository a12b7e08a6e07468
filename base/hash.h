// xxHash, wrapped: checksums, and the seeded hash of a name with what is derived from it.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string_view>

#include "base/types.h"

namespace once {

inline uint64_t checksum(const void* bytes, size_t size, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

// Says where a name lives. Every client is told the seed, so who likes can write down names that
// collide: nothing is searched by this hash (paxos/name_hasher.h).
inline uint64_t name_hash(std::string_view name, uint64_t seed) {
  return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

// Shard and home come from different halves of the hash, so that neither follows from the other.
inline ShardId shard_of(uint64_t hash, uint32_t shard_count) {
  return ShardId{static_cast<uint16_t>(((hash >> 32) * shard_count) >> 32)};
}
inline SlotId home_slot_of(uint64_t hash, uint32_t slot_count) {
  return SlotId{static_cast<uint16_t>(((hash & 0xffffffffu) * slot_count) >> 32)};
}
inline CoreId core_of(ShardId shard, uint32_t cores) {
  return CoreId{static_cast<uint16_t>(shard.value % cores)};
}

}  // namespace once
