#include "paxos/lanes.h"

#include <algorithm>

#include "base/assert.h"
#include "base/rarely.h"

namespace once::paxos {

Lane& Lanes::of(const Endpoint& home, Incarnation incarnation) {
  ONCE_ASSERT(home.node.value != 0);
  for (auto& lane : lanes_) {
    if (lane->home != home) continue;
    if (lane->incarnation < incarnation) {
      send_range(*lane);
      ONCE_ASSERT(lane->range.last == Sequence{});  // told under the incarnation that made it
      spill(*lane);
      lane->incarnation = incarnation;
      lane->durable = Sequence{};
    }
    return *lane;
  }
  lanes_.push_back(std::make_unique<Lane>());
  Lane& lane = *lanes_.back();
  lane.home = home;
  lane.incarnation = incarnation;
  return lane;
}

Incarnation Lanes::latest_incarnation(NodeId home) const {
  Incarnation latest;
  for (const auto& lane : lanes_) {
    if (lane->home.node == home) latest = std::max(latest, lane->incarnation);
  }
  return latest;
}

bool Lanes::is_over(const Endpoint& home, Incarnation incarnation, Sequence sequence) const {
  for (const auto& lane : lanes_) {
    if (lane->home != home || lane->incarnation < incarnation) continue;
    return lane->incarnation > incarnation || sequence <= lane->durable;
  }
  return false;
}

// What is still unsettled when its slot is needed goes onto the list. The ring is made for the
// first: of the cores of a home, all of which tell of their progress, one or two have names here.
void Lanes::note_accept(Lane& lane, Sequence sequence, EntryIndex entry, uint64_t version,
                        uint64_t place) {
  ONCE_ASSERT(sequence != Sequence{} && entry != kNil && version != 0);
  if (lane.ring.empty()) lane.ring.resize(window_);
  ONCE_ASSERT((lane.ring.size() & (lane.ring.size() - 1)) == 0);
  Lane::Slot& slot = lane.ring[sequence.value & (lane.ring.size() - 1)];
  if (slot.entry != Table::kNone && slot.sequence > lane.durable) {
    acceptor_.list_unsettled(slot.entry);
  }
  slot = Lane::Slot{sequence, entry, version, place};
  if (rarely(Rare::kListedAtOnce)) acceptor_.list_unsettled(entry);
}

void Lanes::acknowledge(Lane& lane, Sequence sequence, RecordNumber record) {
  ONCE_ASSERT(sequence != Sequence{});
  const Sequence none;
  if (lane.range.last != none && sequence != lane.range.last.next()) send_range(lane);
  if (lane.range.last == none) {
    lane.range.first = sequence;
    ranges_.push_back(&lane);
  }
  lane.range.last = sequence;
  ONCE_ASSERT(lane.range.first <= lane.range.last);
  lane.rests_on = std::max(lane.rests_on, record);
}

void Lanes::send_range(Lane& lane) {
  const auto [first, last] = lane.range;
  if (last == Sequence{}) return;
  ONCE_ASSERT(first <= last);
  outbox_.send(lane.home, RestsOn{lane.rests_on}, AcceptedRange{lane.incarnation, first, last});
  lane.range = SequenceRange{};
  lane.rests_on = RecordNumber{};
}

void Lanes::flush() {
  for (Lane* lane : ranges_) send_range(*lane);
  ranges_.clear();
}

void Lanes::list_all() {
  for (auto& lane : lanes_) {
    for (const Lane::Slot& slot : lane->ring) {
      if (slot.entry != Table::kNone && slot.sequence > lane->durable) {
        acceptor_.list_unsettled(slot.entry);
      }
    }
  }
}

void Lanes::spill(Lane& lane) {
  for (Lane::Slot& slot : lane.ring) {
    if (slot.entry != Table::kNone && slot.sequence > lane.durable) {
      acceptor_.list_unsettled(slot.entry);
    }
    slot = Lane::Slot{};
  }
}

void Lanes::end_before(NodeId home, Incarnation incarnation) {
  for (auto& lane : lanes_) {
    if (lane->home.node == home && lane->incarnation < incarnation) {
      send_range(*lane);
      spill(*lane);
    }
  }
}

}  // namespace once::paxos
