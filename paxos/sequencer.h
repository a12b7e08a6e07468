// The numbers of this home's round-0 proposals (DESIGN 3.2): which are outstanding, how far its own
// disk has them, and what is chosen and not announced yet. Pure: it sends and answers nothing.
//
// Contract (H1, D1): a number is given out once in a run, from 1 on. A window of them is
// outstanding: no number is given out before the one a window below it has ended, which is when its
// proposal is closed and this disk has it. Nothing is announced as durable before it is.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "paxos/active.h"
#include "paxos/core_state.h"

namespace once::paxos {

class Sequencer {
 public:
  // REQUIRES: a power of two, at least 2.
  explicit Sequencer(size_t window) : ring_(window) {
    ONCE_ASSERT(window >= 2 && (window & (window - 1)) == 0);
  }

  size_t window() const { return ring_.size(); }
  Sequence next() const { return next_; }
  Sequence oldest_open() const { return oldest_open_; }  // every lower one has ended
  bool is_given_out(Sequence sequence) const { return sequence != Sequence{} && sequence < next_; }
  bool full() const {
    ONCE_ASSERT(oldest_open_ <= next_);
    return next_ - oldest_open_ >= ring_.size();
  }
  bool half_full() const { return next_ - oldest_open_ > ring_.size() / 2; }

  // The next number, which becomes that of `proposal`. REQUIRES: not full.
  RoundZero& open(RoundZero proposal) {
    ONCE_ASSERT(!full());
    RoundZero& slot = at(next_);
    ONCE_ASSERT(!slot.open);
    slot = std::move(proposal);
    slot.sequence = next_;
    next_ = next_.next();
    slot.open = true;
    ONCE_ASSERT(oldest_open_ < next_);
    return slot;
  }
  void close(RoundZero& slot) {
    ONCE_ASSERT(slot.open && is_given_out(slot.sequence));
    slot.open = false;
  }
  // The proposal of that number, if it is open.
  RoundZero* find(Sequence sequence) {
    RoundZero& slot = at(sequence);
    ONCE_ASSERT(!slot.open || is_given_out(slot.sequence));
    return slot.open && slot.sequence == sequence ? &slot : nullptr;
  }
  // Where its number or a higher one with the same place has its proposal.
  RoundZero& at(Sequence sequence) { return ring_[place_of(sequence).value]; }
  const RoundZero& at(Sequence sequence) const { return ring_[place_of(sequence).value]; }
  RingPlace place_of(Sequence sequence) const {
    return {static_cast<uint32_t>(sequence.value & (ring_.size() - 1))};
  }
  RoundZero& at_place(RingPlace place) {
    ONCE_ASSERT(place.value < ring_.size());
    return ring_[place.value];
  }
  // How its name says that it is under way.
  Active active_of(const RoundZero& proposal) const {
    ONCE_ASSERT(is_given_out(proposal.sequence));
    return Active(place_of(proposal.sequence));
  }
  void advance();

  // In their order, each once: the next proposal that this disk has, open or not.
  RoundZero* next_durable(RecordNumber durable_record) {
    const Sequence sequence = self_voted_.next();
    if (sequence >= next_ || at(sequence).record > durable_record) return nullptr;
    ONCE_ASSERT(at(sequence).sequence == sequence);  // its place was not given away
    self_voted_ = sequence;
    ONCE_ASSERT(announced_ <= self_voted_);
    return &at(sequence);
  }
  Sequence durable() const { return self_voted_; }  // every number up to it

  // What others have not been told yet.
  void add_chosen(Sequence sequence);
  const std::vector<SequenceRange>& chosen() const { return chosen_; }
  bool has_progressed() const { return self_voted_ > announced_; }
  // Their own numbers to remember fill half of a window.
  bool owes_progress() const {
    ONCE_ASSERT(announced_ < next_);
    return next_ - announced_ > ring_.size() / 2;
  }
  // Everything is told now.
  void announced();

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  std::vector<RoundZero> ring_;
  Sequence next_{1};
  Sequence oldest_open_{1};
  Sequence self_voted_;
  Sequence announced_;
  std::vector<SequenceRange> chosen_;
};

}  // namespace once::paxos
