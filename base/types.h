// Identities that every layer shares. Distinct types, so that they cannot be interchanged.
#pragma once

#include <compare>
#include <cstdint>

#include "base/ids.h"
#include "base/ordered.h"

namespace once {

struct CoreId {  // 0..cores-1 of one process
  uint16_t value = 0;
  friend auto operator<=>(const CoreId&, const CoreId&) = default;
};

struct ShardId {  // 0..shard_count-1, fixed when a cluster is formatted
  uint16_t value = 0;
  friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

// A place in the configuration, 0..slots-1. Names have their home in a slot, whichever node sits
// there: a node that takes the place of another moves no home of any other slot.
struct SlotId {
  uint16_t value = 0;
  friend auto operator<=>(const SlotId&, const SlotId&) = default;
};

struct ClusterId : Uuid {};
struct DiskId : Uuid {};  // drawn when a data directory is formatted

// One run of a node, as its log counts them: 1, 2, ...; 0: none.
using Incarnation = Ordered<struct IncarnationKind, uint32_t>;

// The first part of a ballot; 0 belongs to the home of the name.
using Round = Ordered<struct RoundKind, uint32_t>;

// One core of one node: what a peer link connects.
struct Endpoint {
  NodeId node;
  CoreId core;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace once
