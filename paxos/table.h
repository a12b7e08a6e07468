// The index of one core: every name that its acceptor knows, found by key (name_hasher.h) and whole
// name. 256 small tables, so that one growth moves a 256th of the names only. Entries never move.
// Single-threaded. Names are never removed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "paxos/active.h"
#include "paxos/arena.h"
#include "paxos/index.h"
#include "paxos/messages.h"
#include "paxos/numbers.h"

namespace once::paxos {

enum EntryFlag : uint16_t {
  kSealed = 1,
  kIsDecided = 2,
  kClosed = 4,      // the claim reported it: never again round 0 in this incarnation
  kUnsettled = 8,   // on the unsettled list of its home
  kOnList = 0x80,   // it stands in that list, settled or not: once
  kMadeBy = 0x70,   // three bits: State::made_by, 0 where it is not known
  kInKept = 0x100,  // Entry::record is of a KeptRecord
};
static_assert((kSealed ^ kIsDecided ^ kClosed ^ kUnsettled ^ kMadeBy ^ kOnList ^ kInKept) == 0x1ff,
              "each has bits of its own");
inline constexpr unsigned kMadeByShift = 4;
static_assert(static_cast<unsigned>(Operation::kNext) <= kMadeBy >> kMadeByShift);

// One cache line. The block holds writer, key, name and value.
struct Entry {
 private:
  char* block = nullptr;

 public:
  uint64_t version = 0;
  // Of this core's log: the record that has the promise, and all else that is held if is_whole().
  // 0: there is none, or it is in the log of another core, and durable.
  RecordNumber record;
  Ballot promised;
  Ballot accepted;
  uint32_t value_size = 0;
  Active active;  // the core's affair; it only stands here
  uint16_t name_size = 0;
  uint16_t flags = 0;
  uint32_t room = 0;  // bytes of the block behind the name, value_size of them in use

  static constexpr size_t kHeader = 24;
  RequestId writer() const { return request_id(word(0), word(8)); }
  uint64_t key() const { return word(16); }  // NameHash::key
  std::string_view name() const { return {block + kHeader, name_size}; }
  std::string_view value() const { return {block + kHeader + name_size, value_size}; }
  bool has(EntryFlag flag) const { return (flags & flag) != 0; }
  bool decided() const { return has(kIsDecided); }
  bool final() const { return has(kIsDecided) && has(kSealed); }  // never changes again
  // A promise that was made above what is accepted stands alone in its record.
  bool is_whole() const { return has(kInKept) || accepted.is_null() || accepted == promised; }
  State state() const { return State{version, has(kSealed), writer(), value(), made_by()}; }

 private:
  friend class Table;
  Operation made_by() const {
    const unsigned bits = (flags & kMadeBy) >> kMadeByShift;
    return bits == 0 ? Operation::kRead : static_cast<Operation>(bits);
  }
  uint64_t word(size_t at) const {
    uint64_t word;
    std::memcpy(&word, block + at, sizeof word);
    return word;
  }
};
static_assert(sizeof(Entry) == 64);

class Table {
 public:
  static constexpr EntryIndex kNone{};

  explicit Table(Arena& arena) : arena_(arena) {}
  Entry& at(EntryIndex index) {
    ONCE_ASSERT(index != kNil);
    return chunks_[index.value / kChunk][index.value % kChunk];
  }
  const Entry& at(EntryIndex index) const {
    ONCE_ASSERT(index != kNil);
    return chunks_[index.value / kChunk][index.value % kChunk];
  }
  uint64_t size() const { return count_; }
  // Of the index and the entries; their blocks are the arena's.
  size_t bytes() const { return chunks_.size() * kChunk * sizeof(Entry) + slot_bytes_; }
  void prefetch(uint64_t key) const {
    const auto& part = parts_[key & 255];
    if (!part.slots.empty()) __builtin_prefetch(&part.slots[slot_of(key, part)]);
  }

  EntryIndex find(uint64_t key, std::string_view name) const {
    auto& part = parts_[key & 255];
    if (part.slots.empty()) return kNone;
    const size_t mask = part.slots.size() - 1;
    for (size_t i = slot_of(key, part);; i = (i + 1) & mask) {
      const uint64_t slot = part.slots[i];
      if (slot == 0) return kNone;
      if ((slot >> 32) != tag_of(key)) continue;
      const EntryIndex index{static_cast<uint32_t>(slot) - 1};
      if (at(index).name() == name) return index;
    }
  }

