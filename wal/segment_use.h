// What of a stream's segments is still needed: which records lie in which segment, and how many of
// their bytes somebody needs. Nothing is kept per record. Pure; single-threaded.
//
// Sizes of records are without the prefix that the log puts before each; the sums are with it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/record_number.h"
#include "wal/numbers.h"

namespace once::wal {

class SegmentUse {
 public:
  struct Segment {
    Generation generation;
    BlockSequence first_sequence;
    BlockSequence end_sequence;  // behind its last block; 0: it is not sealed yet
    RecordNumber first_record;
    RecordNumber last_record;  // first_record - 1: it has none
    uint64_t written_bytes = 0;
    uint64_t needed_bytes = 0;
    bool sealed() const { return end_sequence != BlockSequence{}; }
  };

  // A segment begins; the one before is sealed. Generations and sequences rise.
  void open(Generation generation, BlockSequence first_sequence);
  void seal(BlockSequence end_sequence);  // the open one
  // The records up to this number, and their prefixes, are in the open segment: so many bytes, of
  // which some are no longer needed.
  void written(RecordNumber last_record, uint64_t bytes, uint64_t needless = 0);
  // Of a record of this number and size. If its segment was removed meanwhile, that is all right.
  void no_longer_needed(RecordNumber record, uint64_t record_bytes);
  void remove(Generation generation);  // a sealed one

  const std::vector<Segment>& segments() const { return segments_; }  // ascending
  const Segment* find(Generation generation) const;
  // The sealed one with the fewest bytes that are needed, the oldest of several; null: none is.
  const Segment* emptiest() const;
  RecordNumber last_record() const { return last_record_; }
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t needed_bytes() const { return needed_bytes_; }

 private:
  std::vector<Segment> segments_;
  RecordNumber last_record_;
  uint64_t written_bytes_ = 0;
  uint64_t needed_bytes_ = 0;
};

}  // namespace once::wal
