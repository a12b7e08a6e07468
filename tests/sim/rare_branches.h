// Decides, from the seed of a run, which rare branches of the product it takes, and how often. None
// in half of the seeds: that is the product as it is shipped.
#pragma once

#include <array>
#include <cstdint>

#include "base/prng.h"
#include "base/rarely.h"
#include "tests/sim/world.h"

namespace once::sim {

const char* rare_name(Rare point);
using RareCounts = std::array<uint64_t, kRarePoints>;

// The source of this thread for as long as it lives.
class RareBranches final : public RareSource {
 public:
  RareBranches(World& world, uint64_t seed);
  ~RareBranches() override;
  RareBranches(const RareBranches&) = delete;
  RareBranches& operator=(const RareBranches&) = delete;

  bool fires(Rare point) override;
  // Segments are closed and cleaned all the time.
  void churn();
  // From now on what is rare may delay, but not go on for long enough to keep anybody waiting.
  void calm();
  void silence() { rates_.fill(0); }
  const RareCounts& fired() const { return fired_; }

 private:
  World& world_;
  Prng prng_;
  std::array<uint32_t, kRarePoints> rates_{};  // per million times that a point is passed
  RareCounts fired_{};
};

}  // namespace once::sim
