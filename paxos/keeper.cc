#include "paxos/keeper.h"

#include "base/assert.h"
#include "base/rarely.h"

namespace once::paxos {
namespace {

constexpr uint32_t kLookedAtOnce = 4096;  // entries, by adopt()
constexpr size_t kAdoptedBytes = 64 * 1024;

}  // namespace

// The entry that may have something in this record alone; kNone: there is none. What another core
// has by now, it has written anew.
template <class R>
EntryIndex Keeper::resting_on(const R& r, RecordNumber number) const {
  const EntryIndex index = acceptor_.find(cluster_.hasher()(r.name).key, r.name);
  const bool rests = index != Table::kNone && acceptor_.rests_on(index, told_by(r, number));
  return rests ? index : EntryIndex{};
}

void Keeper::keep(const Record& record, RecordNumber number) {
  ONCE_ASSERT(number != RecordNumber{});
  std::visit([&](const auto& r) { write(r, number); }, record);
}

void Keeper::write(const PromiseRecord& r, RecordNumber number) {
  const EntryIndex index = resting_on(r, number);
  if (index == Table::kNone) return;
  const Entry& entry = acceptor_.at(index);
  ONCE_ASSERT(entry.accepted() <= entry.promised());
  // What it has accepted is in a record of its own, and so is what its home may not have.
  if (entry.accepted() < entry.promised()) return acceptor_.keep_promise(index);
  acceptor_.keep(index);
}

void Keeper::write(const AcceptRecord& r, RecordNumber number) {
  const EntryIndex index = resting_on(r, number);
  if (index == Table::kNone) return;
  const Endpoint home{r.ballot.node, r.lane};
  const bool listed = acceptor_.at(index).has(kUnsettled);
  if (r.ballot.is_round_zero() && !listed &&
      !lanes_.is_over(home, r.ballot.incarnation, r.sequence)) {
    acceptor_.list_unsettled(index);  // late, never lost (H3)
  }
  acceptor_.keep(index);
}

void Keeper::write(const KeptRecord& r, RecordNumber number) {
  const EntryIndex index = resting_on(r, number);
  if (index != Table::kNone) acceptor_.keep(index);
}

void Keeper::write_facts() {
  ONCE_ASSERT(step_.incarnation() != Incarnation{});
  step_.append_needless(IncarnationRecord{step_.incarnation()});
  for (size_t home = 0; home < cluster_.size(); ++home) {
    const Incarnation incarnation = acceptor_.range_promise(home);
    if (incarnation == Incarnation{}) continue;
    step_.append_needless(RangePromiseRecord{cluster_.member(home), incarnation});
  }
  for (const auto& lane : lanes_.all()) {
    step_.append_needless(HomeProgressRecord{lane->home, lane->incarnation, lane->durable});
  }
}

bool Keeper::adopt(const std::vector<char>& records) {
  // Of what was read from the log. What is accepted from now on is in this core's own: but between
  // two calls it can be promised over, and is adopted then.
  if (adopted_ == 0) lanes_.list_all();
  const size_t end = records.size() + kAdoptedBytes;
  EntryIndex next = adopted_ < acceptor_.size() ? acceptor_.nth(adopted_) : Acceptor::kNone;
  for (uint32_t n = 0; n < kLookedAtOnce && adopted_ < acceptor_.size(); ++n) {
    const EntryIndex index = next;
    next = acceptor_.after(index);
    const Entry& entry = acceptor_.at(index);
    if (!entry.accepted().is_null() && entry.accepted().is_round_zero() && !entry.is_whole()) {
      acceptor_.list_unsettled(index);  // late, never lost (H3)
    }
    if (entry.record() == RecordNumber{} || !entry.is_whole()) acceptor_.keep(index);
    ++adopted_;
    if (records.size() >= end || rarely(Rare::kAdoptedOne)) break;
  }
  ONCE_ASSERT(adopted_ <= acceptor_.size());
  const bool more = adopted_ < acceptor_.size();
  if (!more) write_facts();
  return more;
}

}  // namespace once::paxos
