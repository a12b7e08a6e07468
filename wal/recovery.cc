// Reads a stream back. Two passes: the first learns of every block whether it is whole and what the
// highest durable watermark W says; the second visits the records of the batches to be taken. A bad
// block below W is corruption, at or above it a torn tail (docs/log-format.md has the table).
// Blocking; before the log runs.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/lost_disk.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr size_t kReadBytes = 1024 * 1024;
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
  uint64_t first_sequence = 0;
  std::vector<BlockNote> blocks;  // [0] is the header block
  uint64_t taken = 1;             // blocks [1, taken) belong to the log
};

// Of a block among all that were ever written to the stream.
struct Position {
  uint32_t epoch = 0;
  uint64_t sequence = 0;
  auto operator<=>(const Position&) const = default;
};
constexpr Position kNoEnd{UINT32_MAX, UINT64_MAX};

struct Scan {
  std::vector<Segment> segments;
  uint64_t watermark = 0;
  Position newest;  // of the whole blocks
  uint64_t blocks_read = 0;
};

tl::unexpected<Error> corrupt(const std::string& path, uint64_t block, const std::string& what) {
  auto text = fmt::format(
      "corrupt log: {} block {} (offset {}): {}. Durable writes are damaged or lost, so this node "
      "must not vote again: keep the directory for inspection and {}",
      path, block, block * kBlockBytes, what, kLeaveItOff);
  return tl::unexpected(Error{std::move(text), true});
}

bool all_zero(const char* block) {
  return block[0] == 0 && std::memcmp(block, block + 1, kBlockBytes - 1) == 0;
}

Result<void> check_owner(const BlockHeader& header, const Identity& identity,
                         const std::string& path) {
  auto foreign = [&](const char* what) {
    auto text = fmt::format(
        "foreign log: {} was written by another {} than this data directory's; put back the file "
        "that belongs here",
        path, what);
    return tl::unexpected(Error{std::move(text), true});
  };
  if (header.version > kFormatVersion) {
    return error(
        fmt::format("newer log format: {} has version {}, this program reads up to {}; "
                    "start a newer onced",
                    path, header.version, kFormatVersion));
  }
  if (header.cluster_high != identity.cluster.high || header.cluster_low != identity.cluster.low) {
    return foreign("cluster");
  }
  if (header.node != identity.node.value) return foreign("node");
  if (header.disk_high != identity.disk.high || header.disk_low != identity.disk.low) {
    return foreign("disk");
  }
  return {};
}

// Whole and in its own place; the segment's first sequence is compared later, with its header.
bool in_place(const BlockHeader& header, uint32_t stream, uint64_t generation, uint64_t index) {
  if (header.version != kFormatVersion || header.stream != stream) return false;
  if (header.generation != generation || header.payload_bytes > kBlockPayloadBytes) return false;
  if (header.durable_sequence > header.sequence) return false;
  if (index == 0) {
    return header.kind == static_cast<uint32_t>(BlockKind::kSegmentHeader) &&
           header.sequence == header.segment_first_sequence;
  }
  return header.kind == static_cast<uint32_t>(BlockKind::kData) &&
         header.sequence == header.segment_first_sequence + index - 1 && header.batch_blocks >= 1 &&
         header.batch_blocks <= kMaxBatchBlocks && header.batch_index < header.batch_blocks;
}

class Recovery {
 public:
  Recovery(Storage& storage, const Identity& identity, const LogOptions& options)
      : storage_(storage),
        identity_(identity),
        options_(options),
        buffer_(allocate_aligned(kReadBytes)) {}

  Result<Tail> run(const std::function<void(std::string_view)>& visit);
  // run() then passes over what is written from now on.
  Result<void> look_for_the_end();

 private:
  template <class OnBlock>
  Result<void> read_blocks(const std::string& path, uint64_t first, uint64_t end, OnBlock on_block);
  Result<void> scan_segment(Segment& segment);
  Result<void> note_block(Segment& segment, uint64_t index, char* block);
  Result<void> scan_all();
  Result<void> check_chain() const;
  uint64_t whole_batch(const Segment& segment, uint64_t at, uint64_t end, uint32_t epoch) const;
  tl::unexpected<Error> damaged_below(size_t number, uint64_t at, uint64_t sequence) const;
  Result<Tail> take_batches();
  Result<void> visit_segment(const Segment& segment,
                             const std::function<void(std::string_view)>& visit);

