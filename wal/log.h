// The log of one core: bytes in, durable position out (DESIGN 5). What a record means is its
// owner's business. Single-threaded, on its core's Io.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/record_number.h"
#include "base/result.h"
#include "base/types.h"
#include "reactor/io.h"
#include "wal/numbers.h"
#include "wal/segment_reader.h"
#include "wal/segment_use.h"

namespace once::wal {

class Storage;

struct Identity {  // stamped on every block, so that a foreign file is never taken for ours
  ClusterId cluster;
  NodeId node;
  DiskId disk;
};

struct LogOptions {
  std::string directory;  // holds log-<stream>-<generation>.seg files
  uint32_t stream = 0;
  uint64_t segment_bytes = 0;  // of every segment file of the stream; multiple of kMaxBatchBytes
  bool direct = true;          // the running log's O_DIRECT; false only by --unsafe-buffered-log
  reactor::SyncMode sync = reactor::SyncMode::kDsync;
  // Segments that are prepared ahead, 1 or 2. The log is full when it cannot have so many; of two,
  // one is then left, without which nothing that is released could become free: that takes a new
  // segment.
  uint64_t spares = 1;
};

// Where the next block goes; made by recover(), taken by Log.
struct Tail {
  Generation generation;  // of the newest segment
  BlockSequence segment_first_sequence;
  uint64_t spare_segments = 0;  // behind it: made by earlier runs, and not used
  BlockSequence next_sequence;
  BlockSequence durable_sequence;  // every block below is durable
  uint32_t epoch = 0;              // this run's; above every one seen: tells stale blocks apart
  uint64_t blocks_read = 0;
  uint64_t torn_blocks = 0;
  RecordNumber last_record;  // the records that were read have the numbers 1 to this one
  SegmentUse use;            // the newest segment is the open one
  std::vector<Generation> free_segments;  // files of segments that no longer count
};

class LogListener {
 public:
  virtual ~LogListener() = default;
  // Every record up to this number is durable. What was recovered is from the start.
  virtual void on_durable(RecordNumber record) = 0;
  virtual void on_log_failed(std::string_view what) = 0;  // stop the process at once
  // The same where a segment that was durable is not what was written: no start may go on from it.
  virtual void on_log_corrupt(std::string_view what) { on_log_failed(what); }
  // A batch is durable, so long after it was handed over; before its on_durable.
  virtual void on_synced(int64_t) {}
};

struct LogCounters {
  uint64_t batches = 0;
  uint64_t records = 0;
  uint64_t bytes_written = 0;  // blocks, with headers and padding
  uint64_t sync_ns_total = 0;  // over all batches, from submission to completion
  uint64_t sync_ns_max = 0;
  uint64_t segments = 0;  // that this run wrote to
  uint64_t recycled = 0;  // files of released segments: put to use again
  uint64_t removed = 0;   // and removed
};

// Of a record that was recovered. Numbers are 1, 2, ... `use` has the record, as needed, and
// becomes the tail's: a visitor takes off it what the record makes superfluous; itself only if the
// records before it may be read without it. They may be copies: newer than records of the same name
// that come after them. What was visited does not count if recovery ends in an error.
using RecoveryVisitor =
    std::function<void(std::string_view record, RecordNumber number, SegmentUse& use)>;
struct RecoveredRecord {
  std::string_view bytes;
  RecordNumber number;
};
// The same of some records at once, in their order: what they will need can be fetched together.
using RecoveryGroupVisitor =
    std::function<void(std::span<const RecoveredRecord> records, SegmentUse& use)>;

// Reads one stream, oldest record first, having synced its files. Never changes the directory.
// Any error must keep the node from voting; Error::corrupt tells damaged, lost and foreign files
// from files that cannot be read now.
Result<Tail> recover(Storage& storage, const Identity& identity, const LogOptions& options,
                     const RecoveryGroupVisitor& visit);
Result<Tail> recover(Storage& storage, const Identity& identity, const LogOptions& options,
                     const RecoveryVisitor& visit);

// The same while a node may be writing the stream: what was durable before the call, and perhaps
// some of what was written since, is visited. If segments are recycled meanwhile it begins anew, a
// few times: `again` is called, and what was visited before does not count. For inspection: no log
// may go on from this tail.
Result<Tail> read_beside_writer(Storage& storage, const Identity& identity,
                                const LogOptions& options,
                                const std::function<void(std::string_view record)>& visit,
                                const std::function<void()>& again);

// Makes the first segment of a stream: zero-filled and durable. For `onced format`, a new stream.
Result<void> create_stream(Storage& storage, const Identity& identity, const LogOptions& options);

// What is left where no file can be made.
struct Room {
  bool limited = false;  // no file can be made: what follows counts
  bool reserve = false;  // a spare is left; without one nothing that is released becomes free
  uint64_t bytes = 0;    // of records that surely fit into the open segment

