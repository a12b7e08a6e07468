// The running log of one core. Records are copied once, into the aligned buffer of the batch being
// filled; one batch is in flight at a time, and its completion begins the next if somebody waits:
// group commit with no timer, but for news. Thread rule: its core's only. Lifetime: the Io outlives
// the log.
#include "wal/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/rarely.h"
#include "wal/batch.h"
#include "wal/needed_segments.h"
#include "wal/spare_segments.h"

namespace once::wal {
namespace {

constexpr size_t kMaxQueuedBatches = kMaxPendingBytes / 2 / kMaxBatchBytes;  // then: crowded
constexpr int64_t kIdleNs = 50'000'000;
constexpr size_t kMaxNeededBytes = kBlockPayloadBytes - 16;
constexpr int64_t kSwitchEveryNs = 5'000'000'000;

struct Released {
  SegmentUse::Segment segment;
  RecordNumber after;  // what was needed of it is in records up to this one
};

class SegmentLog final : public Log, private reactor::FileHandler {
 public:
  SegmentLog(reactor::Io& io, const Identity& identity, const LogOptions& options, const Tail& tail,
             LogListener* listener)
      : io_(io),
        identity_(identity),
        options_(options),
        listener_(listener),
        stamp_(header_for(identity, options.stream)),
        appended_(tail.last_record),
        durable_(tail.last_record),
        next_sequence_(tail.next_sequence),
        durable_sequence_(tail.durable_sequence),
        use_(tail.use),
        spares_(io, options_, counters_, this, [this] { flush(); }) {
    stamp_.epoch = tail.epoch;
    filling_ = oldest_ = take_batch();
    pool_ = new_batch();
  }
  ~SegmentLog() override {
    if (segment_) io_.close_file(segment_->file);
  }

  void open(const Tail& tail);

  RecordNumber append(std::string_view record) override;
  RecordNumber append_lazily(std::string_view record) override;
  RecordNumber appended() const override { return appended_; }
  RecordNumber durable() const override { return durable_; }
  void flush() override;
  void hurry() override { waited_for_ = appended_; }
  void on_tick(int64_t now_ns) override;
  bool full() const override { return spares_.failing(); }
  std::string_view full_because() const override {
    return spares_.failing() ? std::string_view(spares_.failure()) : std::string_view();
  }
  int64_t writing_since_ns() const override { return in_flight_ == nullptr ? 0 : submitted_ns_; }
  bool crowded() const override { return queued_ > kMaxQueuedBatches; }
  bool behind() const override { return pending_bytes_ >= kMaxPendingBytes; }
  bool spent() const override;
  Room room() const override;
  size_t waiting_bytes() const override {
    return pending_bytes_ - (in_flight_ == nullptr ? 0 : in_flight_->payload());
  }
  const LogCounters& counters() const override { return counters_; }
  const SegmentUse& use() const override { return use_; }
  void no_longer_needed(RecordNumber record, uint64_t record_bytes) override;
  std::unique_ptr<SegmentReader> read_segment(Generation generation) override;
  void release(Generation generation) override;
  void switch_segment() override { switch_wanted_ = true; }
  uint64_t files() const override {
    return use_.segments().size() + released_.size() + unlisted_.size() + spares_.files();
  }

 private:
  void on_written(uint64_t token) override;
  void on_file_failed(std::string_view what) override { fail(Error{std::string(what)}); }

  void fail(const Error& error);
  Batch* new_batch();
  Batch* take_batch();
  void queue_batch();
  void add(std::string_view record);
  bool somebody_waits() const;
  void begin_batch();
  bool opens_segment() const;
  bool wants_switch() const;
  bool next_segment();
  void seal(Batch& batch, bool opens_segment);
  void seal_segment_header(Batch& batch, BlockHeader header);
  std::string needed_segments();
  std::string list_without_some(std::vector<SegmentUse::Segment> needed, std::string list);

  uint64_t position() const { return 1 + (next_sequence_ - segment_->first_sequence); }

  reactor::Io& io_;
  const Identity identity_;
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

  RecordNumber appended_;
  RecordNumber waited_for_;    // the last one that somebody waits for
  int64_t lazy_since_ns_ = 0;  // when the first came that no batch has; 0: there is none
  RecordNumber durable_;
  BlockSequence next_sequence_;
  BlockSequence durable_sequence_;
  int64_t submitted_ns_ = 0;
  int64_t durable_at_ns_ = 0;
  bool watermark_behind_ = true;  // the last records' durability is not on disk yet

