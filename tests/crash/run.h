// A long run of the real log on real segment files, with crashes and restarts in it, written down
// step by step: what was submitted, what of it is on the disk, and which records had been
// acknowledged meanwhile. From this every image that a crash could have left is built. The same
// seed gives the same run.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/unit/reactor/fake_file_io.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::wal {

constexpr size_t kSectorBytes = 512;  // what a device writes whole
constexpr int64_t kIdleTickNs = 60'000'000;

inline BlockHeader header_of(const char* block) {
  BlockHeader header;
  std::memcpy(&header, block, sizeof header);
  return header;
}

// The records in a write's bytes, read by the words of docs/log-format.md.
inline std::vector<std::string> records_in(const std::vector<char>& bytes) {
  std::string payload;
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    const BlockHeader header = header_of(bytes.data() + at);
    if (header.kind != static_cast<uint32_t>(BlockKind::kData)) continue;
    payload.append(bytes.data() + at + sizeof header, header.payload_bytes);
  }
  std::vector<std::string> records;
  for (size_t at = 0; at < payload.size();) {
    uint32_t size = 0;
    std::memcpy(&size, payload.data() + at, sizeof size);
    records.push_back(payload.substr(at + sizeof size, size));
    at += sizeof size + size;
  }
  return records;
}

// Nothing of another record may stand behind the payload.
inline bool padding_is_zero(const std::vector<char>& bytes) {
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    const BlockHeader header = header_of(bytes.data() + at);
    const char* end = bytes.data() + at + kBlockBytes;
    const char* padding = bytes.data() + at + sizeof header + header.payload_bytes;
    if (!std::all_of(padding, end, [](char byte) { return byte == 0; })) return false;
  }
  return true;
}

// Mostly small, as in the product; the largest there is among them.
inline std::string draw_record(Prng& random, uint64_t number) {
  const uint64_t kind = random.below(1000);
  size_t size = 1 + random.below(300);
  if (kind < 100) size = 1 + random.below(4000);
  if (kind < 7) size = 1 + random.below(kMaxRecordBytes);
  if (kind == 0) size = kMaxRecordBytes;
  std::string record(size, '\0');
  for (size_t at = 0; at < size; at += sizeof number) {
    const uint64_t word = at == 0 ? number : random.next();
    std::memcpy(record.data() + at, &word, std::min(sizeof word, size - at));
  }
  return record;
}

struct Step {
  std::string path;
  uint64_t prepared_bytes = 0;  // a new segment file, if not zero; else a write:
  uint64_t offset = 0;
  std::vector<char> bytes;  // as submitted
  std::vector<char> left;   // of a write cut by a crash: what is on the disk; else empty
  std::vector<std::string> records;
  size_t acknowledged = 0;    // records of the history, all the time that it was in flight
  bool header_block = false;  // its first block is a segment header

  const std::vector<char>& on_disk() const { return left.empty() ? bytes : left; }
  bool completed() const { return left.empty(); }
  const BlockHeader first_data() const {
    return header_of(bytes.data() + (header_block ? kBlockBytes : 0));
  }
};

struct RunCounts {
  size_t operations = 0;
  size_t runs = 0;
  size_t cut_writes = 0;
  size_t idle_blocks = 0;
  uint64_t segments = 0;
};

class CrashingRun : private LogListener {
 public:
  CrashingRun(uint64_t seed, size_t operations, size_t runs) : random_(seed) {
    options.directory = directory_.path();
    options.segment_bytes = kMaxBatchBytes;
    options.direct = false;
    EXPECT_TRUE(create_stream(storage, identity, options));
    counts.operations = operations;
    for (; counts.runs < runs && !testing::Test::HasFailure(); ++counts.runs) {
      one_run(operations / runs);
    }
  }

