// The figures of one core, published for every thread, and what `once status` makes of all of them,
// as server/counter_table.h says.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "server/counter_table.h"

namespace once::server {

struct CoreSnapshot {
  CoreSnapshot() = default;
  explicit CoreSnapshot(const CoreFigures& figures) {
    for (size_t i = 0; i < kCounters; ++i) values[i] = kCounterTable[i].of(figures);
  }
  // REQUIRES: a name of the table.
  uint64_t operator[](std::string_view name) const { return values.at(counter_at(name)); }

  std::array<uint64_t, kCounters> values{};
  std::array<uint64_t, kMaxNodes + 1> peer_round_trip_ns{};
  std::array<bool, kMaxNodes + 1> peer_up{};
};

// Written by its core, read by any; each figure is whole, the set need not be of one instant.
class PublishedSnapshot {
 public:
  void publish(const CoreSnapshot& from) {
    for (size_t i = 0; i < kCounters; ++i) values_[i].store(from.values[i], kRelaxed);
    for (size_t i = 0; i <= kMaxNodes; ++i) {
      round_trips_[i].store(from.peer_round_trip_ns[i], kRelaxed);
      up_[i].store(from.peer_up[i], kRelaxed);
    }
  }
  CoreSnapshot read() const {
    CoreSnapshot to;
    for (size_t i = 0; i < kCounters; ++i) to.values[i] = values_[i].load(kRelaxed);
    for (size_t i = 0; i <= kMaxNodes; ++i) {
      to.peer_round_trip_ns[i] = round_trips_[i].load(kRelaxed);
      to.peer_up[i] = up_[i].load(kRelaxed);
    }
    return to;
  }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  std::array<std::atomic<uint64_t>, kCounters> values_{};
  std::array<std::atomic<uint64_t>, kMaxNodes + 1> round_trips_{};
  std::array<std::atomic<bool>, kMaxNodes + 1> up_{};
};

// Put together as the table says; of no core: all 0.
CoreSnapshot of_all(const std::vector<CoreSnapshot>& cores);

// Of the links to a node: the longest round trip, and whether every core has one.
struct LinkFigures {
  uint64_t round_trip_ns = 0;
  bool up = false;
};
LinkFigures link_figures(const std::vector<CoreSnapshot>& cores, uint16_t peer);

using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;

// Each as the table says, then what is made of several, then of the links to each peer.
NamedCounters summarize(const std::vector<CoreSnapshot>& cores, const std::vector<uint16_t>& peers);

}  // namespace once::server
