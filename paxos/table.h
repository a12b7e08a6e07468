// The names of one core with what its acceptor holds of them, found by key (name_hasher.h) and
// whole name. Entries never move, and grow one by one; names are never removed. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/types.h"
#include "paxos/arena.h"
#include "paxos/entry.h"
#include "paxos/entry_store.h"
#include "paxos/index.h"
#include "paxos/messages.h"
#include "paxos/name_hasher.h"
#include "paxos/name_index.h"
#include "paxos/pieces.h"

namespace once::paxos {

class Table {
 public:
  static constexpr EntryIndex kNone{};
  // Larger values are the arena's, which gives back what is not used any more.
  static constexpr size_t kMostPackedValue = 512;

  Table(Arena& arena, const NameHasher& hasher) : arena_(arena), hasher_(hasher) {}
  void make_ready(size_t bytes) { pieces_.make_ready(bytes); }
  Entry& at(EntryIndex index) {
    ONCE_ASSERT(index != kNil);
    return store_.at(index);
  }
  const Entry& at(EntryIndex index) const {
    ONCE_ASSERT(index != kNil);
    return store_.at(index);
  }
  uint64_t size() const { return store_.size(); }
  // In the order in which they came. REQUIRES: n < size().
  EntryIndex nth(uint64_t n) const { return store_.nth(n); }
  uint64_t number_of(EntryIndex index) const { return store_.number_of(index); }
  EntryIndex after(EntryIndex index) const { return store_.after(index); }  // kNone: the last one
  // What is in the arena is not counted.
  size_t bytes() const { return pieces_.bytes() + store_.bytes() + index_.bytes(); }

  // The lines that find() and insert() read, each by a call of its own when the one before is
  // there: where the line of the index is, and that line. (To fetch the entry too did not pay.)
  void prefetch_segment(uint64_t key) const { index_.prefetch_segment(key); }
  void prefetch(uint64_t key) const { index_.prefetch(key); }
  void prefetch_at(EntryIndex index) const { fetch(index); }

  EntryIndex find(uint64_t key, std::string_view name) const {
    return index_.find(key, [&](EntryIndex index) { return store_.at(index).name() == name; });
  }

  // `room` bytes are kept for the value of the first state: it is stored most densely if it comes
  // before the next name. REQUIRES: find() said kNone; key is the hasher's.
  EntryIndex insert(uint64_t key, std::string_view name, size_t room);

  // What is promised rises, with nothing else. Views of its value live until the step ends.
  void set_promised(Entry& entry, const Ballot& promised);
  // All that is held is this. Views of the value before it live until the step ends.
  void hold(Entry& entry, const Ballot& promised, const Ballot& accepted, const State& state);

  void mark_decided(Entry& entry) {
    ONCE_ASSERT(entry.version() != 0);
    entry.set(kIsDecided);
  }

 private:
  static size_t bytes_of(const EntryApart& apart) { return sizeof(EntryApart) + apart.room; }
  bool can_pack(const Entry& entry, const Ballot& ballot, const State& state) const;
  EntryApart* allocate(size_t room);
  void set_apart(Entry& entry, EntryApart* apart);
  void fetch(EntryIndex index) const {
    const char* at = static_cast<const char*>(store_.address_of(index));
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
  }
  Arena& arena_;
  const NameHasher& hasher_;
  Pieces pieces_;
  EntryStore store_{pieces_};
  NameIndex index_{pieces_};
};

}  // namespace once::paxos
