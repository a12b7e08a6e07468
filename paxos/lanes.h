// The round-0 accepts of this acceptor, by the core of the home that numbered them: which of them
// the home has not yet told to be on its disk, or to be chosen (DESIGN 3.2).
//
// Contract (H3): what leaves a lane while its home may not have it on its disk goes onto the
// unsettled list: late, never lost. An answer names numbers of one run of the home only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "paxos/acceptor.h"
#include "paxos/outbox.h"

namespace once::paxos {

// Of one core of one home, by sequence. One incarnation at a time.
struct Lane {
  struct Slot {
    Sequence sequence;
    EntryIndex entry;
    uint64_t version = 0;  // of the state that it stands for: the entry may have gone on
    uint64_t place = 0;    // NameHash::place, so that the name need not be looked at again
  };
  Endpoint home;
  Incarnation incarnation;
  Sequence durable;
  std::vector<Slot> ring;
  // the AcceptedRange that this step is collecting; up to 0: none
  SequenceRange range;
  RecordNumber rests_on;
};

class Lanes {
 public:
  // `window`: how many accepts of a home are outstanding at most; a power of two.
  Lanes(Acceptor& acceptor, Outbox& outbox, size_t window)
      : acceptor_(acceptor), outbox_(outbox), window_(window) {
    ONCE_ASSERT(window >= 2 && (window & (window - 1)) == 0);
  }

  // Of this incarnation, or of the later one that has followed it.
  Lane& of(const Endpoint& home, Incarnation incarnation);
  Incarnation latest_incarnation(NodeId home) const;  // 0: none
  const std::vector<std::unique_ptr<Lane>>& all() const { return lanes_; }
  // False: the home may not have this accept on its disk, and the list does not say so yet.
  bool is_over(const Endpoint& home, Incarnation incarnation, Sequence sequence) const;

  void note_accept(Lane& lane, Sequence sequence, EntryIndex entry, uint64_t version,
                   uint64_t place);
  // The answer to an accept, by ranges of the home's numbers, once a step.
  void acknowledge(Lane& lane, Sequence sequence, RecordNumber record);
  void flush();
  // What is outstanding goes onto the list.
  void list_all();
  // Nothing of this home's earlier incarnations is outstanding any more.
  void end_before(NodeId home, Incarnation incarnation);

  // found(slot) of each accept of these numbers that is known here.
  // REQUIRES: 0 < range.first <= range.last.
  template <class Found>
  void for_each(const Lane& lane, const SequenceRange& range, Found found) const {
    const auto [first, last] = range;
    ONCE_ASSERT(first != Sequence{} && first <= last);
    if (lane.ring.empty()) return;
    const uint64_t count = std::min<uint64_t>(last - first, lane.ring.size() - 1) + 1;
    for (uint64_t n = 0; n < count; ++n) {  // by count: `last` may be the highest number there is
      const Sequence sequence{last.value - n};
      if (n + Acceptor::kAhead < count) {
        const Lane::Slot& later =
            lane.ring[(sequence.value - Acceptor::kAhead) & (lane.ring.size() - 1)];
        if (later.entry != Table::kNone) acceptor_.prefetch_decision(later.entry, later.place);
      }
      const Lane::Slot& slot = lane.ring[sequence.value & (lane.ring.size() - 1)];
      if (slot.sequence != sequence || slot.entry == Table::kNone) continue;
      found(slot);
    }
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  void send_range(Lane& lane);
  void spill(Lane& lane);
  Acceptor& acceptor_;
  Outbox& outbox_;
  const size_t window_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> ranges_;  // lanes with a range to send
};

}  // namespace once::paxos
