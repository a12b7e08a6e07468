// The oracle of locks: at most one of those that take a lock believes that it holds it, at any
// moment of the simulated time, and the fencing tokens of a lock only grow. Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/world.h"

namespace once::sim {

enum class LockEvent : uint8_t {
  kTaken,
  kTakenOver,  // of these: from one that had not released it
  kRenewed,
  kReleased,
  kLost,  // by one that was told so, or knew by its clock
  kCount,
};
inline constexpr size_t kLockEvents = static_cast<size_t>(LockEvent::kCount);
using LockCounts = std::array<uint64_t, kLockEvents>;
const char* lock_event_name(LockEvent event);

class LockJudge {
 public:
  explicit LockJudge(World& world) : world_(world) {}

  // `until_ns`: world time until which `who` will believe it, if it hears nothing more.
  void on_taken(const std::string& lock, size_t who, uint64_t token, int64_t until_ns);
  void on_renewed(const std::string& lock, size_t who, int64_t until_ns);
  void on_released(const std::string& lock, size_t who);  // from the asking on
  void on_lost(const std::string& lock, size_t who);
  // It ended without a word, and believes nothing any more.
  void on_gone(const std::string& lock, size_t who);

  const LockCounts& counts() const { return counts_; }

 private:
  struct Holder {
    uint64_t token = 0;
    int64_t until_ns = 0;
  };
  struct Lock {
    std::map<size_t, Holder> holders;
    uint64_t highest_token = 0;
    bool left = false;  // its newest holder has not released it
  };

  void check_alone(const std::string& lock, size_t who) const;
  void count(LockEvent event) { ++counts_[static_cast<size_t>(event)]; }

  World& world_;
  std::map<std::string, Lock> locks_;
  LockCounts counts_{};
};

}  // namespace once::sim
