// The counters of one core, published for every thread, and what `once status` makes of all of
// them. The names are defined in docs/operations.md; scripts rely on them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "net/peer_links.h"

namespace once::server {

enum class Counter : uint8_t {
  kFastPathWrites,
  kClassicRounds,
  kTakeovers,
  kLocalReads,
  kQuorumReads,
  kForwarded,
  kRefused,
  kOverloaded,
  kUnavailable,
  kUnknown,
  kRejected,
  kIgnoredMessages,
  kContradictions,
  kFarBallots,
  kIgnoredSenders,
  kIgnoredBallots,
  kIgnoredNames,
  kIgnoredStates,
  kIgnoredNumbers,
  kPeerRefusals,  // one for each of net::PeerRefusal
  kLastPeerRefusal = kPeerRefusals + net::kPeerRefusals - 1,
  kHeldDropped,
  kNames,
  kUnsettled,
  kConnections,
  kClientsTurnedAway,
  kClientsClosedIdle,
  kClientsClosedBeforeHello,
  kOperations,
  kLogBatches,
  kLogRecords,
  kLogBytes,
  kLogFull,
  kMemoryBytes,
  kMemoryBudget,
  kMemoryShort,
  kUnreadClosed,
  kClaimed,
  kLogSyncNsTotal,
  kLogSyncNsMax,
  kCount
};
inline constexpr size_t kCounters = static_cast<size_t>(Counter::kCount);

struct CoreSnapshot {
  std::array<uint64_t, kCounters> values{};
  std::array<uint64_t, kMaxNodes + 1> peer_round_trip_ns{};
  std::array<bool, kMaxNodes + 1> peer_up{};
  uint64_t& operator[](Counter counter) { return values[static_cast<size_t>(counter)]; }
  uint64_t operator[](Counter counter) const { return values[static_cast<size_t>(counter)]; }
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

using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;

// Sums over the cores; the least of `claimed` and of the links, the largest of the maxima.
NamedCounters summarize(const std::vector<CoreSnapshot>& cores, const std::vector<uint16_t>& peers);

}  // namespace once::server
