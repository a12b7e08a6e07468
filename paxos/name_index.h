// Where the entries of one core are, by the keys of their names (name_hasher.h). A lookup reads one
// cache line of nine places mostly. Single-threaded; nothing is ever removed.
//
// The highest bits of a key choose a segment, of which there are as many as it takes. A segment has
// buckets of nine places, and grows a few at a time, so that it is never less than three quarters
// full; at its largest it is split in two. No growth moves more than the names of one segment. In a
// place there are the lowest sixteen bits of the key beside the index: they alone say in which
// bucket of its segment it belongs; and eight of the highest ones: they say to which half it goes
// in the next splits. Entries lie anywhere in memory, and to look at those of one segment takes a
// hundred times as long as to move their places: so a split does that only when those bits are used
// up, and not in all segments at the same size. A full bucket says so, and what belongs there is in
// the next one that has room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"
#include "paxos/index.h"
#include "paxos/pieces.h"

namespace once::paxos {

class NameIndex {
 public:
  explicit NameIndex(Pieces& pieces) : pieces_(pieces), segments_(1), directory_{0} {}

  // What prefetch() reads, so that it need not wait either: some names before it.
  void prefetch_segment(uint64_t key) const {
    const char* segment = reinterpret_cast<const char*>(&segments_[directory_[place_of(key)]]);
    __builtin_prefetch(segment);
    __builtin_prefetch(segment + 64);
    __builtin_prefetch(segment + sizeof(Segment) - 1);
  }
  void prefetch(uint64_t key) const {
    const Segment& segment = segments_[directory_[place_of(key)]];
    if (segment.pages != 0) __builtin_prefetch(&segment.bucket(segment.home_of(tag_of(key))), 1);
  }

  // The index for which is(index), among those of that key; kNil: there is none.
  template <class Is>
  EntryIndex find(uint64_t key, Is is) const {
    const Segment& segment = segments_[directory_[place_of(key)]];
    if (segment.pages == 0) return kNil;
    const uint16_t tag = tag_of(key);
    for (size_t at = segment.home_of(tag);; at = segment.next(at)) {
      const Bucket& bucket = segment.bucket(at);
      for (uint32_t mask = bucket.with(tag); mask != 0; mask &= mask - 1) {
        const auto i = static_cast<uint32_t>(__builtin_ctz(mask));
        if (bucket.ways[i] != segment.way_of(key)) continue;
        if (is(EntryIndex{bucket.indexes[i]})) return EntryIndex{bucket.indexes[i]};
      }
      if (!bucket.overflowed) return kNil;
    }
  }

  // key_of(index), of any index that was put here: only in some splits. It is asked in the order in
  // which ahead(index) was, which may fetch what it needs.
  // REQUIRES: find() said that it is not there.
  template <class KeyOf, class Ahead>
  void insert(uint64_t key, EntryIndex index, KeyOf key_of, Ahead ahead) {
    ONCE_ASSERT(index != kNil);
    while (true) {
      const uint32_t number = directory_[place_of(key)];
      if (!segments_[number].is_full()) break;
      if (segments_[number].pages == kMostPages) {
        split(key, key_of, ahead);
      } else {
        grow(number);
      }
    }
    Segment& segment = segments_[directory_[place_of(key)]];
    segment.place({tag_of(key), segment.way_of(key), false, index.value});
  }

  // Of its tables; its pages are of the pieces.
  size_t bytes() const {
    return segments_.capacity() * sizeof(Segment) + directory_.capacity() * sizeof(uint32_t);
  }

 private:
  static constexpr size_t kPlaces = 9;
  static constexpr size_t kPageBytes = 1024;
  static constexpr size_t kMostPages = 16;
  static constexpr unsigned kMostDepth = 26;
  static constexpr unsigned kTagBits = 16;  // the lowest of the key
  static constexpr unsigned kWayBits = 8;   // of the highest ones, from Segment::known on
  // Up to that depth each split looks at the entries, so that the bits of different segments are
  // used up at different sizes.
  static constexpr unsigned kMixedDepth = 4;

  struct alignas(64) Bucket {
    uint16_t tags[kPlaces];
    uint8_t used : 7;
    uint8_t overflowed : 1;  // something that belongs here or before is behind it
    uint8_t ways[kPlaces];
    uint32_t indexes[kPlaces];
    // A bit for each place with that tag.
    uint32_t with(uint16_t tag) const {
      uint32_t mask = 0;
      for (uint32_t i = 0; i < kPlaces; ++i) mask |= static_cast<uint32_t>(tags[i] == tag) << i;
      return mask & ((1u << used) - 1);
    }
  };
  static_assert(sizeof(Bucket) == 64);
  static constexpr size_t kPerPage = kPageBytes / sizeof(Bucket);

