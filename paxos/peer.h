// What one core remembers of another member.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "base/types.h"
#include "paxos/hedge.h"

namespace once::paxos {

// Which requests of a peer's core were taken: each once at most, whatever the link repeats. Two
// answers to one request could contradict each other.
struct Forwards {
  Incarnation incarnation;
  std::vector<uint64_t> taken;  // by number, modulo the size: the newest of its residue class

  bool take(Incarnation from, uint64_t number) {
    if (from == Incarnation{} || from < incarnation || number == 0) return false;
    if (from > incarnation) {
      incarnation = from;
      taken.assign(kWindow, 0);
    }
    ONCE_ASSERT(taken.size() == kWindow);
    uint64_t& newest = taken[number % kWindow];
    if (number <= newest) return false;
    newest = number;
    return true;
  }
  static constexpr size_t kWindow = 4096;
};

struct PeerCore {
  bool up = false;
  int64_t full_until = 0;  // it had no room lately, and is not asked for any before
};

struct Peer {
  uint16_t cores = 0;  // 0: never met
  std::vector<PeerCore> links;
  std::vector<Forwards> forwards;  // by core; they outlive a link
  Hedge hedge;
};

}  // namespace once::paxos
