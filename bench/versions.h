// What one process can say for certain about the versions of one name that it is told: whatever is
// asked after an answer was received is later than that answer, and no version is made twice.
// Nothing else may change the name. Single-threaded.
#pragma once

#include <cstdint>
#include <vector>

namespace once::bench {

class Versions {
 public:
  // At most so many versions are compared: one bit each.
  explicit Versions(uint64_t most) : most_(most) {}

  // The highest that was told: what is asked from now on has it for its floor.
  uint64_t highest() const { return highest_; }
  bool is_full() const { return highest_ >= most_; }

  // Null, or what cannot be. `floor` is highest() as it was when the request was sent.
  const char* made(uint64_t version, uint64_t floor);
  const char* shown(uint64_t version, uint64_t floor);
  const char* conflicted(uint64_t version, uint64_t expected, uint64_t floor);

 private:
  uint64_t most_;
  uint64_t highest_ = 0;
  std::vector<bool> made_;  // by version: a name of this run begins with 1
};

}  // namespace once::bench