  // Whether a segment of which so much is needed can be cleaned: it must fit into the open one, and
  // leave room there for others, or the log goes on in the last spare, cleans what it has just
  // written, and so on for ever.
  bool takes(uint64_t needed_bytes, uint64_t segment_bytes) const {
    return reserve && needed_bytes <= bytes && needed_bytes < segment_bytes / 8 * 5;
  }
};

// Records that wait for the disk, their prefixes included: beyond it the log is behind.
inline constexpr size_t kMaxPendingBytes = 16 * 1024 * 1024;

// A write of the disk for news alone is one that the next request waits for.
inline constexpr int64_t kMostLazyNs = 50'000'000;

class Log {
 public:
  virtual ~Log() = default;
  // Numbers go on from the tail's last record. The bytes are copied.
  virtual RecordNumber append(std::string_view record) = 0;
  // The same of a record that nobody waits for: it begins no batch before kMostLazyNs have passed,
  // and goes with the next one that begins before.
  virtual RecordNumber append_lazily(std::string_view record) = 0;
  virtual RecordNumber appended() const = 0;  // number of the last record
  virtual RecordNumber durable() const = 0;
  // Begins a batch if none is in flight and somebody waits; call at the end of each round.
  virtual void flush() = 0;
  virtual void hurry() = 0;  // somebody waits for all that was appended
  // Closes an idle period by a block that tightens the watermark; retries a failed preparation.
  virtual void on_tick(int64_t now_ns) = 0;
  virtual bool full() const = 0;  // no spare segment could be prepared: refuse new names
  // While it is full: why the last attempt failed.
  virtual std::string_view full_because() const = 0;
  // The disk is slower than what comes, and half of kMaxPendingBytes waits for it: refuse new
  // names.
  virtual bool crowded() const { return false; }
  // The disk hangs, or is slower than what comes, and what waits for it fills kMaxPendingBytes:
  // take nothing more.
  virtual bool behind() const { return false; }
  // The disk is full, and what is left is kept for cleaning, or, where nothing can be cleaned, for
  // starts: take nothing more that could lead to a record.
  virtual bool spent() const { return false; }
  virtual Room room() const { return {}; }
  virtual size_t waiting_bytes() const { return 0; }  // of records behind the batch in flight
  // When the write under way began; 0: there is none. A disk that stalls shows in it.
  virtual int64_t writing_since_ns() const { return 0; }
  virtual const LogCounters& counters() const = 0;

  // What lies in the segments. A record is in it from the moment its batch begins.
  virtual const SegmentUse& use() const = 0;
  // Of a record that was appended or recovered; once for each.
  virtual void no_longer_needed(RecordNumber record, uint64_t record_bytes) = 0;
  // Of a sealed segment of use(). The next is opened only when it is done, or dropped.
  virtual std::unique_ptr<SegmentReader> read_segment(Generation generation) = 0;
  // Nothing in this sealed segment is needed any more: what was, is in records that were appended
  // before this call. It leaves use() at once. The log does without it once those are durable and a
  // segment has been opened after that; until then its file stays as it is.
  virtual void release(Generation generation) = 0;
  // Asks for a new segment soon, so that what was released becomes free although little is written.
  // The log does it once in a few seconds at most.
  virtual void switch_segment() = 0;
  virtual uint64_t files() const = 0;  // of the stream, each of LogOptions::segment_bytes
};

std::unique_ptr<Log> open_log(reactor::Io& io, const Identity& identity, const LogOptions& options,
                              const Tail& tail, LogListener* listener);

}  // namespace once::wal
