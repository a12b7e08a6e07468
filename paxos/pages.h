// A page of names that one core tells another: each u16 size, bytes, u64 version, ballot (u32
// round, u16 node, u32 incarnation), u32 bytes of its value.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "paxos/ballot.h"
#include "paxos/change.h"

namespace once::paxos {

inline constexpr uint16_t kMostTold = 1024;  // names on a page, and entries looked at for it
inline constexpr size_t kMostToldBytes = 32 * 1024;  // and then no further one
inline constexpr uint16_t kMostShardsTold = 16;      // digests in one message

struct ToldName {
  std::string_view name;
  uint64_t version = 0;
  Ballot ballot;  // under which it was chosen
  uint32_t value_bytes = 0;
};

inline void put_told(const ToldName& told, ByteWriter& out) {
  out.put(static_cast<uint16_t>(told.name.size()));
  out.put_bytes(told.name);
  out.put(told.version);
  out.put(told.ballot.round.value);
  out.put(told.ballot.node.value);
  out.put(told.ballot.incarnation.value);
  out.put(told.value_bytes);
}

// False: no page of ours.
inline bool get_told(ByteReader& in, ToldName& told) {
  told.name = in.get_bytes(in.get<uint16_t>());
  told.version = in.get<uint64_t>();
  told.ballot.round.value = in.get<uint32_t>();
  told.ballot.node.value = in.get<uint16_t>();
  told.ballot.incarnation.value = in.get<uint32_t>();
  told.value_bytes = in.get<uint32_t>();
  return in.ok() && !told.name.empty() && told.name.size() <= kMaxNameBytes && told.version != 0 &&
         told.version <= kMaxVersion && !told.ballot.is_null() && told.ballot.round <= kMaxRound &&
         told.value_bytes <= kMaxValueBytes;
}

}  // namespace once::paxos
