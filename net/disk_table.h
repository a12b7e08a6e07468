// Sets of nodes, and which disk each of them has: small values that hellos carry.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/limits.h"
#include "base/types.h"

namespace once::net {

// A set of node numbers, bit n for node n.
class NodeSet {
 public:
  constexpr NodeSet() = default;
  constexpr explicit NodeSet(uint16_t bits) : bits_(bits) {}
  // REQUIRES: a node number.
  constexpr bool has(NodeId node) const { return (bits_ >> node.value & 1u) != 0; }
  constexpr void add(NodeId node) { bits_ = static_cast<uint16_t>(bits_ | 1u << node.value); }
  constexpr void remove(NodeId node) { bits_ = static_cast<uint16_t>(bits_ & ~(1u << node.value)); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint16_t bits() const { return bits_; }
  constexpr bool valid() const { return (bits_ & 1u) == 0; }  // 0 is no node number
  std::string text() const {  // "1, 2, 3"
    std::string all;
    for (uint16_t node = 1; node <= kMaxNodes; ++node) {
      if (has(NodeId{node})) all += (all.empty() ? "" : ", ") + std::to_string(node);
    }
    return all;
  }
  friend constexpr bool operator==(const NodeSet&, const NodeSet&) = default;

 private:
  uint16_t bits_ = 0;
};
static_assert(kMaxNodes < 16);

// The disk of each node that somebody has met.
struct DiskTable {
  NodeSet nodes;
  std::array<DiskId, kMaxNodes + 1> disks{};  // of `nodes`

  bool names(NodeId node, const DiskId& disk) const {
    return nodes.has(node) && disks[node.value] == disk;
  }
  bool names_another(NodeId node, const DiskId& disk) const {
    return nodes.has(node) && disks[node.value] != disk;
  }
  void set(NodeId node, const DiskId& disk) {
    nodes.add(node);
    disks[node.value] = disk;
  }
};

}  // namespace once::net
