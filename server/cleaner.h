// Keeps the log of one core small (DESIGN 5): reads the sealed segment that is needed least, has
// written anew what rests on it alone, and releases it; in slices that are paid for by a trickle as
// time goes by, and by what the load writes. While much is written it waits: a quiet moment costs
// nobody anything. Single-threaded, on its core's.
//
// Contract (C1): a segment is released only after all of its records were looked at by keep(), and
// the facts were written; the log waits until what was appended by then is durable. Nothing is
// released before may_clean().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/record_number.h"
#include "paxos/replica.h"
#include "wal/log.h"
#include "wal/numbers.h"

namespace once::server {

// How the log stands, for the choice whether to clean.
struct LogSpace {
  uint64_t sealed_bytes = 0;  // of files
  uint64_t needed_bytes = 0;  // of records
  uint64_t emptiest_needed_bytes = 0;
  uint64_t segment_bytes = 0;
  wal::Room room;

  // Whatever the emptiest segment holds.
  bool may_need_cleaning() const {
    if (sealed_bytes == 0) return false;
    return room.limited || sealed_bytes + segment_bytes > 2 * needed_bytes;
  }
};
// So that at rest the files take no more than twice what is needed, and four segments: the one that
// is written, two spares, and one that fills while another is cleaned. Where it begins, at most
// three quarters of the segment are needed, or nothing is won; on a full disk that is all it takes.
bool wants_cleaning(const LogSpace& space);

// So many segments more while the load writes more than this: they are cleaned when it rests.
inline constexpr uint64_t kMostPutOff = 4;
inline constexpr int64_t kBusyBytesPerSecond = 1024 * 1024;
inline constexpr int64_t kBusyOverNs = 100'000'000;  // one batch alone says nothing

// Bytes of segments that may be looked at: so many for each byte that the load writes that a
// segment, half of which is kept, is done before the load and what is kept have filled another.
inline constexpr int64_t kLookedAtPerWritten = 4;
inline constexpr int64_t kTrickle = 8 * 1024 * 1024;       // a second
inline constexpr int64_t kFullTrickle = 64 * 1024 * 1024;  // the same, on a full disk
inline constexpr int64_t kMostCredit = 1024 * 1024;
inline constexpr size_t kSliceBytes = 64 * 1024;      // of records that are looked at together
inline constexpr int64_t kAdoptionShare = 16 * 1024;  // for the names that are looked at together
// More waits for the disk: it is no time to clean, as long as the log does not take too much.
inline constexpr size_t kMostWaiting = 1024 * 1024;

struct CleanerCounters {
  uint64_t segments = 0;    // that were cleaned
  uint64_t kept_bytes = 0;  // of records that were written anew for it
};

class CleanerHandler {
 public:
  virtual ~CleanerHandler() = default;
  // As Replica has them. Bytes of the records that were made.
  virtual size_t keep(const paxos::LoggedRecord* records, size_t count) = 0;
  virtual size_t keep_facts() = 0;
  struct Adopted {
    size_t bytes = 0;  // of records that were made
    bool more = false;
  };
  virtual Adopted adopt() = 0;
  // All that this core was to adopt is durable in its own log.
  virtual void on_adopted() = 0;
  virtual bool may_clean() = 0;     // the same of every core of the node
  virtual bool disk_is_full() = 0;  // for any core of the node: they share it
};

class Cleaner {
 public:
  // `adopts`: names of this core may lie in the logs of others.
  Cleaner(wal::Log& log, uint64_t segment_bytes, bool adopts, CleanerHandler& handler);

  void on_round(int64_t now_ns);  // at the end of each, before the log is flushed
  const CleanerCounters& counters() const { return counters_; }

 private:
  void earn(int64_t now_ns);
  bool must_wait() const;
  void watch_the_load(uint64_t wrote, int64_t now_ns);
  bool takes_too_much() const;
  bool puts_it_off() const;
  bool has_no_room_left() const;
  void adopt();
  bool choose();
  void look_at_some();
  void finish();
  LogSpace space() const;

  wal::Log& log_;
  const uint64_t segment_bytes_;
  CleanerHandler& handler_;
  enum class Adopting : uint8_t { kYes, kWaits, kDone } adopting_;
  RecordNumber adopted_record_;  // it is done when this one is durable
  bool cleans_ = false;
  std::unique_ptr<wal::SegmentReader> reader_;
  wal::Generation victim_;
  int64_t record_share_ = 0;  // bytes of the segment for each of its records
  int64_t credit_ = 0;        // bytes of segments that may be looked at
  int64_t earned_at_ns_ = 0;
  int64_t watched_since_ns_ = 0;
  uint64_t wrote_since_ = 0;  // the load, without what was kept
  bool busy_ = false;
  uint64_t written_ = 0;      // by the log, as it was last seen
  uint64_t kept_unseen_ = 0;  // of what was kept, not yet seen among what was written
  std::vector<char> bytes_;   // of the slice
  std::vector<size_t> sizes_;
  std::vector<paxos::LoggedRecord> slice_;
  CleanerCounters counters_;
};

}  // namespace once::server
