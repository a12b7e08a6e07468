#include "paxos/sequencer.h"

namespace once::paxos {

void Sequencer::advance() {
  while (oldest_open_ < next_ && !at(oldest_open_).open && oldest_open_ <= self_voted_) {
    oldest_open_ = oldest_open_.next();
  }
  ONCE_ASSERT(oldest_open_ <= next_ && next_ - oldest_open_ <= ring_.size());
}

void Sequencer::add_chosen(Sequence sequence) {
  ONCE_ASSERT(is_given_out(sequence));
  if (!chosen_.empty() && chosen_.back().last.next() == sequence) {
    chosen_.back().last = sequence;
  } else {
    chosen_.push_back({sequence, sequence});
  }
}

void Sequencer::announced() {
  ONCE_ASSERT(announced_ <= self_voted_ && self_voted_ < next_);
  announced_ = self_voted_;
  chosen_.clear();
}

}  // namespace once::paxos
