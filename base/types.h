// Identities that every layer shares. Distinct types, so that they cannot be interchanged.
#pragma once

#include <compare>
#include <cstdint>

namespace once {

struct NodeId {  // 1..kMaxNodes; 0 is "no node"
  uint16_t value = 0;
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

struct CoreId {  // 0..cores-1 of one process
  uint16_t value = 0;
  friend auto operator<=>(const CoreId&, const CoreId&) = default;
};

struct ShardId {  // 0..shard_count-1, fixed when a cluster is formatted
  uint16_t value = 0;
  friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

struct Uuid {  // 128 bits, compared as (high, low)
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

struct RequestId : Uuid {};  // chosen by the client, unique per operation; kept over its retries
struct ClusterId : Uuid {};
struct DiskId : Uuid {};  // drawn when a data directory is formatted

inline constexpr RequestId request_id(uint64_t high, uint64_t low) {
  return RequestId{{high, low}};
}

// One core of one node: what a peer link connects.
struct Endpoint {
  NodeId node;
  CoreId core;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace once
