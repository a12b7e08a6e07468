#include "wal/segment_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "wal/batch_records.h"
#include "wal/block_check.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr uint64_t kPieceBlocks = 64;  // of one read: 256 KiB

class Reader final : public SegmentReader, private reactor::FileHandler {
 public:
  Reader(reactor::Io& io, const Identity& identity, const LogOptions& options,
         const SegmentUse::Segment& segment, std::function<void(const Error&)> failed)
      : io_(io),
        identity_(identity),
        stream_(options.stream),
        segment_(segment),
        path_(segment_path(options.directory, options.stream, segment.generation)),
        end_(1 + (segment.end_sequence - segment.first_sequence)),
        next_record_(segment.first_record),
        told_(std::move(failed)),
        piece_(allocate_aligned(kPieceBlocks * kBlockBytes)) {}
  ~Reader() override {
    if (file_) io_.close_file(*file_);
  }

  void open(bool direct) {
    auto file = io_.open_file(path_, direct, this);
    if (!file) return fail(file.error());
    file_ = *file;
    ask();
  }

  bool ready() const override { return !reading_ && !failed_; }
  bool done() const override { return done_; }
  void take(size_t most, const Visit& visit) override;

 private:
  void on_written(uint64_t) override { ONCE_ASSERT(false); }
  void on_read(uint64_t) override { reading_ = false; }
  void on_file_failed(std::string_view what) override { fail(Error{std::string(what)}); }

  void fail(const Error& error) {
    if (std::exchange(failed_, true)) return;
    told_(error);
  }
  void ask();
  bool take_record(const Visit& visit);
  bool take_block();
  Result<void> check(char* block, BlockHeader* header) const;
  void finish();

  reactor::Io& io_;
  const Identity identity_;
  const uint32_t stream_;
  const SegmentUse::Segment segment_;
  const std::string path_;
  const uint64_t end_;  // the blocks [1, end_) are the log's
  RecordNumber next_record_;
  const std::function<void(const Error&)> told_;

  std::optional<reactor::FileId> file_;
  AlignedBytes piece_;
  uint64_t piece_at_ = 1;     // first block of the piece
  uint64_t piece_end_ = 1;    // and behind its last
  uint64_t block_ = 1;        // the next to be taken
  uint64_t batch_index_ = 0;  // of the next block, in its batch
  uint64_t batch_blocks_ = 0;
  BatchRecords records_;
  bool reading_ = false;
  bool done_ = false;
  bool failed_ = false;
};

void Reader::ask() {
  if (block_ == end_) return finish();
  piece_at_ = block_;
  piece_end_ = std::min(end_, block_ + kPieceBlocks);
  reading_ = true;
  io_.read_file(*file_, piece_at_ * kBlockBytes,
                {piece_.get(), (piece_end_ - piece_at_) * kBlockBytes}, 0);
}

void Reader::take(size_t most, const Visit& visit) {
  while (most > 0 && ready() && !done_) {
    if (take_record(visit)) {
      --most;
      continue;
    }
    if (failed_) return;
    if (block_ == piece_end_) return ask();
    if (!take_block()) return;
  }
}

// False: the next record is not all there, or there is none.
bool Reader::take_record(const Visit& visit) {
  const auto record = records_.take();
  if (!record) return false;
  if (next_record_ > segment_.last_record) {
    fail(corrupt(path_, block_ - 1, "it holds more records than were written").value());
    return false;
  }
  visit(*record, std::exchange(next_record_, next_record_.next()));
  return true;
}

bool Reader::take_block() {
  char* block = piece_.get() + (block_ - piece_at_) * kBlockBytes;
  BlockHeader header;
  const auto checked = check(block, &header);
  if (!checked) return fail(checked.error()), false;
  records_.add(block, header);
  ++block_;
  batch_blocks_ = header.batch_blocks;
  batch_index_ = header.batch_index + 1u == header.batch_blocks ? 0 : header.batch_index + 1u;
  return true;
}

Result<void> Reader::check(char* block, BlockHeader* header) const {
  if (!is_whole(block, header)) return corrupt(path_, block_, "it is damaged");
  auto owner = check_owner(*header, identity_, path_);
  if (!owner) return owner;
  if (Generation{header->generation} != segment_.generation ||
      !in_place(*header, stream_, block_) ||
      BlockSequence{header->segment_first_sequence} != segment_.first_sequence) {
    return corrupt(path_, block_, "it holds a block of another place (" + place_of(*header) + ")");
  }
  const bool begins = batch_index_ == 0 && records_.empty();
  const bool goes_on = batch_index_ != 0 && header->batch_blocks == batch_blocks_;
  if (header->batch_index != batch_index_ || !(begins || goes_on)) {
    return corrupt(path_, block_, "it does not continue the batch before");
  }
  return {};
}

void Reader::finish() {
  if (batch_index_ != 0 || !records_.empty() || next_record_ != segment_.last_record.next()) {
    return fail(corrupt(path_, end_ - 1, "its records end early").value());
  }
  done_ = true;
}

}  // namespace

std::unique_ptr<SegmentReader> open_segment_reader(reactor::Io& io, const Identity& identity,
                                                   const LogOptions& options,
                                                   const SegmentUse::Segment& segment,
                                                   std::function<void(const Error&)> failed) {
  ONCE_ASSERT(segment.sealed());
  auto reader = std::make_unique<Reader>(io, identity, options, segment, std::move(failed));
  reader->open(options.direct);
  return reader;
}

}  // namespace once::wal
