#include "tests/invariants/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/exhaustive/core_probe.h"
#include "tests/invariants/invariants.h"

namespace once::invariants {
namespace {

std::string broken(const char* rule, const char* sentence, std::string_view where) {
  return fmt::format("invariant {}: {} Not so {}", rule, sentence, where);
}

}  // namespace

// Everything here is read and nothing is written, though the table has no const door.
std::string Watch::look(const paxos::Replica& replica) {
  auto& core = const_cast<paxos::Core&>(static_cast<const paxos::Core&>(replica));
  paxos::CoreProbe probe(core);
  CoreView is = probe.core_view();
  is.every_step = pace_ == Pace::kEveryStep;
  if (is.incarnation == Incarnation{}) return {};  // not started yet
  const CoreView was = begun_ ? core_ : is;
  if (is.claimed && !was.claimed) is.answered = probe.answered();
  core_ = is;
  for (const CoreInvariant& one : of_cores()) {
    if (!one.holds(was, is)) return broken(one.rule, one.sentence, "in a core");
  }

  const size_t entries = probe.entries();
  const size_t rounds = probe.rounds();
  rounds_.resize(rounds);
  const bool all = is.every_step || !begun_;
  // What was there when the watch began is taken as it is; what came since came from nothing.
  const auto held_before = [&](uint32_t index, const EntryView& now) {
    if (index < entries_.size()) return entries_[index];
    if (!begun_) return now;
    EntryView nothing;
    nothing.home = now.home;
    return nothing;
  };
  const auto check_round = [&](uint32_t index) -> std::string {
    if (!probe.asks(index)) {  // most of them do not
      rounds_[index].asks = false;
      return {};
    }
    const RoundView round = probe.round_view(index);
    const RoundView before = std::exchange(rounds_[index], round);
    const EntryView held = probe.entry_view(round.entry);
    for (const RoundInvariant& one : of_rounds()) {
      if (!one.holds(begun_ ? before : round, round, held_before(round.entry, held), held, is)) {
        return broken(one.rule, one.sentence, fmt::format("in round {}", index));
      }
    }
    return {};
  };
  const auto check_entry = [&](uint32_t index) -> std::string {
    const EntryView entry = probe.entry_view(index);
    const EntryView before = held_before(index, entry);
    if (index < entries_.size()) entries_[index] = entry;
    for (const EntryInvariant& one : of_entries()) {
      if (!one.holds(before, entry, is)) {
        return broken(one.rule, one.sentence, fmt::format("of {}", probe.name_of(index)));
      }
    }
    return {};
  };

  std::string what;
  for (uint32_t n = 0; all && n < rounds && what.empty(); ++n) what = check_round(n);
  for (uint32_t n = 0; all && n < entries && what.empty(); ++n) what = check_entry(n);
  if (!all && turn_++ % 2 == 0) {
    if (next_round_ >= rounds) next_round_ = 0;
    if (rounds > 0) what = check_round(next_round_++);
  } else if (!all) {
    if (next_entry_ >= entries) next_entry_ = 0;
    if (entries > 0) what = check_entry(next_entry_++);
  }
  while (entries_.size() < entries && what.empty()) {
    const auto index = static_cast<uint32_t>(entries_.size());
    if (!all) what = check_entry(index);
    entries_.push_back(probe.entry_view(index));
  }
  begun_ = true;
  return what;
}

}  // namespace once::invariants
