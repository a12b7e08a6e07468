// The running log of one core. Records are copied once, into the aligned buffer of the batch being
// filled; one batch is in flight at a time, and its completion begins the next: group commit with
// no timer. Thread rule: its core's only. Lifetime: the Io outlives the log.
#include "wal/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/rarely.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr size_t kMaxQueuedBatches = kMaxPendingBytes / 2 / kMaxBatchBytes;  // then it is full
constexpr int64_t kIdleNs = 50'000'000;
constexpr int64_t kPrepareRetryNs = 1'000'000'000;

// Room for a segment header block, then the blocks of one batch; each keeps space for its header.
class Batch {
 public:
  Batch() : memory_(allocate_aligned(kMaxBatchBytes)) {}

  bool fits(size_t record_bytes) const {
    return payload_ + kRecordPrefixBytes + record_bytes <= kMaxBatchPayload;
  }
  void add(std::string_view record, uint64_t number) {
    uint32_t size = static_cast<uint32_t>(record.size());
    copy(reinterpret_cast<const char*>(&size), sizeof size);
    copy(record.data(), record.size());
    ++records_;
    last_record_ = number;
  }
  void clear() {
    payload_ = 0;
    records_ = 0;
  }
  bool empty() const { return records_ == 0; }
  size_t payload() const { return payload_; }
  uint64_t records() const { return records_; }
  uint64_t last_record() const { return last_record_; }
  // One at least: an empty batch is a block that carries the watermark.
  size_t blocks() const {
    return std::max<size_t>(1, (payload_ + kBlockPayloadBytes - 1) / kBlockPayloadBytes);
  }
  char* segment_header() { return memory_.get(); }
  char* block(size_t index) { return memory_.get() + (1 + index) * kBlockBytes; }
  size_t block_payload(size_t index) const {
    return std::min(payload_ - std::min(payload_, index * kBlockPayloadBytes), kBlockPayloadBytes);
  }

  Batch* next = nullptr;  // in the queue or the pool

 private:
  void copy(const char* bytes, size_t size) {
    while (size > 0) {
      size_t offset = payload_ % kBlockPayloadBytes;
      size_t part = std::min(size, kBlockPayloadBytes - offset);
      std::memcpy(block(payload_ / kBlockPayloadBytes) + sizeof(BlockHeader) + offset, bytes, part);
      payload_ += part;
      bytes += part;
      size -= part;
    }
  }

  AlignedBytes memory_;
  size_t payload_ = 0;
  uint64_t records_ = 0;
  uint64_t last_record_ = 0;
};

struct OpenSegment {
  reactor::FileId file;
  uint64_t generation = 0;
  uint64_t first_sequence = 0;
  uint64_t blocks = 0;  // of the file, its header block included
};

class SegmentLog final : public Log,
                         private reactor::FileHandler,
                         private reactor::FilePreparedHandler {
 public:
  SegmentLog(reactor::Io& io, const Identity& identity, const LogOptions& options, const Tail& tail,
             LogListener* listener)
      : io_(io),
        options_(options),
        listener_(listener),
        stamp_(header_for(identity, options.stream)),
        next_sequence_(tail.next_sequence),
        durable_sequence_(tail.durable_sequence),
        made_(tail.spare_segments) {
    stamp_.epoch = tail.epoch;
    filling_ = oldest_ = take_batch();
    pool_ = new_batch();
  }
  ~SegmentLog() override {
    if (segment_) io_.close_file(segment_->file);
    if (spare_) io_.close_file(spare_->file);
  }

  void open(const Tail& tail);

  uint64_t append(std::string_view record) override;
  uint64_t appended() const override { return appended_; }
  uint64_t durable() const override { return durable_; }
  void flush() override;
  void on_tick(int64_t now_ns) override;
  bool full() const override {
    return (preparation_failed_ && !spare_) || queued_ > kMaxQueuedBatches;
  }
  bool behind() const override { return pending_bytes_ >= kMaxPendingBytes; }
  const LogCounters& counters() const override { return counters_; }

 private:
  void on_written(uint64_t token) override;
  void on_file_failed(std::string_view what) override { fail(what); }
  void on_file_prepared(const std::string& path, const std::string& error) override;

  void fail(std::string_view what);
  Batch* new_batch();
  Batch* take_batch();
  void queue_batch();
  void begin_batch();
  bool next_segment();
  void seal(Batch& batch, bool opens_segment);
  void need_spare();
  void open_spare();
  void preparation_failed();
  Result<OpenSegment> open_segment(uint64_t generation);

  uint64_t position() const { return 1 + next_sequence_ - segment_->first_sequence; }

  reactor::Io& io_;
  const LogOptions options_;
  LogListener* const listener_;
  BlockHeader stamp_;  // what all blocks of this run have in common
  LogCounters counters_;
  bool failed_ = false;
  bool beginning_ = false;  // a spare that is ready at once must not begin a batch in another

  std::vector<std::unique_ptr<Batch>> batches_;  // owns; the pointers below only name
  Batch* pool_ = nullptr;
  Batch* oldest_ = nullptr;  // the queue: oldest_ -> ... -> filling_
  Batch* filling_ = nullptr;
  size_t queued_ = 1;
  size_t pending_bytes_ = 0;  // of records that are not durable
  Batch* in_flight_ = nullptr;

  uint64_t appended_ = 0;
  uint64_t durable_ = 0;
  uint64_t next_sequence_;
  uint64_t durable_sequence_;
  int64_t submitted_ns_ = 0;
  int64_t durable_at_ns_ = 0;
  bool watermark_behind_ = true;  // the last records' durability is not on disk yet

  std::optional<OpenSegment> segment_;
  std::optional<OpenSegment> spare_;
  uint64_t made_;  // files that exist behind segment_ and spare_
  bool preparing_ = false;
  bool preparation_failed_ = false;
  int64_t retry_at_ns_ = 0;
};