  // `room` bytes are kept for the value of the first state, so that set_state() finds its block.
  // REQUIRES: find() said kNone.
  EntryIndex insert(uint64_t key, std::string_view name, size_t room) {
    ONCE_ASSERT(name.size() <= UINT16_MAX && room <= UINT32_MAX);
    ONCE_ASSERT(count_ < EntryIndex::kNone);
    auto& part = parts_[key & 255];
    if ((part.used + 1) * 4 > part.slots.size() * 3) grow(part);
    if (count_ % kChunk == 0) chunks_.push_back(std::make_unique<Entry[]>(kChunk));
    const EntryIndex index{count_++};
    Entry& entry = at(index);
    entry.name_size = static_cast<uint16_t>(name.size());
    entry.room = static_cast<uint32_t>(room);
    entry.block = arena_.allocate(Entry::kHeader + name.size() + room);
    std::memset(entry.block, 0, 16);
    std::memcpy(entry.block + 16, &key, 8);
    std::memcpy(entry.block + Entry::kHeader, name.data(), name.size());
    place(part, key, index);
    ++part.used;
    return index;
  }

  void set_state(Entry& entry, const State& state) {
    ONCE_ASSERT(state.value.size() <= UINT32_MAX && state.version != 0);
    // A later state gets a block of its own: views of the one before it live until the step ends.
    if (entry.version != 0 || state.value.size() > entry.room) move(entry, state.value.size());
    std::memcpy(entry.block, &state.writer.high, 8);
    std::memcpy(entry.block + 8, &state.writer.low, 8);
    std::copy(state.value.begin(), state.value.end(),
              entry.block + Entry::kHeader + entry.name_size);
    entry.value_size = static_cast<uint32_t>(state.value.size());
    // Decided is said of one version: another one has yet to be chosen.
    if (state.version != entry.version) entry.flags &= static_cast<uint16_t>(~kIsDecided);
    entry.version = state.version;
    const bool known = state.made_by != Operation::kRead;
    const unsigned made_by = known ? static_cast<unsigned>(state.made_by) << kMadeByShift : 0;
    entry.flags = static_cast<uint16_t>((entry.flags & ~(kSealed | kMadeBy)) |
                                        (state.sealed ? kSealed : 0) | made_by);
  }

 private:
  static constexpr uint32_t kChunk = 4096;
  struct Part {
    std::vector<uint64_t> slots;  // tag and index + 1; 0: free
    size_t used = 0;
  };
  void move(Entry& entry, size_t room) {
    ONCE_ASSERT(room <= UINT32_MAX && entry.value_size <= entry.room);
    char* block = arena_.allocate(Entry::kHeader + entry.name_size + room);
    std::memcpy(block + 16, entry.block + 16, 8 + entry.name_size);
    arena_.free(entry.block, Entry::kHeader + entry.name_size + entry.room);
    entry.block = block;
    entry.room = static_cast<uint32_t>(room);
  }
  static uint64_t tag_of(uint64_t key) { return key >> 32; }
  static size_t slot_of(uint64_t key, const Part& part) {
    return (key >> 8) * 0x9e3779b97f4a7c15u >> 24 & (part.slots.size() - 1);
  }
  static void place(Part& part, uint64_t key, EntryIndex index) {
    const size_t mask = part.slots.size() - 1;
    size_t i = slot_of(key, part);
    while (part.slots[i] != 0) i = (i + 1) & mask;
    part.slots[i] = tag_of(key) << 32 | (index.value + 1);
  }
  void grow(Part& part) {
    std::vector<uint64_t> old(part.slots.empty() ? 16 : part.slots.size() * 2);
    slot_bytes_ += (old.size() - part.slots.size()) * sizeof(uint64_t);
    old.swap(part.slots);
    ONCE_ASSERT((part.slots.size() & (part.slots.size() - 1)) == 0);  // masks find the way
    for (uint64_t slot : old) {
      if (slot == 0) continue;
      const EntryIndex index{static_cast<uint32_t>(slot) - 1};
      place(part, at(index).key(), index);
    }
  }

  Arena& arena_;
  std::array<Part, 256> parts_;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  uint32_t count_ = 0;
  size_t slot_bytes_ = 0;
};

}  // namespace once::paxos
