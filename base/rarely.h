// Rare branches that the simulator makes likely, by seed, as FoundationDB's BUGGIFY does: a bound
// is met, something comes late, the cautious way is taken. Whatever a point makes happen must be
// legal at any time: tests/sim runs nodes in which it does. The rules:
// docs/testing/simulation.md.
//
// In everything that is shipped rarely() is the constant false: no code, no data. Only the variants
// of the libraries that the simulator links are compiled with ONCE_RARE_BRANCHES.
#pragma once

#include <cstdint>

namespace once {

enum class Rare : uint8_t {
  // paxos
  kFirstBallotAvoided,
  kWindowFull,
  kTakeoverAtOnce,
  kRoundsSkipped,
  kTasksShort,
  kReadFinishesOthers,
  kProgressLate,
  kNewsMissed,
  kListedAtOnce,
  kSettledLate,
  kClaimPageShort,
  kListRenumbered,
  kComparedAtOnce,
  kSyncPageShort,
  kAdoptedOne,
  // wal
  kBatchClosedEarly,
  kFlushLate,
  kWatermarkEarly,
  kSegmentClosedEarly,
  // net
  kPeerOutboxFull,
  kConnectionFull,
  // server
  kHoldQueueFull,
  kCleanedEarly,
  kLetterBoxFull,
  // client
  kHedgeAtOnce,
  kRetryAtOnce,
  kHomeAvoided,
  kCount
};
inline constexpr uint8_t kRarePoints = static_cast<uint8_t>(Rare::kCount);

#ifdef ONCE_RARE_BRANCHES
class RareSource {
 public:
  virtual ~RareSource() = default;
  virtual bool fires(Rare point) = 0;
};
// Of the simulation that this thread runs; null: nothing fires.
inline thread_local RareSource* rare_source = nullptr;
inline bool rarely(Rare point) { return rare_source != nullptr && rare_source->fires(point); }
#else
constexpr bool rarely(Rare) { return false; }
#endif

}  // namespace once
