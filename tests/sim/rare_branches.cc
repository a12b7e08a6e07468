#include "tests/sim/rare_branches.h"

#include <algorithm>

#include "base/assert.h"

namespace once::sim {
namespace {

constexpr uint32_t kRates[] = {1'000, 20'000, 250'000};
constexpr uint32_t kChurnRate = 250'000;
constexpr uint32_t kCalmRate = 20'000;

}  // namespace

const char* rare_name(Rare point) {
  static constexpr const char* kNames[] = {
      "first ballot avoided",
      "home's window full",
      "takeover at once",
      "rounds skipped",
      "tasks short",
      "read finishes others",
      "progress late",
      "news missed",
      "listed at once",
      "settled late",
      "claim page short",
      "list renumbered",
      "compared at once",
      "told page short",
      "adopted one",
      "batch closed early",
      "flush late",
      "watermark early",
      "segment closed early",
      "peer outbox full",
      "connection full",
      "hold queue full",
      "cleaned early",
      "letter box full",
      "client hedges at once",
      "client retries at once",
      "client avoids home",
  };
  static_assert(std::size(kNames) == kRarePoints);
  return kNames[static_cast<size_t>(point)];
}

RareBranches::RareBranches(World& world, uint64_t seed) : world_(world), prng_(seed ^ 0x72617265) {
  ONCE_ASSERT(rare_source == nullptr);
  rare_source = this;
  if (prng_.below(2) == 0) return;
  for (uint32_t& rate : rates_) {
    const bool on = prng_.below(4) == 0;
    const uint32_t drawn = kRates[prng_.below(std::size(kRates))];
    rate = on ? drawn : 0;
  }
}

RareBranches::~RareBranches() { rare_source = nullptr; }

bool RareBranches::fires(Rare point) {
  const auto at = static_cast<size_t>(point);
  if (!chance(prng_, rates_[at])) return false;
  ++fired_[at];
  world_.tell("rare branch: {}", rare_name(point));
  return true;
}

void RareBranches::churn() {
  for (const Rare point : {Rare::kSegmentClosedEarly, Rare::kCleanedEarly}) {
    rates_[static_cast<size_t>(point)] = kChurnRate;
  }
}

void RareBranches::calm() {
  for (uint32_t& rate : rates_) rate = std::min(rate, kCalmRate);
}

}  // namespace once::sim
