// Reads a stream back. A segment that another follows must be all there, and is read once: each of
// its batches is visited as soon as it is seen to be whole. The newest is read twice: first what
// its blocks are, and what the highest durable watermark W says; then the records of the batches to
// be taken. A bad block below W is corruption, at or above it a torn tail (docs/log-format.md has
// the table). Blocking; before the log runs.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "wal/batch_records.h"
#include "wal/block_check.h"
#include "wal/segment.h"
#include "wal/stream_files.h"

namespace once::wal {
namespace {

constexpr size_t kReadBytes = 1024 * 1024;
constexpr int kLiveAttempts = 10;
constexpr size_t kVisitedAtOnce = 16;  // records, whose cache misses are waited for together
static_assert(kReadBytes % kBlockBytes == 0);

enum class BlockState : uint8_t { kZero, kBad, kWhole };

// What the first pass keeps of a block.
struct BlockNote {
  uint32_t epoch = 0;
  uint8_t batch_index = 0;
  uint8_t batch_blocks = 0;
  BlockState state = BlockState::kZero;
};
static_assert(sizeof(BlockNote) == 8);

struct Segment {
  SegmentFile file;
  bool started = false;  // its header block is whole
  uint32_t header_epoch = 0;
  BlockSequence first_sequence;
  std::vector<BlockNote> blocks;  // [0] is the header block
};

struct Scan {
  StreamFiles files;
  std::vector<Segment> segments;  // of the files that count
  BlockSequence watermark;
  Position newest;  // of the whole blocks
  uint64_t blocks_read = 0;
};

bool all_zero(const char* block) {
  return block[0] == 0 && std::memcmp(block, block + 1, kBlockBytes - 1) == 0;
}

class Recovery {
 public:
  Recovery(Storage& storage, const Identity& identity, const LogOptions& options)
      : storage_(storage),
        identity_(identity),
        options_(options),
        buffer_(allocate_aligned(kReadBytes)) {}

  Result<Tail> run(const RecoveryGroupVisitor& visit);
  // run() then passes over what is written from now on.
  Result<void> look_for_the_end();

 private:
  template <class OnBlock>
  Result<void> read_blocks(const std::string& path, uint64_t first, uint64_t end, OnBlock on_block);
  Result<void> find_files();
  Result<void> open_segment(Segment& segment);
  Result<void> scan_blocks(Segment& segment);
  Result<void> note_block(Segment& segment, uint64_t index, char* block);
  bool left_over(Generation generation, const Segment& segment) const;
  Result<void> check_chain() const;
  uint64_t told_blocks(Generation generation) const;
  uint64_t end_of(size_t number) const;
  uint64_t whole_batch(const Segment& segment, uint64_t at, uint64_t end, uint32_t epoch) const;
  tl::unexpected<Error> damaged_below(size_t number, uint64_t at, BlockSequence sequence) const;
  Result<void> take_sealed(size_t number, const RecoveryGroupVisitor& visit, Tail& tail);
  Result<uint64_t> taken_of_newest(size_t number, Tail& tail);
  Result<void> take_newest(size_t number, const RecoveryGroupVisitor& visit, Tail& tail);
  Result<void> take_batch(const std::string& path, uint64_t last, const RecoveryGroupVisitor& visit,
                          Tail& tail);