  Storage& storage_;
  const Identity& identity_;
  const LogOptions& options_;
  AlignedBytes buffer_;
  Scan scan_;
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

Result<void> Recovery::note_block(Segment& segment, uint64_t index, char* block) {
  ++scan_.blocks_read;
  BlockNote& note = segment.blocks[index];
  if (all_zero(block)) return {};
  note.state = BlockState::kBad;
  BlockHeader header;
  std::memcpy(&header, block, sizeof header);
  if (header.magic != kBlockMagic || header.checksum != block_checksum(block)) return {};
  auto owner = check_owner(header, identity_, segment.file.path);
  if (!owner) return owner;
  if (!in_place(header, options_.stream, segment.file.generation, index)) {
    // No crash moves a block: the device wrote it to a wrong place, and misses it at the right one.
    return corrupt(segment.file.path, index,
                   fmt::format("it holds a block of another place (stream {}, segment {}, "
                               "sequence {})",
                               header.stream, header.generation, header.sequence));
  }
  const Position position{header.epoch, header.sequence};
  if (position > end_) {
    note.state = BlockState::kZero;  // as it was a moment ago
    return {};
  }
  scan_.newest = std::max(scan_.newest, position);
  scan_.watermark = std::max(scan_.watermark, header.durable_sequence);
  if (index == 0) {
    segment.started = true;
    segment.header_epoch = header.epoch;
    segment.first_sequence = header.segment_first_sequence;
  } else if (!segment.started || header.segment_first_sequence != segment.first_sequence) {
    return {};  // of an earlier, unfinished start of this segment
  }
  note = {header.epoch, static_cast<uint8_t>(header.batch_index),
          static_cast<uint8_t>(header.batch_blocks), BlockState::kWhole};
  return {};
}

Result<void> Recovery::scan_segment(Segment& segment) {
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
  return read_blocks(path, 0, segment.blocks.size(), [&](uint64_t index, char* block) {
    return note_block(segment, index, block);
  });
}

Result<void> Recovery::scan_all() {
  auto files = list_segments(storage_, options_.directory, options_.stream);
  if (!files) return tl::unexpected(files.error());
  uint64_t expected = kFirstGeneration;
  for (SegmentFile& file : *files) {
    if (file.generation != expected) {
      return corrupt(segment_path(options_.directory, options_.stream, expected), 0,
                     "the segment file is missing");
    }
    ++expected;
    Segment& segment = scan_.segments.emplace_back();
    segment.file = std::move(file);
    auto scanned = scan_segment(segment);
    if (!scanned) return scanned;
  }
  if (scan_.segments.empty()) {
    return error(fmt::format("no log segment of stream {} in {}: format the directory first",
                             options_.stream, options_.directory));
  }
  return {};
}

// Started segments come first, and the next one begins where the blocks of the one before end.
Result<void> Recovery::check_chain() const {
  const Segment* before = nullptr;
  const Segment* unstarted = nullptr;
  for (const Segment& segment : scan_.segments) {
    if (!segment.started) {
      if (unstarted == nullptr) unstarted = &segment;
      continue;
    }
    if (unstarted != nullptr) {
      return corrupt(unstarted->file.path, 0, "the segment header is damaged");
    }
    if (before == nullptr && segment.first_sequence != kFirstSequence) {
      return corrupt(segment.file.path, 0, "the first segment begins too late");
    }
    if (before != nullptr &&
        (segment.first_sequence < before->first_sequence ||
         segment.first_sequence - before->first_sequence > before->blocks.size() - 1)) {
      return corrupt(segment.file.path, 0, "it does not continue the segment before");
    }
    before = &segment;
  }
  if (before == nullptr) {
    return corrupt(scan_.segments.front().file.path, 0, "the segment header is damaged");
  }
  return {};
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
tl::unexpected<Error> Recovery::damaged_below(size_t number, uint64_t at, uint64_t sequence) const {
  const Segment& segment = scan_.segments[number];
  bool unwritten = at == segment.blocks.size() || segment.blocks[at].state == BlockState::kZero;
  if (unwritten && number + 1 < scan_.segments.size() &&
      scan_.segments[number + 1].blocks[0].state == BlockState::kBad) {
    return corrupt(scan_.segments[number + 1].file.path, 0, "the segment header is damaged");
  }
  return corrupt(segment.file.path, at,
                 fmt::format("a damaged batch at sequence {}, below the durable watermark {}",
                             sequence, scan_.watermark));
}

Result<Tail> Recovery::take_batches() {
  Tail tail;
  uint32_t epoch = 0;
  for (size_t number = 0; number < scan_.segments.size(); ++number) {
    Segment& segment = scan_.segments[number];
    bool last = number + 1 == scan_.segments.size() || !scan_.segments[number + 1].started;
    uint64_t end = segment.blocks.size();
    if (!last) end = 1 + scan_.segments[number + 1].first_sequence - segment.first_sequence;
    epoch = std::max(epoch, segment.header_epoch);
    uint64_t at = 1;
    while (at < end) {
      uint64_t blocks = whole_batch(segment, at, end, epoch);
      if (blocks == 0) break;
      epoch = segment.blocks[at].epoch;
      at += blocks;
    }
    segment.taken = at;
    tail.generation = segment.file.generation;
    tail.next_sequence = segment.first_sequence + at - 1;
    if (!last && at < end) {
      return corrupt(segment.file.path, at, "a damaged batch, and a later segment follows");
    }
    if (!last) continue;
    if (tail.next_sequence < scan_.watermark) return damaged_below(number, at, tail.next_sequence);
    for (; at < end; ++at) {
      const BlockNote& note = segment.blocks[at];
      bool stale = note.state == BlockState::kWhole && note.epoch < epoch;
      if (note.state != BlockState::kZero && !stale) ++tail.torn_blocks;
    }
    tail.segment_first_sequence = segment.first_sequence;
    tail.spare_segments = scan_.segments.size() - number - 1;
    break;
  }
  tail.durable_sequence = tail.next_sequence;  // all of it was synced before it was read
  tail.epoch = scan_.newest.epoch + 1;
  tail.blocks_read = scan_.blocks_read;
  return tail;
}

Result<void> Recovery::visit_segment(const Segment& segment,
                                     const std::function<void(std::string_view)>& visit) {
  std::vector<char> batch;
  batch.reserve(kMaxBatchPayload);
  const std::string& path = segment.file.path;
  return read_blocks(path, 1, segment.taken, [&](uint64_t index, char* block) -> Result<void> {
    BlockHeader header;
    std::memcpy(&header, block, sizeof header);
    if (header.magic != kBlockMagic || header.checksum != block_checksum(block)) {
      return corrupt(path, index, "it reads differently the second time");
    }
    if (header.batch_index == 0) batch.clear();
    const char* payload = block + sizeof header;
    batch.insert(batch.end(), payload, payload + header.payload_bytes);
    if (header.batch_index + 1 < header.batch_blocks) return {};
    ByteReader reader(std::string_view(batch.data(), batch.size()));
    while (reader.remaining() > 0) {
      std::string_view record = reader.get_bytes(reader.get<uint32_t>());
      if (!reader.ok()) return corrupt(path, index, "a record runs past the end of its batch");
      visit(record);
    }
    if (!reader.ok()) return corrupt(path, index, "a record runs past the end of its batch");
    return {};
  });
}

// A batch is written only when all before it is durable: every block below the newest one that is
// seen here is complete, so that run() may find fault with it, and no mark that run() sees goes
// beyond it.
Result<void> Recovery::look_for_the_end() {
  auto scanned = scan_all();
  if (!scanned) return scanned;
  end_ = scan_.newest;
  scan_ = Scan{};
  return {};
}

Result<Tail> Recovery::run(const std::function<void(std::string_view)>& visit) {
  auto scanned = scan_all();
  if (!scanned) return tl::unexpected(scanned.error());
  auto chained = check_chain();
  if (!chained) return tl::unexpected(chained.error());
  auto tail = take_batches();
  if (!tail) return tail;
  for (const Segment& segment : scan_.segments) {
    auto visited = visit_segment(segment, visit);
    if (!visited) return tl::unexpected(visited.error());
  }
  return tail;
}

}  // namespace

Result<Tail> recover(Storage& storage, const Identity& identity, const LogOptions& options,
                     const std::function<void(std::string_view)>& visit) {
  return Recovery(storage, identity, options).run(visit);
}

Result<Tail> read_beside_writer(Storage& storage, const Identity& identity,
                                const LogOptions& options,
                                const std::function<void(std::string_view)>& visit) {
  Recovery recovery(storage, identity, options);
  auto end = recovery.look_for_the_end();
  if (!end) return tl::unexpected(end.error());
  return recovery.run(visit);
}

}  // namespace once::wal
