// The oracle of locks: at most one of those that take a lock believes that it holds it, at any
// moment of the simulated time, and the fencing tokens of a lock only grow. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/world.h"

namespace once::sim {

struct LockFigures {
  uint64_t taken = 0;
  uint64_t taken_over = 0;  // of these: from one that had not released it
  uint64_t renewed = 0;
  uint64_t released = 0;
  uint64_t lost = 0;  // by one that was told so, or knew by its clock
};

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

  const LockFigures& figures() const { return figures_; }

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

  World& world_;
  std::map<std::string, Lock> locks_;
  LockFigures figures_;
};

}  // namespace once::sim
