// Places in the tables of one core, each table with a type of its own: an index of one can not be
// given to another.
#pragma once

#include <compare>
#include <cstdint>

namespace once::paxos {

// Of one T. By default of none.
template <class T>
struct Index {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t value = kNone;
  friend constexpr auto operator<=>(const Index&, const Index&) = default;
};

// The index of nothing, of whatever kind.
struct Nil {
  template <class T>
  constexpr operator Index<T>() const {
    return {};
  }
  template <class T>
  friend constexpr bool operator==(const Index<T>& index, Nil) {
    return index.value == Index<T>::kNone;
  }
};
inline constexpr Nil kNil;

struct Candidate;
struct ClassicRound;
class Entry;
struct Linger;
struct Op;
struct QuorumRead;
struct RoundZero;
using CandidateId = Index<Candidate>;
using EntryIndex = Index<Entry>;
using OpIndex = Index<Op>;
using RoundId = Index<ClassicRound>;
using LingerId = Index<Linger>;
using ReadId = Index<QuorumRead>;
using RingPlace = Index<RoundZero>;  // of a sequence number, modulo the window

}  // namespace once::paxos