  Identity identity{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  LogOptions options;
  PosixStorage storage{false};
  std::vector<Step> steps;
  std::vector<std::string> history;  // acknowledged, or recovered with a write cut by a crash
  RunCounts counts;

 private:
  void on_durable(RecordNumber record) override {
    const uint64_t here = record - recovered_;
    history.insert(history.end(), appended_.begin() + reported_, appended_.begin() + here);
    reported_ = here;
  }
  void on_log_failed(std::string_view what) override { ADD_FAILURE() << what; }

  void one_run(size_t operations);
  void operate(Log& log, FakeFileIo& io);
  void note_write(const std::string& path, uint64_t offset, std::span<const char> bytes);
  void crash();
  Tail recover_and_compare();

  TemporaryDirectory directory_;
  Prng random_;
  std::vector<std::string> appended_;  // in this run
  RecordNumber recovered_;             // before it
  uint64_t reported_ = 0;              // of them durable
  uint64_t number_ = 0;
  uint64_t burst_ = 1;
};

inline void CrashingRun::note_write(const std::string& path, uint64_t offset,
                                    std::span<const char> bytes) {
  Step& step = steps.emplace_back();
  step.path = path;
  step.offset = offset;
  step.bytes.assign(bytes.begin(), bytes.end());
  step.records = records_in(step.bytes);
  step.acknowledged = history.size();
  step.header_block = offset == 0;
  if (step.records.empty()) ++counts.idle_blocks;
  ASSERT_TRUE(padding_is_zero(step.bytes));
  for (size_t at = 0; at < step.records.size(); ++at) {
    ASSERT_EQ(step.records[at], appended_.at(reported_ + at)) << "a write of other records";
  }
}

inline Tail CrashingRun::recover_and_compare() {
  std::vector<std::string> records;
  auto tail =
      recover(storage, identity, options, [&](auto it, auto, auto&) { records.emplace_back(it); });
  EXPECT_TRUE(tail) << tail.error().message;
  const bool cut = !steps.empty() && !steps.back().completed();
  if (cut && records.size() > history.size()) {
    history.insert(history.end(), steps.back().records.begin(), steps.back().records.end());
  }
  EXPECT_TRUE(records == history) << "run " << counts.runs << ": " << records.size()
                                  << " records recovered of " << history.size();
  return tail ? *tail : Tail{};
}

inline void CrashingRun::operate(Log& log, FakeFileIo& io) {
  if (random_.below(100) == 0) burst_ = random_.below(10) == 0 ? 400 : 1 + random_.below(24);
  appended_.push_back(draw_record(random_, ++number_));
  log.append(appended_.back());
  if (random_.below(burst_) == 0) log.flush();
  while (!io.pending.empty() && random_.below(burst_) == 0) io.complete_one();
  if (random_.below(60) != 0) return;
  log.flush();
  io.complete_all();
  io.now += kIdleTickNs;
  log.on_tick(io.now);
  if (random_.below(2) == 0) io.complete_all();
}

inline void CrashingRun::one_run(size_t operations) {
  const Tail tail = recover_and_compare();
  appended_.clear();
  recovered_ = tail.last_record;
  reported_ = 0;
  FakeFileIo io;
  io.on_write = [&](const std::string& path, uint64_t offset, std::span<const char> bytes) {
    EXPECT_EQ(io.writes - io.completed, 1u) << "two writes in flight";
    note_write(path, offset, bytes);
  };
  io.on_prepared = [&](const std::string& path, uint64_t size) {
    Step& step = steps.emplace_back();
    step.path = path;
    step.prepared_bytes = size;
  };
  auto log = open_log(io, identity, options, tail, this);
  for (size_t done = 0; done < operations && !testing::Test::HasFailure(); ++done) {
    operate(*log, io);
  }
  log->flush();
  counts.segments = tail.generation.value + log->counters().segments - 1;
  if (io.writes == io.completed) return;
  ++counts.cut_writes;
  crash();
}

// Leaves any sectors of the write in flight: none, all, a beginning, whole blocks or any at all.
inline void CrashingRun::crash() {
  auto in_flight = std::find_if(steps.rbegin(), steps.rend(),
                                [](const Step& step) { return step.prepared_bytes == 0; });
  std::rotate(in_flight.base() - 1, in_flight.base(), steps.end());  // behind a file made meanwhile
  Step& step = steps.back();
  AlignedBytes old = allocate_aligned(step.bytes.size());
  auto got = storage.read(step.path, step.offset, {old.get(), step.bytes.size()});
  ASSERT_EQ(got.value_or(0), step.bytes.size());
  step.left.assign(old.get(), old.get() + step.bytes.size());
  const size_t sectors = step.bytes.size() / kSectorBytes;
  const uint64_t kind = random_.below(5);
  const size_t first = random_.below(sectors + 1);
  uint64_t block_kept = 0;
  for (size_t sector = 0; sector < sectors; ++sector) {
    const size_t at = sector * kSectorBytes;
    if (at % kBlockBytes == 0) block_kept = random_.below(4);
    const bool kept = kind == 0   ? sector < first
                      : kind == 1 ? random_.below(2) == 0
                      : kind == 2 ? true
                                  : block_kept != 0;
    if (kept) std::memcpy(step.left.data() + at, step.bytes.data() + at, kSectorBytes);
  }
  std::fstream file(step.path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(step.offset));
  file.write(step.left.data(), static_cast<std::streamsize>(step.left.size()));
  ASSERT_TRUE(file.good());
}

}  // namespace once::wal
