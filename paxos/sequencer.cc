#include "paxos/sequencer.h"

namespace once::paxos {

void Sequencer::advance() {
  while (oldest_open_ < next_ && !at(oldest_open_).open && oldest_open_ <= self_voted_) {
    ++oldest_open_;
  }
}

void Sequencer::add_chosen(uint64_t sequence) {
  ONCE_ASSERT(is_given_out(sequence));
  if (!chosen_.empty() && chosen_.back().second + 1 == sequence) {
    chosen_.back().second = sequence;
  } else {
    chosen_.emplace_back(sequence, sequence);
  }
}

void Sequencer::announced() {
  ONCE_ASSERT(announced_ <= self_voted_ && self_voted_ < next_);
  announced_ = self_voted_;
  chosen_.clear();
}

}  // namespace once::paxos
