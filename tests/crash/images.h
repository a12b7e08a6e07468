// Images of the disk of a CrashingRun, in memory, and what recovery must say of each. An image is
// the state before a write, with some of that write's sectors on top; setting and undoing one costs
// a few pointers, reading it is the product's recovery.
#pragma once

#include <fmt/format.h>
#include <malloc.h>

#include <span>
#include <string>
#include <vector>

#include "tests/crash/run.h"
#include "tests/unit/wal/memory_file_io.h"

namespace once::wal {

struct Place {
  std::string path;
  uint64_t block = 0;
};

// What the records on an image must be: so many of the history, then these.
struct Expected {
  size_t acknowledged = 0;
  std::span<const std::string> more;
  size_t size() const { return acknowledged + more.size(); }
};

class Disk {
 public:
  explicit Disk(const CrashingRun& run) : run_(run) {
    // Recovery's buffer, fresh from the kernel for each of ten thousand images, is a fifth of the
    // time.
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
    EXPECT_TRUE(create_stream(storage, run.identity, run.options));
    const auto& options = run.options;
    // Durable since the format: covered whatever the watermark says.
    headers.push_back({{segment_path(options.directory, 0, kFirstGeneration), 0}, 0});
  }

  MemoryStorage storage;

  struct Outcome {
    Result<Tail> tail;
    size_t visited = 0;
    bool in_order = true;  // each visited record is the expected one
  };
  static Outcome read(MemoryStorage& image, const CrashingRun& run, const Expected& expected) {
    size_t visited = 0;
    bool in_order = true;
    auto tail = recover(
        image, run.identity, run.options, [&](std::string_view record, RecordNumber, SegmentUse&) {
          const size_t at = visited++;
          in_order =
              in_order && at < expected.size() &&
              record == (at < expected.acknowledged ? run.history[at]
                                                    : expected.more[at - expected.acknowledged]);
        });
    return {std::move(tail), visited, in_order};
  }
  Outcome read(const Expected& expected) { return read(storage, run_, expected); }

  // Empty, or how the image's recovery departs from what it must be.
  std::string judge(const Expected& expected, BlockSequence next_sequence) {
    const Outcome outcome = read(expected);
    if (!outcome.tail) return "refused: " + outcome.tail.error().message;
    if (!outcome.in_order || outcome.visited != expected.size()) {
      return fmt::format("{} records visited{}, {} expected ({} acknowledged)", outcome.visited,
                         outcome.in_order ? "" : ", not the right ones", expected.size(),
                         expected.acknowledged);
    }
    const Tail& tail = *outcome.tail;
    if (tail.next_sequence != next_sequence || tail.durable_sequence != next_sequence) {
      return fmt::format("goes on at sequence {}, {} expected", tail.next_sequence.value,
                         next_sequence.value);
    }
    if (tail.epoch <= max_epoch_) return "an epoch that is on the disk already";
    return "";
  }

  std::shared_ptr<const MemoryStorage::Block>& at(const Place& place) {
    return storage.block(place.path, place.block);
  }
  static Place place_of(const Step& step, size_t block) {
    return {step.path, step.offset / kBlockBytes + block};
  }

  // What the run left of the step; then the knowledge of what is covered by a watermark follows.
  void apply(const Step& step) {
    if (step.prepared_bytes != 0) return storage.make(step.path, step.prepared_bytes);
    storage.write(step.path, step.offset, step.on_disk());
    const BlockHeader first = step.first_data();
    const size_t begin = step.header_block ? 1 : 0;
    const size_t blocks = step.bytes.size() / kBlockBytes;
    for (size_t block = 0; block < blocks; ++block) {
      const char* bytes = step.bytes.data() + block * kBlockBytes;
      if (std::memcmp(bytes, step.on_disk().data() + block * kBlockBytes, kBlockBytes) != 0)
        continue;
      watermark = std::max(watermark, first.durable_sequence);
      max_epoch_ = std::max(max_epoch_, first.epoch);
    }
    if (step.on_disk() != step.bytes) {  // dropped; the next run begins in its place
      if (step.header_block && first_block_whole(step)) {
        headers.push_back({place_of(step, 0), first.sequence});
      }
      return;
    }
    if (step.header_block) headers.push_back({place_of(step, 0), first.sequence});
    data.resize(first.sequence - 1);
    for (size_t block = begin; block < blocks; ++block) data.push_back(place_of(step, block));
    last_records = step.records.size();
    records += step.records.size();
  }

  std::vector<Place> data;                          // of the log's blocks, by sequence - 1
  std::vector<std::pair<Place, uint64_t>> headers;  // with the segment's first sequence
  uint64_t watermark = kFirstSequence.value;        // the highest on the disk
  size_t records = 0;
  size_t last_records = 0;  // of them in the last batch

 private:
  static bool first_block_whole(const Step& step) {
    return std::memcmp(step.bytes.data(), step.on_disk().data(), kBlockBytes) == 0;
  }

  const CrashingRun& run_;
  uint32_t max_epoch_ = 0;
};

// The blocks of one write as images: each block is the old one, the new one, or a mixture.
class InFlight {
 public:
  InFlight(Disk& disk, const Step& step) : disk_(disk), step_(step) {
    for (size_t block = 0; block < blocks(); ++block) {
      auto fresh = std::make_shared<MemoryStorage::Block>();
      std::memcpy(fresh->data(), step.bytes.data() + block * kBlockBytes, kBlockBytes);
      fresh_.push_back(std::move(fresh));
      old_.push_back(disk.at(Disk::place_of(step, block)));
    }
  }
  ~InFlight() {
    for (size_t block = 0; block < blocks(); ++block) take(block, false);
  }

  size_t blocks() const { return step_.bytes.size() / kBlockBytes; }
  void take(size_t block, bool fresh) {
    disk_.at(Disk::place_of(step_, block)) = fresh ? fresh_[block] : old_[block];
  }
  // `sectors`: bit i set, and sector i of the block is the new one.
  void take_sectors(size_t block, uint8_t sectors) {
    auto mixture = std::make_shared<MemoryStorage::Block>();
    if (old_[block]) *mixture = *old_[block];
    for (size_t sector = 0; sector < kBlockBytes / kSectorBytes; ++sector) {
      const size_t at = sector * kSectorBytes;
      if (sectors >> sector & 1)
        std::memcpy(mixture->data() + at, &(*fresh_[block])[at], kSectorBytes);
    }
    disk_.at(Disk::place_of(step_, block)) = std::move(mixture);
  }
  // Of what is on the image now: the batch is taken exactly if each of its bytes is there.
  bool whole() const {
    for (size_t block = 0; block < blocks(); ++block) {
      const auto& now = disk_.at(Disk::place_of(step_, block));
      if (now != fresh_[block] && (!now || *now != *fresh_[block])) return false;
    }
    return true;
  }
  Expected expected() const {
    return {step_.acknowledged,
            whole() ? std::span(step_.records) : std::span<const std::string>{}};
  }
  BlockSequence next_sequence() const {
    const BlockHeader first = step_.first_data();
    return BlockSequence{first.sequence + (whole() ? first.batch_blocks : 0)};
  }

 private:
  Disk& disk_;
  const Step& step_;
  std::vector<std::shared_ptr<const MemoryStorage::Block>> fresh_, old_;
};

}  // namespace once::wal