  std::optional<OpenSegment> segment_;
  SegmentUse use_;
  std::vector<Released> released_;    // the newest header block says that they are needed
  std::vector<Generation> unlisted_;  // the header block in flight is the first not to say so
  bool switch_wanted_ = false;
  int64_t may_switch_at_ns_ = 0;
  SpareSegments spares_;
};

void SegmentLog::open(const Tail& tail) {
  durable_at_ns_ = io_.now_ns();
  auto segment = open_segment(io_, options_, tail.generation, this);
  if (!segment) return fail(segment.error());
  segment_ = *segment;
  segment_->first_sequence = tail.segment_first_sequence;
  if (next_sequence_ < segment_->first_sequence || position() > segment_->blocks) {
    return fail(Error{fmt::format("the log's tail at sequence {} lies outside of segment {}",
                                  next_sequence_.value, tail.generation.value)});
  }
  counters_.segments = 1;
  spares_.start(tail);
}

void SegmentLog::fail(const Error& error) {
  if (failed_) return;
  failed_ = true;
  if (error.corrupt) {
    listener_->on_log_corrupt(error.message);
  } else {
    listener_->on_log_failed(error.message);
  }
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

RecordNumber SegmentLog::append(std::string_view record) {
  add(record);
  waited_for_ = appended_;
  return appended_;
}

RecordNumber SegmentLog::append_lazily(std::string_view record) {
  add(record);
  if (lazy_since_ns_ == 0) lazy_since_ns_ = io_.now_ns();
  return appended_;
}

void SegmentLog::add(std::string_view record) {
  ONCE_ASSERT(record.size() <= kMaxRecordBytes);
  appended_ = appended_.next();
  if (failed_) return;  // nothing becomes durable any more
  const bool close_early = !filling_->empty() && rarely(Rare::kBatchClosedEarly);
  if (!filling_->fits(record.size()) || close_early) queue_batch();
  filling_->add(record, appended_);
  pending_bytes_ += kRecordPrefixBytes + record.size();
}

// Also what does not fit into one batch any more: it has waited long enough to be that much.
bool SegmentLog::somebody_waits() const {
  return waited_for_ > use_.last_record() || oldest_ != filling_ ||
         (lazy_since_ns_ != 0 && io_.now_ns() - lazy_since_ns_ >= kMostLazyNs);
}

void SegmentLog::flush() {
  if (failed_ || beginning_ || in_flight_ != nullptr || oldest_->empty()) return;
  if (!somebody_waits()) return;
  if (rarely(Rare::kFlushLate)) return;  // the tick comes back to it
  begin_batch();
}

void SegmentLog::begin_batch() {
  ONCE_ASSERT(in_flight_ == nullptr && !failed_);
  size_t blocks = oldest_->blocks();
  const bool opens_segment = this->opens_segment();
  beginning_ = true;
  bool ready = !opens_segment || next_segment();
  beginning_ = false;
  if (!ready) return;  // a spare that is ready goes on from here
  ONCE_ASSERT(position() + blocks <= segment_->blocks);

  if (oldest_ == filling_) queue_batch();
  in_flight_ = oldest_;
  oldest_ = in_flight_->next;
  in_flight_->next = nullptr;
  lazy_since_ns_ = 0;  // what is left behind it leaves with its watermark at the latest
  --queued_;
  if (!in_flight_->empty()) {
    use_.written(in_flight_->last_record(), in_flight_->payload(), in_flight_->needless());
  }
  seal(*in_flight_, opens_segment);
  if (opens_segment && unlisted_.empty()) spares_.give_back({});

  const char* begin = opens_segment ? in_flight_->segment_header() : in_flight_->block(0);
  size_t size = (blocks + (opens_segment ? 1 : 0)) * kBlockBytes;
  uint64_t offset = opens_segment ? 0 : position() * kBlockBytes;
  next_sequence_ = next_sequence_ + blocks;
  submitted_ns_ = io_.now_ns();
  counters_.bytes_written += size;
  io_.write_file(segment_->file, offset, {begin, size}, options_.sync, next_sequence_.value);
}

bool SegmentLog::opens_segment() const {
  return position() + oldest_->blocks() > segment_->blocks || wants_switch();
}

// On a full disk the last spare is for this alone: to be taken when files become free by it; two if
// that can be, or nothing is won.
bool SegmentLog::wants_switch() const {
  if (!spares_.ready()) return false;
  const bool asked = switch_wanted_ && io_.now_ns() >= may_switch_at_ns_;
  if (spares_.failing()) {
    const auto free = std::count_if(released_.begin(), released_.end(),
                                    [this](const Released& one) { return one.after <= durable_; });
    return free > 1 || (free == 1 && (asked || room().bytes < options_.segment_bytes / 8));
  }
  return asked || rarely(Rare::kSegmentClosedEarly);
}

// An eighth of the segment is for batches that do not fill their blocks.
Room SegmentLog::room() const {
  Room room;
  room.limited = spares_.failing();
  room.reserve = spares_.ready();
  const uint64_t rest = segment_->blocks - std::min(segment_->blocks, position());
  const uint64_t bytes = (rest - std::min(rest, segment_->blocks / 8)) * kBlockPayloadBytes;
  room.bytes = bytes - std::min<uint64_t>(bytes, waiting_bytes());
  return room;
}

// What is needed of the next segment to be released must fit into the rest of this one: the last
// spare would be taken else while nothing becomes free by it. Where nothing can be released, the
// eighth that room() leaves out is for starts, which write down that they began.
bool SegmentLog::spent() const {
  if (!spares_.failing()) return false;
  const Room room = this->room();
  uint64_t wanted = 0;
  if (released_.empty()) {
    const SegmentUse::Segment* next = use_.emptiest();
    if (next == nullptr || !room.takes(next->needed_bytes, options_.segment_bytes)) {
      return room.bytes == 0;
    }
    wanted = next->needed_bytes;
  }
  return room.bytes - wanted < options_.segment_bytes / 8;
}

// Closes the segment, its rest unused, and goes to the spare. False if that is not ready.
bool SegmentLog::next_segment() {
  if (!spares_.ready()) return false;  // asked for when this segment was taken
  io_.close_file(segment_->file);
  segment_ = spares_.take();
  segment_->first_sequence = next_sequence_;
  use_.seal(next_sequence_);
  use_.open(segment_->generation, next_sequence_);
  ++counters_.segments;
  switch_wanted_ = false;
  may_switch_at_ns_ = io_.now_ns() + kSwitchEveryNs;
  return true;
}

void SegmentLog::seal(Batch& batch, bool opens_segment) {
  ONCE_ASSERT(durable_sequence_ == next_sequence_);  // one batch in flight
  BlockHeader header = stamp_;
  header.generation = segment_->generation.value;
  header.segment_first_sequence = segment_->first_sequence.value;
  header.sequence = next_sequence_.value;
  header.durable_sequence = durable_sequence_.value;
  if (opens_segment) seal_segment_header(batch, header);
  header.kind = static_cast<uint32_t>(BlockKind::kData);
  header.batch_blocks = static_cast<uint16_t>(batch.blocks());
  for (size_t index = 0; index < batch.blocks(); ++index) {
    header.sequence = (next_sequence_ + index).value;
    header.batch_index = static_cast<uint16_t>(index);
    header.payload_bytes = static_cast<uint32_t>(batch.block_payload(index));
    char* block = batch.block(index);
    size_t used = sizeof header + header.payload_bytes;
    std::memset(block + used, 0, kBlockBytes - used);
    seal_block(block, header);
  }
}

void SegmentLog::seal_segment_header(Batch& batch, BlockHeader header) {
  const std::string needed = needed_segments();
  char* block = batch.segment_header();
  header.kind = static_cast<uint32_t>(BlockKind::kSegmentHeader);
  header.payload_bytes = static_cast<uint32_t>(needed.size());
  std::memcpy(block + sizeof header, needed.data(), needed.size());
  const size_t used = sizeof header + needed.size();
  std::memset(block + used, 0, kBlockBytes - used);
  seal_block(block, header);
}

// As the header block of the open segment says it. What was released is left out, where the list
// does not become too long without it: the more holes, the longer. With all of it, the list is the
// one before with a longer last range, and room is kept for that.
std::string SegmentLog::needed_segments() {
  const auto& all = use_.segments();
  std::vector<SegmentUse::Segment> needed(all.begin(), all.end() - 1);
  const auto waiting =
      std::partition(released_.begin(), released_.end(),
                     [this](const Released& one) { return one.after <= durable_; });
  auto add = [&needed](auto from, auto to) {
    for (; from != to; ++from) needed.push_back(from->segment);
    std::sort(needed.begin(), needed.end(),
              [](const auto& a, const auto& b) { return a.generation < b.generation; });
    return encode_needed(ranges_of(needed));
  };
  std::string list = add(waiting, released_.end());
  if (list.size() > kMaxNeededBytes) {
    list = add(released_.begin(), waiting);
    ONCE_ASSERT(list.size() <= kBlockPayloadBytes);
    return list_without_some(std::move(needed), std::move(list));
  }
  for (auto one = released_.begin(); one != waiting; ++one) {
    unlisted_.push_back(one->segment.generation);
  }
  released_.erase(released_.begin(), waiting);
  return list;
}

// One by one, in the order in which they were released.
std::string SegmentLog::list_without_some(std::vector<SegmentUse::Segment> needed,
                                          std::string list) {
  std::erase_if(released_, [&](const Released& one) {
    if (one.after > durable_) return false;
    auto fewer = needed;
    std::erase_if(
        fewer, [&](const auto& segment) { return segment.generation == one.segment.generation; });
    std::string shorter = encode_needed(ranges_of(fewer));
    if (shorter.size() > std::max(list.size(), kMaxNeededBytes)) return false;
    needed = std::move(fewer);
    list = std::move(shorter);
    unlisted_.push_back(one.segment.generation);
    return true;
  });
  return list;
}

void SegmentLog::no_longer_needed(RecordNumber record, uint64_t record_bytes) {
  ONCE_ASSERT(record <= appended_);
  if (failed_) return;
  if (record <= use_.last_record()) return use_.no_longer_needed(record, record_bytes);
  Batch* batch = oldest_;
  while (batch->empty() || batch->last_record() < record) batch = batch->next;
  batch->no_longer_needed(record_bytes);
}

std::unique_ptr<SegmentReader> SegmentLog::read_segment(Generation generation) {
  const SegmentUse::Segment* segment = use_.find(generation);
  ONCE_ASSERT(segment != nullptr && segment->sealed());
  return open_segment_reader(io_, identity_, options_, *segment,
                             [this](const Error& error) { fail(error); });
}

void SegmentLog::release(Generation generation) {
  const SegmentUse::Segment* segment = use_.find(generation);
  ONCE_ASSERT(segment != nullptr && segment->sealed());
  released_.push_back({*segment, appended_});
  use_.remove(generation);
}

void SegmentLog::on_written(uint64_t token) {
  if (failed_) return;
  ONCE_ASSERT(in_flight_ != nullptr && token == next_sequence_.value);
  Batch* batch = std::exchange(in_flight_, nullptr);
  durable_sequence_ = next_sequence_;
  durable_at_ns_ = io_.now_ns();
  uint64_t sync_ns = static_cast<uint64_t>(std::max<int64_t>(0, durable_at_ns_ - submitted_ns_));
  ++counters_.batches;
  counters_.records += batch->records();
  counters_.sync_ns_total += sync_ns;
  counters_.sync_ns_max = std::max(counters_.sync_ns_max, sync_ns);
  listener_->on_synced(static_cast<int64_t>(sync_ns));
  watermark_behind_ = !batch->empty();
  bool advanced = !batch->empty();
  if (advanced) durable_ = batch->last_record();
  ONCE_ASSERT(pending_bytes_ >= batch->payload());
  pending_bytes_ -= batch->payload();
  batch->clear();
  batch->next = pool_;
  pool_ = batch;
  if (!unlisted_.empty()) spares_.give_back(std::exchange(unlisted_, {}));
  if (advanced) listener_->on_durable(durable_);
  flush();
}

void SegmentLog::on_tick(int64_t now_ns) {
  if (failed_) return;
  spares_.on_tick(now_ns);
  if (failed_) return;
  flush();
  if (in_flight_ != nullptr) return;
  const bool idle = now_ns - durable_at_ns_ >= kIdleNs || rarely(Rare::kWatermarkEarly);
  const bool switching =
      (switch_wanted_ && opens_segment()) || (spares_.failing() && wants_switch());
  if ((watermark_behind_ && idle) || switching) begin_batch();
}

}  // namespace

std::unique_ptr<Log> open_log(reactor::Io& io, const Identity& identity, const LogOptions& options,
                              const Tail& tail, LogListener* listener) {
  auto log = std::make_unique<SegmentLog>(io, identity, options, tail, listener);
  log->open(tail);
  return log;
}

}  // namespace once::wal
