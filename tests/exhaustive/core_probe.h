// Reads what a core remembers, for the exhaustive search: everything that can make a difference to
// what it does later, as bytes. Two cores with the same bytes behave alike for ever.
//
// Times stand relative to the core's clock, record numbers relative to what is durable, entries by
// the order of their names. Left out, and why:
//   counters, arena, chunk and slot addresses: nothing is decided by them;
//   what is due anyway (a deadline in the past) is one value, however long ago;
//   fields of free pool slots, but for their generation: the next user overwrites them;
//   votes and entry of a closed round-0 slot: only open slots are voted on;
//   step numbers, but for which request came before which prepare;
//   `options_`: the same in every run of a node, `out_`, `ranges_`, `hashes_`: of one step.
// The audit of the search (LocalStates::audit) tests this claim: it continues from two different
// histories with equal bytes, and demands equal outputs.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "paxos/core.h"
#include "tests/invariants/views.h"

namespace once::paxos {

inline constexpr int64_t kNoDeadline = std::numeric_limits<int64_t>::max();

// A friend of Core.
class CoreProbe {
 public:
  explicit CoreProbe(Core& core) : core_(core) {}

  // Empty, or the structs that have changed since fingerprint() was written. Then look through
  // their fields, add what is new to fingerprint(), and update the sizes in core_probe.cc.
  static std::string outdated();

  // REQUIRES: between two steps.
  void fingerprint(std::vector<char>& out);
  // On the core's clock: when on_tick() next has something to do that time alone makes it do.
  int64_t next_deadline();
  int64_t now() const { return core_.step_.now(); }
  // Of ballots of ours and of those promised.
  uint32_t highest_round();
  template <class F>
  void for_each_entry(F visit) {
    for (uint64_t n = 0; n < core_.acceptor_.size(); ++n) visit(entry_at(n));
  }
  // For the invariants (tests/invariants/views.cc).
  invariants::CoreView core_view() const;
  size_t answered() const;  // members whose whole list is told, this one among them
  size_t entries() const { return core_.acceptor_.size(); }
  invariants::EntryView entry_view(uint32_t index) const;
  std::string_view name_of(uint32_t index) const { return entry_at(index).name(); }
  size_t rounds() const { return core_.task_numbers_.size(); }
  bool asks(uint32_t round) const;
  invariants::RoundView round_view(uint32_t index) const;

 private:
  const Entry& entry_at(uint64_t n) const { return core_.acceptor_.at(core_.acceptor_.nth(n)); }
  void number_entries();
  void put_entry(ByteWriter& out, const Entry& entry);
  void put_op(ByteWriter& out, const Op& op);
  void put_ops(ByteWriter& out);
  void put_round_zero(ByteWriter& out);
  void put_round(ByteWriter& out, const ClassicRound& round);
  void put_read(ByteWriter& out, const QuorumRead& read);
  void put_linger(ByteWriter& out, const Linger& linger);
  void put_tasks(ByteWriter& out);
  void put_lanes(ByteWriter& out);
  void put_homes(ByteWriter& out);
  void put_waiters(ByteWriter& out, const WaitList& list);
  uint64_t pending(RecordNumber record) const {
    const RecordNumber durable = core_.step_.durable();
    return record <= durable ? 0 : record.value - durable.value;
  }
  int64_t until(int64_t time) const {
    return time <= core_.step_.now() ? 0 : time - core_.step_.now();
  }
  uint32_t number_of(EntryIndex entry) const {
    return entry == kNil ? UINT32_MAX : numbers_[core_.acceptor_.number_of(entry)];
  }

  Core& core_;
  std::vector<EntryIndex> by_name_;  // entry indexes in the order of their names
  std::vector<uint32_t> numbers_;    // place in `by_name_`, of the n-th entry
};

}  // namespace once::paxos
