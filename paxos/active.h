// What is going on with a name at its core's proposer: at most one thing, and which. Four bytes, as
// an entry has no more to spare.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "paxos/index.h"

namespace once::paxos {

class Active {
 public:
  enum class Kind : uint8_t { kNothing, kRoundZero, kRound, kLinger };

  constexpr Active() = default;
  explicit Active(RingPlace place) : Active(Kind::kRoundZero, place.value) {}
  explicit Active(RoundId round) : Active(Kind::kRound, round.value) {}
  explicit Active(LingerId linger) : Active(Kind::kLinger, linger.value) {}

  Kind kind() const { return static_cast<Kind>(bits_ & 3); }
  bool is_nothing() const { return bits_ == 0; }
  // Each REQUIRES that kind.
  RingPlace round_zero() const { return {place(Kind::kRoundZero)}; }
  RoundId round() const { return {place(Kind::kRound)}; }
  LingerId linger() const { return {place(Kind::kLinger)}; }
  uint32_t bits() const { return bits_; }

  friend bool operator==(const Active&, const Active&) = default;

 private:
  Active(Kind kind, uint32_t place) : bits_(place << 2 | static_cast<uint32_t>(kind)) {
    ONCE_ASSERT(place <= UINT32_MAX >> 2);
  }
  uint32_t place(Kind kind) const {
    ONCE_ASSERT(this->kind() == kind);
    return bits_ >> 2;
  }
  uint32_t bits_ = 0;
};
static_assert(sizeof(Active) == 4);

}  // namespace once::paxos
