// The part of CoreProbe that the invariants read through.
#include "tests/invariants/views.h"

#include "tests/exhaustive/core_probe.h"

namespace once::paxos {

invariants::CoreView CoreProbe::core_view() const {
  invariants::CoreView view;
  view.self = core_.cluster_.self().node;
  view.incarnation = core_.step_.incarnation();
  view.record = core_.step_.last_record().value;
  view.durable = core_.step_.durable().value;
  view.claimed = core_.claimant_.claim_.is_complete();
  view.quorum = core_.cluster_.quorum();
  const size_t members = core_.cluster_.size();
  view.members = static_cast<uint16_t>((uint32_t{1} << members) - 1);
  view.next_sequence = core_.sequencer_.next_.value;
  view.oldest_open = core_.sequencer_.oldest_open_.value;
  view.self_voted = core_.sequencer_.self_voted_.value;
  view.announced = core_.sequencer_.announced_.value;
  const RoundZero& voted = core_.sequencer_.at(core_.sequencer_.self_voted_);
  if (voted.sequence == core_.sequencer_.self_voted_) view.voted_record = voted.record.value;
  return view;
}

size_t CoreProbe::answered() const {
  size_t answered = 1;
  for (size_t i = 0; i < core_.cluster_.size(); ++i) {
    const bool other = core_.cluster_.member(i) != core_.cluster_.self().node;
    if (other && core_.claimant_.claim_.has_told_all(i)) ++answered;
  }
  return answered;
}

invariants::EntryView CoreProbe::entry_view(uint32_t index) const {
  const Entry& entry = entry_at(index);
  invariants::EntryView view;
  view.promised = entry.promised();
  view.accepted = entry.accepted();
  view.version = entry.version();
  view.writer = entry.writer();
  view.value_size = entry.value_size();
  view.sealed = entry.has(kSealed);
  view.decided = entry.decided();
  view.unsettled = entry.has(kUnsettled);
  view.record = entry.record().value;
  view.home = core_.cluster_.home_of(core_.acceptor_.hash_of(entry));
  view.range_promise = core_.acceptor_.range_promise(core_.cluster_.index_of(view.home));
  return view;
}

bool CoreProbe::asks(uint32_t index) const {
  const RoundId round{index};
  return core_.rounds_.holds(round) && core_.rounds_[round].phase != Phase::kBackOff;
}

invariants::RoundView CoreProbe::round_view(uint32_t index) const {
  invariants::RoundView view;
  view.asks = asks(index);
  if (!view.asks) return view;
  const ClassicRound& round = core_.rounds_[RoundId{index}];
  view.phase = round.phase;
  view.ballot = round.ballot;
  view.best = round.best;
  view.version = round.best.is_null() ? 0 : round.state.version;
  view.votes = round.votes.bits();
  view.entry = static_cast<uint32_t>(core_.acceptor_.number_of(round.entry));
  return view;
}

}  // namespace once::paxos
