// The simulated world's clock: a queue of events, executed in the order of their time and, at one
// time, of their making. One seed decides everything; every event goes into one running hash, so
// that two runs of a seed can be compared. Single-threaded; times in nanoseconds since its begin.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/prng.h"

namespace once::sim {

inline constexpr int64_t kUs = 1'000;
inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

// What was done to the cluster, counted by kind.
enum class Fault : uint8_t {
  kLoss,
  kDuplicate,
  kReorder,
  kClog,
  kSymmetricPartition,
  kAsymmetricPartition,
  kIsolation,
  kCutMidFrame,
  kTornWrite,
  kLostWrite,
  kSlowWrite,
  kWriteError,
  kShortWrite,
  kBitFlip,
  kMisdirectedWrite,
  kGarbageTail,
  kFullDisk,
  kCrash,
  kPowerCut,
  kRestart,
  kCoresChanged,
  kPause,
  kWipe,
  kWipeBeforeAllMet,
  kLateStart,
  kClockJump,
  kClockDrift,
  kCount
};
inline constexpr size_t kFaults = static_cast<size_t>(Fault::kCount);
const char* fault_name(Fault fault);
using FaultCounts = std::array<uint64_t, kFaults>;

// Takes the lines of a run's story; it may stop the run (a replay that differs).
class Story {
 public:
  virtual ~Story() = default;
  virtual void line(std::string_view text) = 0;
};

class Actor {
 public:
  virtual ~Actor() = default;
  virtual void on_event(uint64_t what, uint64_t detail) = 0;
};

// Draws nothing where the rate is zero.
inline bool chance(Prng& prng, uint32_t per_million) {
  return per_million != 0 && prng.below(1'000'000) < per_million;
}

class World {
 public:
  explicit World(uint64_t seed, Story* story = nullptr) : prng_(seed), story_(story) {}

  int64_t now() const { return now_; }
  void at(int64_t when, Actor* actor, uint64_t what, uint64_t detail = 0) {
    queue_.push(Event{std::max(when, now_), next_++, actor, what, detail});
  }
  void after(int64_t delay, Actor* actor, uint64_t what, uint64_t detail = 0) {
    at(now_ + delay, actor, what, detail);
  }
  // Runs what is due up to `until`, or until a violation.
  void run_until(int64_t until);

  Prng& prng() { return prng_; }
  bool chance(uint32_t per_million) { return sim::chance(prng_, per_million); }
  uint64_t below(uint64_t bound) { return prng_.below(bound); }
  int64_t between(int64_t low, int64_t high) {  // both included
    return low + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(high - low) + 1));
  }

  // Into the hash: anything that tells two runs apart.
  void mix(uint64_t a, uint64_t b = 0) {
    const uint64_t words[2] = {a, b};
    hash_ = checksum(words, sizeof words, hash_);
  }
  void mix(std::string_view bytes) { hash_ = checksum(bytes.data(), bytes.size(), hash_); }
  uint64_t hash() const { return hash_; }

  void count(Fault fault) { ++faults_[static_cast<size_t>(fault)]; }
  const FaultCounts& faults() const { return faults_; }

  bool tells() const { return story_ != nullptr; }
  template <class... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) {
    if (story_ == nullptr) return;
    story_->line(fmt::format("{:>13.6f} {}", static_cast<double>(now_) / 1e9,
                             fmt::format(format, std::forward<Args>(args)...)));
  }

  // The first one is kept and ends the run.
  void violation(std::string what);
  const std::string& violated() const { return violation_; }
  uint64_t events() const { return executed_; }

 private:
  struct Event {
    int64_t when;
    uint64_t number;
    Actor* actor;
    uint64_t what;
    uint64_t detail;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  Prng prng_;
  Story* story_;
  int64_t now_ = 0;
  uint64_t next_ = 1;
  uint64_t executed_ = 0;
  uint64_t hash_ = 0;
  std::priority_queue<Event> queue_;
  FaultCounts faults_{};
  std::string violation_;
};

}  // namespace once::sim