  struct Placed {
    uint16_t tag;
    uint8_t way;
    bool upper;
    uint32_t index;
  };

  struct Segment {
    Bucket* page[kMostPages] = {};
    uint16_t pages = 0;
    uint8_t depth = 0;  // how many bits of a key have led here
    uint8_t known = 0;  // its ways begin with the bit of that depth; at most kWayBits less than it
    uint32_t names = 0;

    size_t buckets() const { return pages * kPerPage; }
    // At seven eighths, a search of what is not there reads 1.3 buckets.
    bool is_full() const { return (names + 1) * 8 > buckets() * kPlaces * 7; }
    Bucket& bucket(size_t at) const { return page[at / kPerPage][at % kPerPage]; }
    size_t home_of(uint16_t tag) const { return tag * buckets() >> kTagBits; }
    size_t next(size_t at) const { return at + 1 == buckets() ? 0 : at + 1; }
    uint8_t way_of(uint64_t key) const {
      return static_cast<uint8_t>(key << known >> (64 - kWayBits));
    }
    void place(const Placed& placed) {
      ONCE_ASSERT(names < buckets() * kPlaces);  // a place is free
      size_t at = home_of(placed.tag);
      while (bucket(at).used == kPlaces) {
        bucket(at).overflowed = 1;
        at = next(at);
      }
      Bucket& free = bucket(at);
      free.tags[free.used] = placed.tag;
      free.ways[free.used] = placed.way;
      free.indexes[free.used] = placed.index;
      ++free.used;
      ++names;
    }
  };

  size_t place_of(uint64_t key) const { return depth_ == 0 ? 0 : key >> (64 - depth_); }
  static uint16_t tag_of(uint64_t key) { return static_cast<uint16_t>(key); }
  // Of that many names, of a segment that is not to grow soon.
  static size_t pages_for(size_t names);
  Bucket* take_page();
  void set_pages(Segment& segment, size_t pages);  // REQUIRES: it is empty, or this is more
  void take_out(Segment& segment);                 // to out_
  void grow(uint32_t number);
  // A new segment, for the upper half of the keys of `number`, of which `key` is one.
  uint32_t divide(uint32_t number, uint64_t key);
  template <class KeyOf, class Ahead>
  void split(uint64_t key, KeyOf key_of, Ahead ahead) {
    const uint32_t number = directory_[place_of(key)];
    const unsigned depth = segments_[number].depth, known = segments_[number].known;
    ONCE_ASSERT(known <= depth && depth - known <= kWayBits);
    take_out(segments_[number]);
    const uint32_t upper = divide(number, key);
    if (depth < kMixedDepth || depth - known == kWayBits) {
      look_at_entries(number, upper, key_of, ahead);
    } else {
      for (Placed& placed : out_) placed.upper = (placed.way >> (known + 7 - depth) & 1) != 0;
    }
    const auto uppers = static_cast<size_t>(
        std::count_if(out_.begin(), out_.end(), [](const Placed& placed) { return placed.upper; }));
    set_pages(segments_[number], pages_for(out_.size() - uppers));
    set_pages(segments_[upper], pages_for(uppers));
    for (const Placed& placed : out_) segments_[placed.upper ? upper : number].place(placed);
    ONCE_ASSERT(segments_[number].names + segments_[upper].names == out_.size());
  }
  // Of what was taken out: the half where it goes, and new ways.
  template <class KeyOf, class Ahead>
  void look_at_entries(uint32_t number, uint32_t upper, KeyOf key_of, Ahead ahead) {
    constexpr size_t kAhead = 16;
    for (const uint32_t half : {number, upper}) set_known(segments_[half], half);
    const unsigned bit = 64u - segments_[number].depth;
    for (size_t i = 0; i < out_.size(); ++i) {
      if (i + kAhead < out_.size()) ahead(EntryIndex{out_[i + kAhead].index});
      const uint64_t key = key_of(EntryIndex{out_[i].index});
      out_[i].upper = (key >> bit & 1) != 0;
      out_[i].way = segments_[out_[i].upper ? upper : number].way_of(key);
    }
  }
  static void set_known(Segment& segment, uint32_t number) {
    const auto mixed = static_cast<uint8_t>(number % (kMixedDepth + 1));
    segment.known = segment.depth > kMixedDepth ? segment.depth : std::min(mixed, segment.depth);
    ONCE_ASSERT(segment.known <= segment.depth);
  }

  Pieces& pieces_;
  std::vector<Segment> segments_;
  std::vector<uint32_t> directory_;  // by the highest depth_ bits of a key
  unsigned depth_ = 0;
  std::vector<Placed> out_;
  std::vector<Bucket*> free_pages_;
  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace once::paxos