void SegmentLog::open(const Tail& tail) {
  durable_at_ns_ = io_.now_ns();
  auto segment = open_segment(tail.generation);
  if (!segment) return fail(segment.error().message);
  segment_ = *segment;
  segment_->first_sequence = tail.segment_first_sequence;
  if (next_sequence_ < segment_->first_sequence || position() > segment_->blocks) {
    return fail(fmt::format("the log's tail at sequence {} lies outside of segment {}",
                            next_sequence_, tail.generation));
  }
  counters_.segments = 1;
  need_spare();
}

void SegmentLog::fail(std::string_view what) {
  if (failed_) return;
  failed_ = true;
  listener_->on_log_failed(what);
}

Batch* SegmentLog::new_batch() {
  batches_.push_back(std::make_unique<Batch>());
  return batches_.back().get();
}

Batch* SegmentLog::take_batch() {
  if (pool_ == nullptr) return new_batch();
  Batch* batch = pool_;
  pool_ = batch->next;
  batch->next = nullptr;
  return batch;
}

void SegmentLog::queue_batch() {
  Batch* batch = take_batch();
  filling_->next = batch;
  filling_ = batch;
  ++queued_;
}

uint64_t SegmentLog::append(std::string_view record) {
  ONCE_ASSERT(record.size() <= kMaxRecordBytes);
  if (failed_) return ++appended_;  // nothing becomes durable any more
  const bool close_early = !filling_->empty() && rarely(Rare::kBatchClosedEarly);
  if (!filling_->fits(record.size()) || close_early) queue_batch();
  filling_->add(record, ++appended_);
  pending_bytes_ += kRecordPrefixBytes + record.size();
  return appended_;
}

void SegmentLog::flush() {
  if (failed_ || beginning_ || in_flight_ != nullptr || oldest_->empty()) return;
  if (rarely(Rare::kFlushLate)) return;  // the tick comes back to it
  begin_batch();
}

void SegmentLog::begin_batch() {
  ONCE_ASSERT(in_flight_ == nullptr && !failed_);
  size_t blocks = oldest_->blocks();
  bool opens_segment = position() + blocks > segment_->blocks ||
                       (spare_.has_value() && rarely(Rare::kSegmentClosedEarly));
  beginning_ = true;
  bool ready = !opens_segment || next_segment();
  beginning_ = false;
  if (!ready) return;  // on_file_prepared goes on from here
  ONCE_ASSERT(position() + blocks <= segment_->blocks);

  if (oldest_ == filling_) queue_batch();
  in_flight_ = oldest_;
  oldest_ = in_flight_->next;
  in_flight_->next = nullptr;
  --queued_;
  seal(*in_flight_, opens_segment);

  const char* begin = opens_segment ? in_flight_->segment_header() : in_flight_->block(0);
  size_t size = (blocks + (opens_segment ? 1 : 0)) * kBlockBytes;
  uint64_t offset = opens_segment ? 0 : position() * kBlockBytes;
  next_sequence_ += blocks;
  submitted_ns_ = io_.now_ns();
  counters_.bytes_written += size;
  io_.write_file(segment_->file, offset, {begin, size}, options_.sync, next_sequence_);
}

