#include "bench/names.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>

#include "base/assert.h"
#include "base/hash.h"
#include "base/hex_digits.h"

namespace once::bench {

std::vector<Target> targets_of(const net::ServerHello& map) {
  uint16_t most = 0;
  for (const auto& member : map.members) most = std::max(most, member.cores);
  std::vector<Target> targets;
  for (uint16_t core = 0; core < most; ++core) {
    for (uint16_t slot = 0; slot < map.members.size(); ++slot) {
      const net::MapMember& member = map.members[slot];
      if (core >= member.cores || member.client_address.empty()) continue;
      targets.push_back(
          {member.node, CoreId{core}, member.cores, SlotId{slot}, member.client_address});
    }
  }
  return targets;
}

uint64_t random_bits() {
  uint64_t bits = 0;
  ONCE_ASSERT(getrandom(&bits, sizeof bits, 0) == sizeof bits);
  return bits;
}

NameSource::NameSource(const net::ServerHello& map, uint64_t run, size_t load)
    : hash_seed_(map.hash_seed),
      shard_count_(map.shard_count),
      slot_count_(static_cast<uint32_t>(map.members.size())),
      counter_(uint64_t{load} * kNamesOfLoad) {
  ONCE_ASSERT(load < kMaxLoads);
  name_.fill('0');
  const std::string prefix = fmt::format("bench/{:016x}/", run);
  std::copy_n(prefix.begin(), kPrefixBytes, name_.begin());
}

std::string_view NameSource::next() {
  uint64_t rest = counter_++;
  for (size_t i = name_.size(); i-- > kPrefixBytes; rest >>= 4) name_[i] = kHexDigits[rest & 15];
  return {name_.data(), name_.size()};
}

std::string_view NameSource::next_for(const Target& target) {
  // Bounded: a map may give a core no shard, and then any name is as good as another.
  std::string_view name = next();
  for (int i = 0; i < 100'000 && !belongs(name, target); ++i) name = next();
  return name;
}

bool NameSource::belongs(std::string_view name, const Target& target) const {
  uint64_t hash = name_hash(name, hash_seed_);
  if (home_slot_of(hash, slot_count_) != target.slot) return false;
  return target.cores == 1 || core_of(shard_of(hash, shard_count_), target.cores) == target.core;
}

}  // namespace once::bench
