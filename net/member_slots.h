// Which node sits in which slot of a cluster: a small value that the hellos of nodes carry.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/assert.h"
#include "base/limits.h"
#include "base/types.h"

namespace once::net {

// Equal: the same nodes in the same slots. The order decides where names have their home.
class MemberSlots {
 public:
  MemberSlots() = default;
  MemberSlots(std::initializer_list<uint16_t> nodes) {
    for (const uint16_t node : nodes) add(NodeId{node});
  }

  size_t size() const { return size_; }
  NodeId operator[](size_t slot) const {
    ONCE_ASSERT(slot < size_);
    return nodes_[slot];
  }
  // Into the slot behind all others. REQUIRES: fewer than kMaxNodes.
  void add(NodeId node) {
    ONCE_ASSERT(size_ < kMaxNodes);
    nodes_[size_++] = node;
  }
  bool has(NodeId node) const {
    return std::find(nodes_.begin(), nodes_.begin() + size_, node) != nodes_.begin() + size_;
  }
  // Node numbers, none twice. Whatever comes from outside is asked.
  bool valid() const {
    for (size_t slot = 0; slot < size_; ++slot) {
      const auto end = nodes_.begin() + static_cast<ptrdiff_t>(slot);
      const bool twice = std::find(nodes_.begin(), end, nodes_[slot]) != end;
      if (twice || nodes_[slot].value == 0 || nodes_[slot].value > kMaxNodes) return false;
    }
    return true;
  }
  // Do they name the same nodes, in whatever slots?
  bool same_nodes(const MemberSlots& other) const {
    return size_ == other.size_ && std::all_of(nodes_.begin(), nodes_.begin() + size_,
                                               [&](NodeId node) { return other.has(node); });
  }
  std::string text() const {  // "4, 2, 3", by slot
    std::string all;
    for (size_t slot = 0; slot < size_; ++slot) {
      all += (all.empty() ? "" : ", ") + std::to_string(nodes_[slot].value);
    }
    return all;
  }
  friend bool operator==(const MemberSlots&, const MemberSlots&) = default;

 private:
  std::array<NodeId, kMaxNodes> nodes_{};  // no node behind the last slot
  uint16_t size_ = 0;
};

}  // namespace once::net