// Closes the segment, its rest unused, and goes to the spare. False if that is not ready.
bool SegmentLog::next_segment() {
  if (!spare_) return false;  // asked for when this segment was taken
  io_.close_file(segment_->file);
  segment_ = spare_;
  segment_->first_sequence = next_sequence_;
  spare_.reset();
  ++counters_.segments;
  need_spare();
  return true;
}

void SegmentLog::seal(Batch& batch, bool opens_segment) {
  ONCE_ASSERT(durable_sequence_ == next_sequence_);  // one batch in flight
  BlockHeader header = stamp_;
  header.generation = segment_->generation;
  header.segment_first_sequence = segment_->first_sequence;
  header.sequence = next_sequence_;
  header.durable_sequence = durable_sequence_;
  if (opens_segment) {
    header.kind = static_cast<uint32_t>(BlockKind::kSegmentHeader);
    seal_block(batch.segment_header(), header);
  }
  header.kind = static_cast<uint32_t>(BlockKind::kData);
  header.batch_blocks = static_cast<uint16_t>(batch.blocks());
  for (size_t index = 0; index < batch.blocks(); ++index) {
    header.sequence = next_sequence_ + index;
    header.batch_index = static_cast<uint16_t>(index);
    header.payload_bytes = static_cast<uint32_t>(batch.block_payload(index));
    char* block = batch.block(index);
    size_t used = sizeof header + header.payload_bytes;
    std::memset(block + used, 0, kBlockBytes - used);
    seal_block(block, header);
  }
}

void SegmentLog::on_written(uint64_t token) {
  if (failed_) return;
  ONCE_ASSERT(in_flight_ != nullptr && token == next_sequence_);
  Batch* batch = std::exchange(in_flight_, nullptr);
  durable_sequence_ = next_sequence_;
  durable_at_ns_ = io_.now_ns();
  uint64_t sync_ns = static_cast<uint64_t>(std::max<int64_t>(0, durable_at_ns_ - submitted_ns_));
  ++counters_.batches;
  counters_.records += batch->records();
  counters_.sync_ns_total += sync_ns;
  counters_.sync_ns_max = std::max(counters_.sync_ns_max, sync_ns);
  watermark_behind_ = !batch->empty();
  bool advanced = !batch->empty();
  if (advanced) durable_ = batch->last_record();
  ONCE_ASSERT(pending_bytes_ >= batch->payload());
  pending_bytes_ -= batch->payload();
  batch->clear();
  batch->next = pool_;
  pool_ = batch;
  if (advanced) listener_->on_durable(durable_);
  flush();
}

void SegmentLog::on_tick(int64_t now_ns) {
  if (failed_) return;
  if (preparation_failed_ && now_ns >= retry_at_ns_) need_spare();
  if (failed_ || in_flight_ != nullptr) return;
  if (!oldest_->empty()) return flush();
  const bool idle = now_ns - durable_at_ns_ >= kIdleNs || rarely(Rare::kWatermarkEarly);
  if (watermark_behind_ && idle) begin_batch();
}

// Keeps one segment ready ahead of the one being written.
void SegmentLog::need_spare() {
  if (spare_ || preparing_) return;
  if (made_ > 0) return open_spare();
  preparing_ = true;
  io_.prepare_file(segment_path(options_.directory, options_.stream, segment_->generation + 1),
                   options_.segment_bytes, this);
}

void SegmentLog::on_file_prepared(const std::string&, const std::string& error) {
  if (failed_) return;
  ONCE_ASSERT(preparing_);
  preparing_ = false;
  if (!error.empty()) return preparation_failed();
  ++made_;
  open_spare();
}

void SegmentLog::open_spare() {
  auto opened = open_segment(segment_->generation + 1);
  if (!opened) return preparation_failed();
  spare_ = *opened;
  --made_;
  preparation_failed_ = false;
  flush();  // what waits for a segment
}

void SegmentLog::preparation_failed() {
  preparation_failed_ = true;
  retry_at_ns_ = io_.now_ns() + kPrepareRetryNs;
}

Result<OpenSegment> SegmentLog::open_segment(uint64_t generation) {
  auto file = io_.open_file(segment_path(options_.directory, options_.stream, generation),
                            options_.direct, this);
  if (!file) return tl::unexpected(file.error());
  OpenSegment segment;
  segment.file = *file;
  segment.generation = generation;
  segment.blocks = options_.segment_bytes / kBlockBytes;
  return segment;
}

}  // namespace

std::unique_ptr<Log> open_log(reactor::Io& io, const Identity& identity, const LogOptions& options,
                              const Tail& tail, LogListener* listener) {
  auto log = std::make_unique<SegmentLog>(io, identity, options, tail, listener);
  log->open(tail);
  return log;
}

}  // namespace once::wal
