// The entries of one core, one behind the other in the order in which they came: each takes the
// bytes that it needs. EntryIndex is the place of one, in granules: 16 GiB of entries a core, at
// most. Single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "paxos/entry.h"
#include "paxos/index.h"
#include "paxos/pieces.h"

namespace once::paxos {

class EntryStore {
 public:
  static constexpr size_t kMostNameBytes = 0x7fff;
  // An entry without a packed state keeps its own size there, behind the link.
  static constexpr size_t kLeastBody = sizeof(EntryApart*) + sizeof(uint16_t);
  static constexpr size_t kMostBody = 1024;

  explicit EntryStore(Pieces& pieces) : pieces_(pieces) {}

  Entry& at(EntryIndex index) { return *reinterpret_cast<Entry*>(address(index.value)); }
  const Entry& at(EntryIndex index) const {
    return *reinterpret_cast<const Entry*>(address(index.value));
  }
  const void* address_of(EntryIndex index) const { return address(index.value); }
  uint64_t size() const { return count_; }
  size_t bytes() const {
    return taken_.capacity() * sizeof(char*) + marks_.capacity() * sizeof(uint32_t);
  }

  // With `body` bytes behind the name, which are the last entry's to shrink.
  EntryIndex add(std::string_view name, size_t body) {
    ONCE_ASSERT(name.size() <= kMostNameBytes && body >= kLeastBody && body <= kMostBody);
    const size_t prefix = name.size() < 0x80 ? 1 : 2;
    const size_t granules = granules_of(sizeof(Entry) + prefix + name.size() + body);
    if (taken_.empty() || kPerPiece - used_ < granules) begin_piece();
    const auto value = static_cast<uint32_t>((taken_.size() - 1) * kPerPiece + used_);
    if (count_ % kPerMark == 0) marks_.push_back(value);
    ++count_;
    used_ += granules;
    auto* entry = new (address(value)) Entry;
    char* at = entry->bytes();
    *at++ = static_cast<char>(prefix == 1 ? name.size() : name.size() | 0x80);
    if (prefix == 2) *at++ = static_cast<char>(name.size() >> 7);
    std::memcpy(at, name.data(), name.size());
    set_size(*entry, granules);
    last_ = entry;
    ONCE_ASSERT(used_ <= kPerPiece && marks_.size() == (count_ + kPerMark - 1) / kPerMark);
    return EntryIndex{value};
  }

  // Bytes of the body, of an entry that has no packed state.
  size_t body_of(const Entry& entry) const {
    const auto before = static_cast<size_t>(entry.body() - reinterpret_cast<const char*>(&entry));
    return size_of(entry) * Entry::kGranule - before;
  }
  // Its state is packed now: what is behind that it does not need.
  void pack(Entry& entry, const Ballot& ballot, const State& state) {
    const size_t granules = size_of(entry);
    ONCE_ASSERT(PackedState::bytes(ballot, state) <= body_of(entry));
    PackedState::put(entry.body(), ballot, state);
    entry.set(kPacked);
    const size_t needed = size_of(entry);
    ONCE_ASSERT(needed <= granules);
    if (&entry == last_) {
      used_ -= granules - needed;
    } else if (needed < granules) {
      fill(reinterpret_cast<char*>(&entry) + needed * Entry::kGranule, granules - needed);
    }
  }
  // Its state is not packed any more.
  void put_apart(Entry& entry, EntryApart* apart) {
    const size_t granules = size_of(entry);
    const auto before = static_cast<size_t>(entry.body() - reinterpret_cast<const char*>(&entry));
    // A value that was packed here may be in use still, whatever has come since.
    const bool shrinks = &entry == last_ && !entry.has(kPacked) && !entry.has(kApart);
    const size_t needed = shrinks ? granules_of(before + kLeastBody) : granules;
    ONCE_ASSERT(needed <= granules);
    std::memcpy(entry.body(), &apart, sizeof apart);
    entry.clear(kPacked);
    entry.set(kApart);
    set_size(entry, needed);
    used_ -= granules - needed;
  }

  // The n-th, from 0 on. REQUIRES: n < size().
  EntryIndex nth(uint64_t n) const {
    ONCE_ASSERT(n < count_);
    EntryIndex index{marks_[n / kPerMark]};
    for (uint64_t i = n % kPerMark; i > 0; --i) index = after(index);
    return index;
  }
  // Which one it is: nth() of that is `index`.
  uint64_t number_of(EntryIndex index) const {
    const auto mark = std::upper_bound(marks_.begin(), marks_.end(), index.value) - 1;
    uint64_t n = static_cast<uint64_t>(mark - marks_.begin()) * kPerMark;
    for (EntryIndex at{*mark}; at != index; at = after(at)) ++n;
    ONCE_ASSERT(n < count_);
    return n;
  }
  // The one that came next; kNil: it is the last one.
  EntryIndex after(EntryIndex index) const {
    uint64_t at = index.value + size_of(this->at(index));
    while (at < end()) {
      const auto* next = reinterpret_cast<const Entry*>(address(static_cast<uint32_t>(at)));
      if (!next->has(kFiller)) return EntryIndex{static_cast<uint32_t>(at)};
      at += next->record_high_;
    }
    return kNil;
  }

 private:
  static constexpr size_t kPerPiece = Pieces::kBytes / Entry::kGranule;
  static constexpr size_t kMostPieces = (uint64_t{1} << 32) / kPerPiece;
  static constexpr uint64_t kPerMark = 64;
  static size_t granules_of(size_t bytes) {
    return (bytes + Entry::kGranule - 1) / Entry::kGranule;
  }
  char* address(uint32_t value) const {
    return taken_[value / kPerPiece] + value % kPerPiece * Entry::kGranule;
  }
  uint64_t end() const { return taken_.empty() ? 0 : (taken_.size() - 1) * kPerPiece + used_; }
  size_t size_of(const Entry& entry) const {
    if (entry.has(kPacked)) {
      return granules_of(
          static_cast<size_t>(entry.packed().end() - reinterpret_cast<const char*>(&entry)));
    }
    uint16_t granules;
    std::memcpy(&granules, entry.body() + sizeof(EntryApart*), sizeof granules);
    return granules;
  }
  static void set_size(Entry& entry, size_t granules) {
    const auto size = static_cast<uint16_t>(granules);
    ONCE_ASSERT(size == granules);
    std::memcpy(entry.body() + sizeof(EntryApart*), &size, sizeof size);
  }
  static void fill(char* at, size_t granules) {
    ONCE_ASSERT(granules > 0 && granules <= UINT16_MAX);
    const auto flag = static_cast<uint16_t>(kFiller), size = static_cast<uint16_t>(granules);
    std::memcpy(at, &flag, sizeof flag);
    std::memcpy(at + sizeof flag, &size, sizeof size);
  }
  void begin_piece() {
    if (!taken_.empty() && used_ < kPerPiece) fill(address_at_end(), kPerPiece - used_);
    // A node refuses names before (server/memory_account.h); whoever has no bound ends here.
    if (taken_.size() + 1 >= kMostPieces) {
      throw std::length_error("a core holds 16 GiB of names at most: give the node more --cores");
    }
    taken_.push_back(pieces_.take());
    used_ = 0;
  }
  char* address_at_end() { return taken_.back() + used_ * Entry::kGranule; }

  Pieces& pieces_;
  std::vector<char*> taken_;
  size_t used_ = 0;              // granules of the last piece
  std::vector<uint32_t> marks_;  // every kPerMark-th entry
  uint64_t count_ = 0;
  Entry* last_ = nullptr;
};

}  // namespace once::paxos
