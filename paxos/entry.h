// What an acceptor holds of one name, in as few bytes as it can be said. An entry never moves and
// is never removed. Behind its eight bytes stand the name and then one of
//   nothing:  it was only asked for, and nothing was promised;
//   its state, packed: the first one, accepted under the ballot that is promised. It never changes;
//   a link to an EntryApart: a later state, a promise above what is accepted, or a large value.
// Only the table writes it (table.h). Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "base/types.h"
#include "paxos/messages.h"
#include "paxos/numbers.h"
#include "paxos/packed_state.h"

namespace once::paxos {

enum EntryFlag : uint16_t {
  kSealed = 1,
  kIsDecided = 2,
  kClosed = 4,      // the claim reported it: never again round 0 in this incarnation
  kUnsettled = 8,   // on the unsettled list of its home
  kMadeBy = 0x70,   // three bits: State::made_by, 0 where it is not known
  kOnList = 0x80,   // it stands in that list, settled or not: once
  kInKept = 0x100,  // Entry::record() is of a KeptRecord
  // How it is stored, and no more.
  kPacked = 0x200,   // its state is packed behind the name
  kApart = 0x400,    // it is in an EntryApart
  kBusy = 0x800,     // something is going on with the name: ActiveNames has it
  kFiller = 0x8000,  // no entry: room that one did not need
};
inline constexpr uint16_t kSaid = 0x1ff;  // the flags that say something of the name
static_assert((kSealed ^ kIsDecided ^ kClosed ^ kUnsettled ^ kMadeBy ^ kOnList ^ kInKept) == kSaid,
              "each has bits of its own");
inline constexpr unsigned kMadeByShift = 4;
static_assert(static_cast<unsigned>(Operation::kNext) <= kMadeBy >> kMadeByShift);

// The same in full, for the few that need it. `room` bytes stand behind it, for the value.
struct EntryApart {
  Ballot promised;
  Ballot accepted;
  uint64_t version = 0;
  RequestId writer;
  uint32_t value_size = 0;
  uint32_t room = 0;
  char* value() { return reinterpret_cast<char*>(this + 1); }
  const char* value() const { return reinterpret_cast<const char*>(this + 1); }
};
static_assert(sizeof(EntryApart) == 56);

class Entry {
 public:
  // Entries begin at multiples of it, and their sizes are such.
  static constexpr size_t kGranule = 4;
  // Record numbers are below it: at a million records a second a run reaches it in nine years.
  static constexpr uint64_t kRecordLimit = uint64_t{1} << 48;

  Entry() = default;  // nothing is held of it, and it has no name
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  std::string_view name() const {
    const char* at = bytes();
    const auto first = static_cast<uint8_t>(*at);
    if (first < 0x80) return {at + 1, first};
    return {at + 2, (first & 0x7fu) | static_cast<unsigned>(static_cast<uint8_t>(at[1])) << 7};
  }
  uint16_t name_size() const { return static_cast<uint16_t>(name().size()); }
  // Of this core's log: the record that has the promise, and all else that is held if is_whole().
  // 0: there is none, or it is in the log of another core, and durable.
  RecordNumber record() const { return RecordNumber{uint64_t{record_high_} << 32 | record_low_}; }
  bool has(EntryFlag flag) const { return (flags_ & flag) != 0; }
  uint16_t flags() const { return flags_ & kSaid; }
  bool decided() const { return has(kIsDecided); }
  bool final() const { return has(kIsDecided) && has(kSealed); }  // never changes again
  bool is_idle() const { return !has(kBusy); }  // nothing is going on with the name

  // In the caller's code: a ballot that a function returns is put together in memory first, and
  // whoever compares it waits for that.
  [[gnu::always_inline]] Ballot promised() const {
    if (has(kApart)) return apart()->promised;
    return has(kPacked) ? packed().ballot : Ballot{};
  }
  [[gnu::always_inline]] Ballot accepted() const {
    if (has(kApart)) return apart()->accepted;
    return has(kPacked) ? packed().ballot : Ballot{};
  }
  [[gnu::always_inline]] uint64_t version() const {
    if (has(kApart)) return apart()->version;
    return has(kPacked) ? packed().version : 0;
  }
  RequestId writer() const {
    if (has(kApart)) return apart()->writer;
    return has(kPacked) ? packed().writer() : RequestId{};
  }
  std::string_view value() const {
    if (has(kApart)) return {apart()->value(), apart()->value_size};
    return has(kPacked) ? packed().value() : std::string_view{};
  }
  uint32_t value_size() const { return static_cast<uint32_t>(value().size()); }
  State state() const;
  // A promise that was made above what is accepted stands alone in its record.
  bool is_whole() const {
    if (has(kInKept) || has(kPacked) || !has(kApart)) return true;
    return apart()->accepted.is_null() || apart()->accepted == apart()->promised;
  }

 private:
  friend class EntryStore;
  friend class Table;
  friend class Acceptor;  // flags and record

  void set(unsigned flags) {
    ONCE_ASSERT(flags <= UINT16_MAX);
    flags_ = static_cast<uint16_t>(flags_ | flags);
  }
  void clear(unsigned flags) {
    ONCE_ASSERT(flags <= UINT16_MAX);
    flags_ = static_cast<uint16_t>(flags_ & ~flags);
  }
  void set_record(RecordNumber record) {
    ONCE_ASSERT(record.value < kRecordLimit);
    record_high_ = static_cast<uint16_t>(record.value >> 32);
    record_low_ = static_cast<uint32_t>(record.value);
  }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  // Behind the name.
  const char* body() const {
    const std::string_view all = name();
    return all.data() + all.size();
  }
  char* body() { return const_cast<char*>(static_cast<const Entry*>(this)->body()); }
  [[gnu::always_inline]] PackedState packed() const {
    ONCE_ASSERT(has(kPacked));
    return PackedState::at(body());
  }
  EntryApart* apart() const {
    ONCE_ASSERT(has(kApart));
    EntryApart* apart;
    std::memcpy(&apart, body(), sizeof apart);
    return apart;
  }
  Operation made_by() const {
    const unsigned bits = (flags_ & kMadeBy) >> kMadeByShift;
    return bits == 0 ? Operation::kRead : static_cast<Operation>(bits);
  }

  uint16_t flags_ = 0;
  uint16_t record_high_ = 0;
  uint32_t record_low_ = 0;
};
static_assert(sizeof(Entry) == 8 && alignof(Entry) == Entry::kGranule);

inline State Entry::state() const {
  if (has(kPacked)) {
    const PackedState state = packed();
    return State{state.version, has(kSealed), state.writer(), state.value(), made_by()};
  }
  if (!has(kApart)) return State{};
  const EntryApart* all = apart();
  return State{all->version, has(kSealed), all->writer, value(), made_by()};
}

}  // namespace once::paxos
