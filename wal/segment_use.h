// What of a stream's segments is still needed: which records lie in which segment, and how many of
// their bytes somebody needs. Nothing is kept per record. Pure; single-threaded.
//
// Sizes of records are without the prefix that the log puts before each; the sums are with it.
#pragma once

#include <cstdint>
#include <vector>

namespace once::wal {

class SegmentUse {
 public:
  struct Segment {
    uint64_t generation = 0;
    uint64_t first_sequence = 0;
    uint64_t end_sequence = 0;  // behind its last block; 0: it is not sealed yet
    uint64_t first_record = 0;
    uint64_t last_record = 0;  // first_record - 1: it has none
    uint64_t written_bytes = 0;
    uint64_t needed_bytes = 0;
    bool sealed() const { return end_sequence != 0; }
  };

  // A segment begins; the one before is sealed. Generations and sequences rise.
  void open(uint64_t generation, uint64_t first_sequence);
  void seal(uint64_t end_sequence);  // the open one
  // The records up to this number, and their prefixes, are in the open segment: so many bytes, of
  // which some are no longer needed.
  void written(uint64_t last_record, uint64_t bytes, uint64_t needless = 0);
  // Of a record of this number and size. If its segment was removed meanwhile, that is all right.
  void no_longer_needed(uint64_t record, uint64_t record_bytes);
  void remove(uint64_t generation);  // a sealed one

  const std::vector<Segment>& segments() const { return segments_; }  // ascending
  const Segment* find(uint64_t generation) const;
  // The sealed one with the fewest bytes that are needed, the oldest of several; null: none is.
  const Segment* emptiest() const;
  uint64_t last_record() const { return last_record_; }
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t needed_bytes() const { return needed_bytes_; }

 private:
  std::vector<Segment> segments_;
  uint64_t last_record_ = 0;
  uint64_t written_bytes_ = 0;
  uint64_t needed_bytes_ = 0;
};

}  // namespace once::wal
