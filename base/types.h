// Identities that every layer shares. Distinct types, so that they cannot be interchanged.
#pragma once

#include <compare>
#include <cstdint>

#include "base/ids.h"

namespace once {

struct CoreId {  // 0..cores-1 of one process
  uint16_t value = 0;
  friend auto operator<=>(const CoreId&, const CoreId&) = default;
};

struct ShardId {  // 0..shard_count-1, fixed when a cluster is formatted
  uint16_t value = 0;
  friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

struct ClusterId : Uuid {};
struct DiskId : Uuid {};  // drawn when a data directory is formatted

// One core of one node: what a peer link connects.
struct Endpoint {
  NodeId node;
  CoreId core;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace once
