#include "paxos/lanes.h"

#include <algorithm>

#include "base/assert.h"
#include "base/rarely.h"

namespace once::paxos {

Lane& Lanes::of(const Endpoint& home, uint32_t incarnation) {
  for (auto& lane : lanes_) {
    if (lane->home != home) continue;
    if (lane->incarnation < incarnation) {
      send_range(*lane);
      spill(*lane);
      lane->incarnation = incarnation;
      lane->durable = 0;
    }
    return *lane;
  }
  lanes_.push_back(std::make_unique<Lane>());
  Lane& lane = *lanes_.back();
  lane.home = home;
  lane.incarnation = incarnation;
  return lane;
}

uint32_t Lanes::latest_incarnation(NodeId home) const {
  uint32_t latest = 0;
  for (const auto& lane : lanes_) {
    if (lane->home.node == home) latest = std::max(latest, lane->incarnation);
  }
  return latest;
}

// What is still unsettled when its slot is needed goes onto the list. The ring is made for the
// first: of the cores of a home, all of which tell of their progress, one or two have names here.
void Lanes::note_accept(Lane& lane, uint64_t sequence, EntryIndex entry, uint64_t version) {
  ONCE_ASSERT(sequence != 0);
  if (lane.ring.empty()) lane.ring.resize(window_);
  Lane::Slot& slot = lane.ring[sequence & (lane.ring.size() - 1)];
  if (slot.entry != Table::kNone && slot.sequence > lane.durable) {
    acceptor_.list_unsettled(slot.entry);
  }
  slot = Lane::Slot{sequence, entry, version};
  if (rarely(Rare::kListedAtOnce)) acceptor_.list_unsettled(entry);
}

void Lanes::acknowledge(Lane& lane, uint64_t sequence, uint64_t record) {
  if (lane.last != 0 && sequence != lane.last + 1) send_range(lane);
  if (lane.last == 0) {
    lane.first = sequence;
    ranges_.push_back(&lane);
  }
  lane.last = sequence;
  lane.rests_on = std::max(lane.rests_on, record);
}

void Lanes::send_range(Lane& lane) {
  if (lane.last == 0) return;
  ONCE_ASSERT(lane.first <= lane.last);
  outbox_.send(lane.home, RestsOn{lane.rests_on},
               AcceptedRange{lane.incarnation, lane.first, lane.last});
  lane.first = lane.last = lane.rests_on = 0;
}

void Lanes::flush() {
  for (Lane* lane : ranges_) send_range(*lane);
  ranges_.clear();
}

void Lanes::spill(Lane& lane) {
  for (Lane::Slot& slot : lane.ring) {
    if (slot.entry != Table::kNone && slot.sequence > lane.durable) {
      acceptor_.list_unsettled(slot.entry);
    }
    slot = Lane::Slot{};
  }
}

void Lanes::end_before(NodeId home, uint32_t incarnation) {
  for (auto& lane : lanes_) {
    if (lane->home.node == home && lane->incarnation < incarnation) {
      send_range(*lane);
      spill(*lane);
    }
  }
}

}  // namespace once::paxos
