// What must outlive a segment of the log is written anew, as it is held now (DESIGN 5, C1).
#include "base/rarely.h"
#include "paxos/core.h"

namespace once::paxos {

constexpr uint32_t kLookedAtOnce = 4096;  // entries, by adopt()
constexpr size_t kAdoptedBytes = 64 * 1024;

// News of decisions and what is of no name need nothing: keep_facts() writes the latter.
struct Core::Keeper {
  Core& core;
  RecordNumber number;

  template <class R>
  void operator()(const R&) {}
  void operator()(const PromiseRecord& r) {
    const EntryIndex index = resting_on(r);
    if (index == Table::kNone) return;
    const Entry& entry = core.acceptor_.at(index);
    // What it has accepted is in a record of its own, and so is what its home may not have.
    if (entry.accepted() < entry.promised()) return core.acceptor_.keep_promise(index);
    core.acceptor_.keep(index);
  }
  void operator()(const AcceptRecord& r) {
    const EntryIndex index = resting_on(r);
    if (index == Table::kNone) return;
    const Endpoint home{r.ballot.node, r.lane};
    const bool listed = core.acceptor_.at(index).has(kUnsettled);
    if (r.ballot.round == 0 && !listed &&
        !core.lanes_.is_over(home, r.ballot.incarnation, Sequence{r.sequence})) {
      core.acceptor_.list_unsettled(index);  // late, never lost (H3)
    }
    core.acceptor_.keep(index);
  }
  void operator()(const KeptRecord& r) {
    const EntryIndex index = resting_on(r);
    if (index != Table::kNone) core.acceptor_.keep(index);
  }

  static void write_facts(Core& core) {
    core.step_.append_news(IncarnationRecord{core.step_.incarnation()});
    for (size_t home = 0; home < core.cluster_.size(); ++home) {
      const uint32_t incarnation = core.acceptor_.range_promise(home);
      if (incarnation == 0) continue;
      core.step_.append_news(RangePromiseRecord{core.cluster_.member(home), incarnation});
    }
    for (const auto& lane : core.lanes_.all()) {
      core.step_.append_news(
          HomeProgressRecord{lane->home, lane->incarnation, lane->durable.value});
    }
  }

 private:
  // The entry that may have something in this record alone; kNone: there is none. What another core
  // has by now, it has written anew.
  template <class R>
  EntryIndex resting_on(const R& r) const {
    const EntryIndex index = core.acceptor_.find(core.cluster_.hasher()(r.name).key, r.name);
    const bool rests = index != Table::kNone && core.acceptor_.rests_on(index, told_by(r, number));
    return rests ? index : EntryIndex{};
  }
};

void Core::keep(const LoggedRecord* records, size_t count, int64_t now_ns, Output& out) {
  begin(now_ns, out);
  for (size_t i = 0; i < count; ++i) {
    const std::optional<Record> record = decode_record(records[i].bytes);
    ONCE_ASSERT(record.has_value());  // the log's own checksum is over it
    std::visit(Keeper{*this, RecordNumber{records[i].number}}, *record);
  }
  finish();
}

void Core::keep_facts(int64_t now_ns, Output& out) {
  begin(now_ns, out);
  Keeper::write_facts(*this);
  finish();
}

bool Core::adopt(int64_t now_ns, Output& out) {
  begin(now_ns, out);
  // Of what was read from the log. What is accepted from now on is in this core's own: but between
  // two calls it can be promised over, and is adopted then.
  if (adopted_ == 0) lanes_.list_all();
  const size_t end = out.records.size() + kAdoptedBytes;
  EntryIndex next = adopted_ < acceptor_.size() ? acceptor_.nth(adopted_) : Acceptor::kNone;
  for (uint32_t n = 0; n < kLookedAtOnce && adopted_ < acceptor_.size(); ++n) {
    const EntryIndex index = next;
    next = acceptor_.after(index);
    const Entry& entry = acceptor_.at(index);
    if (!entry.accepted().is_null() && entry.accepted().round == 0 && !entry.is_whole()) {
      acceptor_.list_unsettled(index);  // late, never lost (H3)
    }
    if (entry.record() == RecordNumber{} || !entry.is_whole()) acceptor_.keep(index);
    ++adopted_;
    if (out.records.size() >= end || rarely(Rare::kAdoptedOne)) break;
  }
  const bool more = adopted_ < acceptor_.size();
  if (!more) Keeper::write_facts(*this);
  finish();
  return more;
}

}  // namespace once::paxos
