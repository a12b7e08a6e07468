// What became of the requests of one core, how long they took, and how long the writes of its log
// did. Written by its core alone, read by any thread; each figure is whole, the set need not be of
// one instant.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "paxos/messages.h"

namespace once::server {

// With one writer: no more than a load, an addition and a store.
class Tally {
 public:
  void add(uint64_t more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A duration counts in the first bucket whose bound is not below it; beyond all: in the last.
inline constexpr int64_t kDurationBoundsNs[] = {
    50'000,      100'000,       250'000,       500'000,       1'000'000,      2'500'000,
    5'000'000,   10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,
    500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000};
inline constexpr size_t kDurationBounds = std::size(kDurationBoundsNs);

// For each number of bits: the first bucket that a duration of so many may be in. The rest of the
// way is a step or three.
inline constexpr auto kFirstBuckets = [] {
  std::array<uint8_t, 65> first{};
  for (size_t bits = 1; bits < 64; ++bits) {
    const int64_t least = int64_t{1} << (bits - 1);
    uint8_t bucket = 0;
    while (bucket < kDurationBounds && kDurationBoundsNs[bucket] < least) ++bucket;
    first[bits] = bucket;
  }
  return first;
}();

struct DurationFigures {
  std::array<uint64_t, kDurationBounds + 1> buckets{};  // each counts its own only
  uint64_t sum_ns = 0;
};

class Durations {
 public:
  void add(int64_t ns) {
    const auto took = static_cast<uint64_t>(std::max<int64_t>(0, ns));
    size_t bucket = kFirstBuckets[static_cast<size_t>(std::bit_width(took))];
    while (bucket < kDurationBounds && ns > kDurationBoundsNs[bucket]) ++bucket;
    buckets_[bucket].add(1);
    sum_ns_.add(took);
  }
  void add_to(DurationFigures& figures) const {
    for (size_t i = 0; i < buckets_.size(); ++i) figures.buckets[i] += buckets_[i].read();
    figures.sum_ns += sum_ns_.read();
  }

 private:
  std::array<Tally, kDurationBounds + 1> buckets_;
  Tally sum_ns_;
};

inline constexpr size_t kOperations = static_cast<size_t>(paxos::kLastOperation);
inline constexpr size_t kOutcomes = static_cast<size_t>(paxos::kLastStatus) + 1;

// The operations from the first one on.
constexpr size_t place_of(paxos::Operation operation) { return static_cast<size_t>(operation) - 1; }

constexpr paxos::Operation operation_at(size_t place) {
  return static_cast<paxos::Operation>(place + 1);
}

struct TrafficFigures {
  std::array<std::array<uint64_t, kOutcomes>, kOperations> answers{};
  std::array<DurationFigures, kOperations> took{};
  DurationFigures log_sync;
};

class Traffic {
 public:
  // Of a request that came through a door of this core: once for each answer. `took_ns`: by the
  // clock of the loop's rounds, so 0 if it came and was answered in the same one.
  void answered(paxos::Operation operation, paxos::Status status, int64_t took_ns) {
    answers_[place_of(operation)][static_cast<size_t>(status)].add(1);
    took_[place_of(operation)].add(took_ns);
  }
  // From handing a batch to the kernel until it is durable.
  void synced(int64_t took_ns) { log_sync_.add(took_ns); }

  void add_to(TrafficFigures& figures) const {
    for (size_t operation = 0; operation < kOperations; ++operation) {
      for (size_t outcome = 0; outcome < kOutcomes; ++outcome) {
        figures.answers[operation][outcome] += answers_[operation][outcome].read();
      }
      took_[operation].add_to(figures.took[operation]);
    }
    log_sync_.add_to(figures.log_sync);
  }

 private:
  std::array<std::array<Tally, kOutcomes>, kOperations> answers_;
  std::array<Durations, kOperations> took_;
  Durations log_sync_;
};

}  // namespace once::server
