// Identities that clients see too: installed as <once/ids.h>. Distinct types, so that they cannot
// be interchanged.
#pragma once

#include <compare>
#include <cstdint>

namespace once {

struct NodeId {  // 1..kMaxNodes; 0 is "no node"
  uint16_t value = 0;
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

struct Uuid {  // 128 bits, compared as (high, low)
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

struct RequestId : Uuid {};  // chosen by the client, unique per operation; kept over its retries

inline constexpr RequestId request_id(uint64_t high, uint64_t low) {
  return RequestId{{high, low}};
}

}  // namespace once
