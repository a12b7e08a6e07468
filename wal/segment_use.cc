#include "wal/segment_use.h"

#include <algorithm>

#include "base/assert.h"
#include "wal/block_format.h"

namespace once::wal {

void SegmentUse::open(Generation generation, BlockSequence first_sequence) {
  ONCE_ASSERT(segments_.empty() ||
              (segments_.back().sealed() && segments_.back().generation < generation &&
               segments_.back().end_sequence <= first_sequence));
  Segment segment;
  segment.generation = generation;
  segment.first_sequence = first_sequence;
  segment.first_record = last_record_.next();
  segment.last_record = last_record_;
  segments_.push_back(segment);
}

void SegmentUse::seal(BlockSequence end_sequence) {
  ONCE_ASSERT(!segments_.empty() && !segments_.back().sealed());
  ONCE_ASSERT(end_sequence >= segments_.back().first_sequence);
  segments_.back().end_sequence = end_sequence;
}

void SegmentUse::written(RecordNumber last_record, uint64_t bytes, uint64_t needless) {
  ONCE_ASSERT(!segments_.empty() && !segments_.back().sealed() && last_record >= last_record_ &&
              needless <= bytes);
  Segment& segment = segments_.back();
  segment.last_record = last_record_ = last_record;
  segment.written_bytes += bytes;
  segment.needed_bytes += bytes - needless;
  written_bytes_ += bytes;
  needed_bytes_ += bytes - needless;
}

void SegmentUse::no_longer_needed(RecordNumber record, uint64_t record_bytes) {
  ONCE_ASSERT(record > RecordNumber{} && record <= last_record_);
  const auto segment = std::lower_bound(
      segments_.begin(), segments_.end(), record,
      [](const Segment& one, RecordNumber wanted) { return one.last_record < wanted; });
  if (segment == segments_.end() || record < segment->first_record) return;  // removed
  const uint64_t bytes = record_bytes + kRecordPrefixBytes;
  ONCE_ASSERT(segment->needed_bytes >= bytes);
  segment->needed_bytes -= bytes;
  needed_bytes_ -= bytes;
}

void SegmentUse::remove(Generation generation) {
  const Segment* segment = find(generation);
  ONCE_ASSERT(segment != nullptr && segment->sealed());
  written_bytes_ -= segment->written_bytes;
  needed_bytes_ -= segment->needed_bytes;
  segments_.erase(segments_.begin() + (segment - segments_.data()));
}

const SegmentUse::Segment* SegmentUse::find(Generation generation) const {
  const auto segment = std::lower_bound(
      segments_.begin(), segments_.end(), generation,
      [](const Segment& one, Generation wanted) { return one.generation < wanted; });
  return segment != segments_.end() && segment->generation == generation ? &*segment : nullptr;
}

const SegmentUse::Segment* SegmentUse::emptiest() const {
  const Segment* found = nullptr;
  for (const Segment& segment : segments_) {
    if (!segment.sealed()) continue;
    if (found == nullptr || segment.needed_bytes < found->needed_bytes) found = &segment;
  }
  return found;
}

}  // namespace once::wal