  Storage& storage_;
  const Identity& identity_;
  const LogOptions& options_;
  AlignedBytes buffer_;
  Scan scan_;
  uint32_t epoch_ = 0;  // of the batch that was taken last
  BatchRecords records_;
  std::vector<RecoveredRecord> visited_;
  Position end_ = kNoEnd;  // the newest block that counts
};

// Calls on_block(index, bytes) for the blocks [first, end) of a file, or to its end.
template <class OnBlock>
Result<void> Recovery::read_blocks(const std::string& path, uint64_t first, uint64_t end,
                                   OnBlock on_block) {
  for (uint64_t at = first; at < end;) {
    uint64_t wanted = std::min<uint64_t>((end - at) * kBlockBytes, kReadBytes);
    auto got = storage_.read(path, at * kBlockBytes, {buffer_.get(), wanted});
    if (!got) return tl::unexpected(got.error());
    if (*got != wanted) return corrupt(path, at + *got / kBlockBytes, "the file ends early");
    for (uint64_t block = 0; block < wanted / kBlockBytes; ++block, ++at) {
      auto result = on_block(at, buffer_.get() + block * kBlockBytes);
      if (!result) return result;
    }
  }
  return {};
}

// Of a segment that this file once was, and that nobody needs: recycling leaves all blocks in
// place. (One of a segment that still counts was written to a wrong file.) What its watermark says
// is no news: the header block that first did without it said more.
bool Recovery::left_over(Generation generation, const Segment& segment) const {
  const auto& counted = scan_.files.counted;
  const auto at = std::lower_bound(
      counted.begin(), counted.end(), generation,
      [](const SegmentFile& one, Generation wanted) { return one.generation < wanted; });
  const bool counts = at != counted.end() && at->generation == generation;
  return generation < segment.file.generation && !counts;
}

Result<void> Recovery::note_block(Segment& segment, uint64_t index, char* block) {
  ++scan_.blocks_read;
  BlockNote& note = segment.blocks[index];
  if (all_zero(block)) return {};
  note.state = BlockState::kBad;
  BlockHeader header;
  if (!is_whole(block, &header)) return {};
  auto owner = check_owner(header, identity_, segment.file.path);
  if (!owner) return owner;
  const Generation generation{header.generation};
  const bool ours = generation == segment.file.generation;
  if (!in_place(header, options_.stream, index) || !(ours || left_over(generation, segment))) {
    // No crash moves a block: the device wrote it to a wrong place, and misses it at the right one.
    return corrupt(segment.file.path, index,
                   fmt::format("it holds a block of another place ({})", place_of(header)));
  }
  if (!can_go_on(header)) {
    return corrupt(
        segment.file.path, index,
        fmt::format("no log counts so far (epoch {}, {})", header.epoch, place_of(header)));
  }
  const Position position{header.epoch, BlockSequence{header.sequence}};
  if (position > end_) {
    note.state = BlockState::kZero;  // as it was a moment ago
    return {};
  }
  scan_.newest = std::max(scan_.newest, position);
  if (!ours) {
    note.state = BlockState::kZero;
    return {};
  }
  scan_.watermark = std::max(scan_.watermark, BlockSequence{header.durable_sequence});
  if (index == 0) {
    segment.started = true;
    segment.header_epoch = header.epoch;
    segment.first_sequence = BlockSequence{header.segment_first_sequence};
  } else if (!segment.started ||
             BlockSequence{header.segment_first_sequence} != segment.first_sequence) {
    return {};  // of an earlier, unfinished start of this segment
  }
  note = {header.epoch, static_cast<uint8_t>(header.batch_index),
          static_cast<uint8_t>(header.batch_blocks), BlockState::kWhole};
  return {};
}

// Its header block.
Result<void> Recovery::open_segment(Segment& segment) {
  const std::string& path = segment.file.path;
  auto size = storage_.sync_and_size(path);
  if (!size) return tl::unexpected(size.error());
  // A cut takes blocks away together with the watermarks that would give it away.
  if (*size != options_.segment_bytes) {
    return corrupt(
        path, *size / kBlockBytes,
        fmt::format("the file has {} bytes instead of {}", *size, options_.segment_bytes));
  }
  segment.blocks.resize(*size / kBlockBytes);
  return read_blocks(
      path, 0, 1, [&](uint64_t index, char* block) { return note_block(segment, index, block); });
}

// What its other blocks are.
Result<void> Recovery::scan_blocks(Segment& segment) {
  return read_blocks(segment.file.path, 1, segment.blocks.size(), [&](uint64_t index, char* block) {
    return note_block(segment, index, block);
  });
}

Result<void> Recovery::find_files() {
  auto files = find_stream_files(storage_, identity_, options_, end_, buffer_.get());
  if (!files) return tl::unexpected(files.error());
  scan_.files = std::move(*files);
  for (const SegmentFile& file : scan_.files.counted) {
    Segment& segment = scan_.segments.emplace_back();
    segment.file = file;
    if (auto opened = open_segment(segment); !opened) return opened;
  }
  return {};
}

// As the newest header block says it of the last segment of a range.
uint64_t Recovery::told_blocks(Generation generation) const {
  for (const NeededRange& range : scan_.files.needed) {
    if (range.last == generation) return range.last_blocks;
  }
  return kUntold;
}

// The needed segments and the newest are all started, and each begins at or behind the end of the
// one before: exactly there, if none between them is gone.
Result<void> Recovery::check_chain() const {
  if (scan_.files.newest == Generation{}) {
    const SegmentFile& first = scan_.segments.front().file;
    if (first.generation == kFirstGeneration) {
      return corrupt(first.path, 0, "the segment header is damaged");
    }
    const Generation before = first.generation.previous();  // behind it there are spares only
    return corrupt(segment_path(options_.directory, options_.stream, before), 0,
                   "the segment file is missing");
  }
  const Segment* before = nullptr;
  for (const Segment& segment : scan_.segments) {
    const Generation generation = segment.file.generation;
    if (generation > scan_.files.newest) {
      // It was none when the newest was looked for.
      if (segment.started) {
        return corrupt(segment.file.path, 0, "it reads differently the second time");
      }
      continue;
    }
    if (!segment.started) return corrupt(segment.file.path, 0, "the segment header is damaged");
    if (segment.first_sequence < kFirstSequence) {
      return corrupt(segment.file.path, 0, "it begins too early");
    }
    if (generation == kFirstGeneration && segment.first_sequence != kFirstSequence) {
      return corrupt(segment.file.path, 0, "the first segment begins too late");
    }
    if (before != nullptr) {
      const uint64_t told = told_blocks(before->file.generation);
      const bool rises = segment.first_sequence >= before->first_sequence;
      const uint64_t between = rises ? segment.first_sequence - before->first_sequence : 0;
      const bool next = before->file.generation.next() == generation;
      if (!rises ||
          (next && (between > before->blocks.size() - 1 || (told != kUntold && told != between))) ||
          (!next && (between < told || told > before->blocks.size() - 1))) {
        return corrupt(segment.file.path, 0, "it does not continue the segment before");
      }
    }
    before = &segment;
  }
  return {};
}

// Behind the last block that a sealed segment has; of the newest, behind its file.
uint64_t Recovery::end_of(size_t number) const {
  const Segment& segment = scan_.segments[number];
  const Generation generation = segment.file.generation;
  if (generation == scan_.files.newest) return segment.blocks.size();
  const Segment& next = scan_.segments[number + 1];
  const bool adjacent = next.file.generation == generation.next();
  return 1 + (adjacent ? next.first_sequence - segment.first_sequence : told_blocks(generation));
}

// The number of blocks of the batch that begins at `at`; 0 if it is not all there.
uint64_t Recovery::whole_batch(const Segment& segment, uint64_t at, uint64_t end,
                               uint32_t epoch) const {
  const BlockNote& first = segment.blocks[at];
  if (first.state != BlockState::kWhole || first.batch_index != 0 || first.epoch < epoch) return 0;
  if (first.batch_blocks > end - at) return 0;
  for (uint64_t index = 1; index < first.batch_blocks; ++index) {
    const BlockNote& note = segment.blocks[at + index];
    if (note.state != BlockState::kWhole || note.epoch != first.epoch) return 0;
    if (note.batch_index != index || note.batch_blocks != first.batch_blocks) return 0;
  }
  return first.batch_blocks;
}

// Names the likelier place: a damaged header hides a whole segment behind blocks never written.
tl::unexpected<Error> Recovery::damaged_below(size_t number, uint64_t at,
                                              BlockSequence sequence) const {
  const Segment& segment = scan_.segments[number];
  bool unwritten = at == segment.blocks.size() || segment.blocks[at].state == BlockState::kZero;
  if (unwritten && number + 1 < scan_.segments.size() &&
      scan_.segments[number + 1].blocks[0].state == BlockState::kBad) {
    return corrupt(scan_.segments[number + 1].file.path, 0, "the segment header is damaged");
  }
  return corrupt(segment.file.path, at,
                 fmt::format("a damaged batch at sequence {}, below the durable watermark {}",
                             sequence.value, scan_.watermark.value));
}

// Numbers the records of a batch whose blocks are all there, up to `last`, and adds them to what
// the tail says of its segments.
Result<void> Recovery::take_batch(const std::string& path, uint64_t last,
                                  const RecoveryGroupVisitor& visit, Tail& tail) {
  std::optional<std::string_view> record = records_.take();
  while (record) {
    visited_.clear();
    for (; record && visited_.size() < kVisitedAtOnce; record = records_.take()) {
      tail.last_record = tail.last_record.next();
      tail.use.written(tail.last_record, kRecordPrefixBytes + record->size());
      visited_.push_back({*record, tail.last_record});
    }
    visit(visited_, tail.use);
  }
  if (records_.empty()) return {};
  return corrupt(path, last, "a record runs past the end of its batch");
}

// One that another follows: of a batch that is not whole, nothing was visited.
Result<void> Recovery::take_sealed(size_t number, const RecoveryGroupVisitor& visit, Tail& tail) {
  Segment& segment = scan_.segments[number];
  const std::string& path = segment.file.path;
  const uint64_t end = end_of(number);
  epoch_ = std::max(epoch_, segment.header_epoch);
  tail.use.open(segment.file.generation, segment.first_sequence);
  uint64_t at = 1;  // where the batch begins that is being read
  auto take_block = [&](uint64_t index, char* block) -> Result<void> {
    if (auto noted = note_block(segment, index, block); !noted) return noted;
    if (index >= end) return {};
    if (segment.blocks[index].state == BlockState::kWhole) {
      BlockHeader header;
      std::memcpy(&header, block, sizeof header);
      records_.add(block, header);
    }
    const BlockNote& first = segment.blocks[at];
    if (first.state == BlockState::kWhole && index + 1 < at + first.batch_blocks) return {};
    if (whole_batch(segment, at, end, epoch_) == 0) {
      return corrupt(path, at, "a damaged batch, and a later segment follows");
    }
    epoch_ = first.epoch;
    at = index + 1;
    return take_batch(path, index, visit, tail);
  };
  if (auto read = read_blocks(path, 1, segment.blocks.size(), take_block); !read) return read;
  if (at < end) return corrupt(path, at, "a damaged batch, and a later segment follows");
  tail.use.seal(segment.first_sequence + (end - 1));
  segment.blocks = {};
  return {};
}

// Behind the last block of the newest segment that belongs to the log.
Result<uint64_t> Recovery::taken_of_newest(size_t number, Tail& tail) {
  const Segment& segment = scan_.segments[number];
  const uint64_t end = end_of(number);
  epoch_ = std::max(epoch_, segment.header_epoch);
  uint64_t at = 1;
  while (const uint64_t blocks = at < end ? whole_batch(segment, at, end, epoch_) : 0) {
    epoch_ = segment.blocks[at].epoch;
    at += blocks;
  }
  const uint64_t taken = at;
  tail.next_sequence = segment.first_sequence + (at - 1);
  if (tail.next_sequence < scan_.watermark) return damaged_below(number, at, tail.next_sequence);
  for (; at < end; ++at) {
    const BlockNote& note = segment.blocks[at];
    const bool stale = note.state == BlockState::kWhole && note.epoch < epoch_;
    if (note.state != BlockState::kZero && !stale) ++tail.torn_blocks;
  }
  return taken;
}

Result<void> Recovery::take_newest(size_t number, const RecoveryGroupVisitor& visit, Tail& tail) {
  const Segment& segment = scan_.segments[number];
  const std::string& path = segment.file.path;
  const auto taken = taken_of_newest(number, tail);
  if (!taken) return tl::unexpected(taken.error());
  tail.use.open(segment.file.generation, segment.first_sequence);
  return read_blocks(path, 1, *taken, [&](uint64_t index, char* block) -> Result<void> {
    BlockHeader header;
    if (!is_whole(block, &header) || Generation{header.generation} != segment.file.generation) {
      return corrupt(path, index, "it reads differently the second time");
    }
    records_.add(block, header);
    if (header.batch_index + 1 < header.batch_blocks) return {};
    return take_batch(path, index, visit, tail);
  });
}

// A batch is written only when all before it is durable: every block below the newest one that is
// seen here is complete, so that run() may find fault with it, and no mark that run() sees goes
// beyond it.
Result<void> Recovery::look_for_the_end() {
  if (auto found = find_files(); !found) return found;
  for (Segment& segment : scan_.segments) {
    if (auto scanned = scan_blocks(segment); !scanned) return scanned;
  }
  end_ = scan_.newest;
  scan_ = Scan{};
  return {};
}

Result<Tail> Recovery::run(const RecoveryGroupVisitor& visit) {
  if (auto found = find_files(); !found) return tl::unexpected(found.error());
  if (auto chained = check_chain(); !chained) return tl::unexpected(chained.error());
  Tail tail;
  size_t number = 0;
  for (; scan_.segments[number].file.generation < scan_.files.newest; ++number) {
    if (auto taken = take_sealed(number, visit, tail); !taken) return tl::unexpected(taken.error());
  }
  for (size_t later = number; later < scan_.segments.size(); ++later) {
    auto scanned = scan_blocks(scan_.segments[later]);
    if (!scanned) return tl::unexpected(scanned.error());
  }
  if (auto taken = take_newest(number, visit, tail); !taken) return tl::unexpected(taken.error());
  const Segment& newest = scan_.segments[number];
  tail.generation = newest.file.generation;
  tail.segment_first_sequence = newest.first_sequence;
  tail.spare_segments = scan_.segments.size() - number - 1;
  tail.durable_sequence = tail.next_sequence;  // all of it was synced before it was read
  tail.epoch = scan_.newest.epoch + 1;
  tail.blocks_read = scan_.blocks_read;
  tail.free_segments = std::move(scan_.files.free);
  return tail;
}

Result<std::vector<Generation>> generations(Storage& storage, const LogOptions& options) {
  auto files = list_segments(storage, options.directory, options.stream);
  if (!files) return tl::unexpected(files.error());
  std::vector<Generation> all;
  for (const SegmentFile& file : *files) all.push_back(file.generation);
  return all;
}

}  // namespace

Result<Tail> recover(Storage& storage, const Identity& identity, const LogOptions& options,
                     const RecoveryGroupVisitor& visit) {
  return Recovery(storage, identity, options).run(visit);
}

Result<Tail> recover(Storage& storage, const Identity& identity, const LogOptions& options,
                     const RecoveryVisitor& visit) {
  return Recovery(storage, identity, options)
      .run([&visit](std::span<const RecoveredRecord> records, SegmentUse& use) {
        for (const RecoveredRecord& record : records) visit(record.bytes, record.number, use);
      });
}

Result<Tail> read_beside_writer(Storage& storage, const Identity& identity,
                                const LogOptions& options,
                                const std::function<void(std::string_view)>& visit,
                                const std::function<void()>& again) {
  for (int attempt = 1;; ++attempt) {
    const auto before = generations(storage, options);
    Recovery recovery(storage, identity, options);
    Result<Tail> tail = recovery.look_for_the_end().and_then([&] {
      return recovery.run([&](std::span<const RecoveredRecord> records, SegmentUse&) {
        for (const RecoveredRecord& record : records) visit(record.bytes);
      });
    });
    if (tail) return tail;
    // A file that is gone, or has become another, is an error only if nobody recycles files.
    const auto after = generations(storage, options);
    if (!before || !after || *before == *after) return tail;
    if (attempt == kLiveAttempts) {
      // New files alone explain nothing.
      if (std::includes(after->begin(), after->end(), before->begin(), before->end())) return tail;
      return error(
          fmt::format("the segments of stream {} in {} are recycled faster than they can "
                      "be read: try again",
                      options.stream, options.directory));
    }
    again();
  }
}

}  // namespace once::wal
