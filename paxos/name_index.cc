#include "paxos/name_index.h"

#include <algorithm>
#include <cstring>

namespace once::paxos {

NameIndex::Bucket* NameIndex::take_page() {
  char* page;
  if (!free_pages_.empty()) {
    page = reinterpret_cast<char*>(free_pages_.back());
    free_pages_.pop_back();
  } else {
    if (left_ == 0) {
      at_ = pieces_.take();
      left_ = Pieces::kBytes;
    }
    page = at_;
    at_ += kPageBytes;
    left_ -= kPageBytes;
  }
  std::memset(page, 0, kPageBytes);
  return reinterpret_cast<Bucket*>(page);
}

size_t NameIndex::pages_for(size_t names) {
  const size_t places = names * 5 / 4;
  return std::clamp<size_t>((places + kPerPage * kPlaces - 1) / (kPerPage * kPlaces), 1,
                            kMostPages);
}

void NameIndex::set_pages(Segment& segment, size_t pages) {
  ONCE_ASSERT(pages <= kMostPages && (pages >= segment.pages || segment.names == 0));
  while (segment.pages < pages) segment.page[segment.pages++] = take_page();
  while (segment.pages > pages) free_pages_.push_back(segment.page[--segment.pages]);
}

// By bucket, which is the order of the tags but for what has overflowed: that comes early or late,
// and place() does not mind.
void NameIndex::take_out(Segment& segment) {
  out_.clear();
  for (size_t at = 0; at < segment.buckets(); ++at) {
    Bucket& bucket = segment.bucket(at);
    for (size_t i = 0; i < bucket.used; ++i) {
      out_.push_back({bucket.tags[i], bucket.ways[i], false, bucket.indexes[i]});
    }
    bucket.used = 0;
    bucket.overflowed = 0;
  }
  ONCE_ASSERT(out_.size() == segment.names);
  segment.names = 0;
}

void NameIndex::grow(uint32_t number) {
  Segment& segment = segments_[number];
  take_out(segment);
  set_pages(segment, std::min<size_t>(segment.pages + (segment.pages < 8 ? 1 : 2), kMostPages));
  for (const Placed& placed : out_) segment.place(placed);
}

uint32_t NameIndex::divide(uint32_t number, uint64_t key) {
  ONCE_ASSERT(segments_[number].depth < kMostDepth);
  if (segments_[number].depth == depth_) {
    std::vector<uint32_t> twice(directory_.size() * 2);
    for (size_t i = 0; i < twice.size(); ++i) twice[i] = directory_[i / 2];
    directory_.swap(twice);
    ++depth_;
  }
  const auto upper = static_cast<uint32_t>(segments_.size());
  segments_.emplace_back();
  const unsigned depth = ++segments_[number].depth;
  segments_[upper].depth = static_cast<uint8_t>(depth);
  segments_[upper].known = segments_[number].known;
  const size_t half = size_t{1} << (depth_ - depth);
  const size_t first = place_of(key) & ~(half * 2 - 1);
  ONCE_ASSERT(directory_[first] == number && directory_[first + half] == number);
  std::fill_n(directory_.begin() + static_cast<std::ptrdiff_t>(first + half), half, upper);
  return upper;
}

}  // namespace once::paxos
