// The log over a fake Io with real files: what was reported durable comes back, and damage is told
// apart from a torn tail.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/wal/log_listener.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/posix_file.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"
#include "wal/sync_probe.h"

namespace once::wal {
namespace log_test {

constexpr int64_t kMs = 1'000'000;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    identity_.cluster = ClusterId{{1, 2}};
    identity_.node = NodeId{3};
    identity_.disk = DiskId{{4, 5}};
    options_.directory = directory_.path();
    options_.segment_bytes = 2 * kMaxBatchBytes;
    options_.direct = false;
    ASSERT_TRUE(create_stream(storage_, identity_, options_));
  }
  ~LogTest() override { log_.reset(); }

  std::string reopen() {  // empty, or recovery's error
    log_.reset();
    io_ = std::make_unique<FakeFileIo>();
    listener_ = Listener();
    auto tail = read();
    if (!tail) return tail.error().message;
    log_ = open_log(*io_, identity_, options_, *tail, &listener_);
    io_->complete_all();
    return "";
  }
  Result<Tail> read() {
    records_.clear();
    auto tail = recover(storage_, identity_, options_,
                        [&](auto record, auto, auto&) { records_.emplace_back(record); });
    if (tail) tail_ = *tail;
    return tail;
  }
  void write_batch(const std::vector<std::string>& records) {
    for (const auto& record : records) log_->append(record);
    log_->flush();
    io_->complete_all();
  }
  static std::string text(size_t size, char first) {
    std::string bytes(size, first);
    for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>(first + at * 7 + at / 251);
    return bytes;
  }
  std::string path(uint64_t generation = 1) const {
    return segment_path(directory_.path(), 0, Generation{generation});
  }
  std::string get_blocks(uint64_t block, size_t count, uint64_t generation = 1) const {
    std::string bytes(count * kBlockBytes, '\0');
    std::ifstream file(path(generation), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(block * kBlockBytes));
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  void put(uint64_t offset, const std::string& bytes, uint64_t generation = 1) const {
    std::fstream file(path(generation), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void zero_blocks(uint64_t block, size_t count, uint64_t generation = 1) const {
    put(block * kBlockBytes, std::string(count * kBlockBytes, '\0'), generation);
  }
  void flip(uint64_t offset, uint64_t generation = 1) const {
    std::string block = get_blocks(offset / kBlockBytes, 1, generation);
    block[offset % kBlockBytes] ^= 0x10;
    put(offset / kBlockBytes * kBlockBytes, block, generation);
  }

  TemporaryDirectory directory_;
  PosixStorage storage_{false};
  Identity identity_;
  LogOptions options_;
  std::unique_ptr<FakeFileIo> io_;
  Listener listener_;
  std::unique_ptr<Log> log_;
  std::vector<std::string> records_;
  Tail tail_;
};

TEST_F(LogTest, AnEmptyStreamRecoversToItsStart) {
  ASSERT_EQ(reopen(), "");
  EXPECT_TRUE(records_.empty());
  EXPECT_EQ(tail_.next_sequence, kFirstSequence);
  EXPECT_EQ(tail_.epoch, 1u);
}

TEST_F(LogTest, RecordsOfEverySizeComeBackInOrder) {
  ASSERT_EQ(reopen(), "");
  std::vector<std::string> written;
  for (size_t size : {0, 1, 3, 4, 3979, 3980, 3981, 3984, 4096, 7968, 20000, 65536, 66000}) {
    written.push_back(text(size, static_cast<char>('a' + written.size())));
  }
  write_batch(written);
  for (const auto& record : written) write_batch({record});
  std::vector<std::string> all = written;
  all.insert(all.end(), written.begin(), written.end());
  ASSERT_TRUE(read());
  EXPECT_EQ(records_, all);
}

TEST_F(LogTest, RecordsAppendedDuringABatchLeaveInOneBatch) {
  ASSERT_EQ(reopen(), "");
  log_->append("one");
  log_->flush();
  for (int record = 0; record < 10; ++record) log_->append("more");
  log_->flush();
  EXPECT_EQ(io_->writes, 1u);
  EXPECT_TRUE(listener_.durable.empty());
  io_->complete_one();
  EXPECT_EQ(listener_.durable, (std::vector<uint64_t>{1}));
  EXPECT_EQ(log_->durable(), RecordNumber{1});
  EXPECT_EQ(io_->writes, 2u);
  io_->complete_one();
  EXPECT_EQ(listener_.durable, (std::vector<uint64_t>{1, 11}));
  EXPECT_EQ(log_->counters().batches, 2u);
  EXPECT_EQ(log_->counters().records, 11u);
  ASSERT_EQ(listener_.synced.size(), 2u) << "once for each batch";
  EXPECT_EQ(static_cast<uint64_t>(listener_.synced[0] + listener_.synced[1]),
            log_->counters().sync_ns_total);
}

TEST_F(LogTest, SegmentsRollOver) {
  ASSERT_EQ(reopen(), "");
  std::vector<std::string> written;
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<std::string> records;
    for (int record = 0; record < 5; ++record) {
      records.push_back(text(30000 + batch * 100, static_cast<char>(batch + record)));
    }
    write_batch(records);
    written.insert(written.end(), records.begin(), records.end());
  }
  EXPECT_GE(log_->counters().segments, 3u);
  EXPECT_EQ(log_->durable(), RecordNumber{200});
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(records_, written);
  write_batch({"after"});
  written.push_back("after");
  ASSERT_TRUE(read());
  EXPECT_EQ(records_, written);
}

TEST_F(LogTest, AFullQueueLeavesInBatchesOfTheLargestSize) {
  ASSERT_EQ(reopen(), "");
  std::vector<std::string> written(160, text(60000, 'q'));
  for (const auto& record : written) log_->append(record);
  EXPECT_TRUE(log_->crowded());
  EXPECT_FALSE(log_->full()) << "the disk is slow, and has room";
  log_->flush();
  io_->complete_all();
  EXPECT_FALSE(log_->crowded());
  EXPECT_EQ(log_->durable(), RecordNumber{160});
  ASSERT_TRUE(read());
  EXPECT_EQ(records_, written);
}

// The disk hangs: what waits for it, in flight or queued, has a bound, to the byte.
TEST_F(LogTest, ItIsBehindFromTheBoundOnUntilTheDiskGoesOn) {
  ASSERT_EQ(reopen(), "");
  const auto record = text(32 * 1024 - kRecordPrefixBytes, 'b');
  for (size_t n = 1; n < kMaxPendingBytes / (32 * 1024); ++n) {
    log_->append(record);
    log_->flush();  // the first is in flight, and counts
  }
  log_->append(record.substr(1 + kRecordPrefixBytes));
  log_->append("");
  EXPECT_FALSE(log_->behind()) << "one byte is missing";
  io_->complete_all();
  for (size_t n = 1; n < kMaxPendingBytes / (32 * 1024); ++n) log_->append(record);
  EXPECT_FALSE(log_->behind()) << "what became durable waits no more";
  log_->append(record);
  EXPECT_TRUE(log_->behind()) << "at the bound exactly, counted from nothing again";
}

TEST_F(LogTest, ATornTailIsDroppedAtEveryBlockBorder) {
  ASSERT_EQ(reopen(), "");
  write_batch({"kept"});
  write_batch({text(18000, 't')});
  std::string batch = get_blocks(2, 5);
  for (size_t lost = 0; lost < 32; ++lost) {  // every subset of the five blocks, but all
    if (lost == 31) continue;
    put(2 * kBlockBytes, batch);
    for (size_t block = 0; block < 5; ++block) {
      if ((lost >> block & 1) == 0) zero_blocks(2 + block, 1);
    }
    ASSERT_TRUE(read()) << lost;
    EXPECT_EQ(records_, std::vector<std::string>{"kept"}) << lost;
    EXPECT_EQ(tail_.next_sequence, BlockSequence{2});
  }
  put(2 * kBlockBytes, batch);
  put(6 * kBlockBytes + 2048, std::string(2048, '\x55'));  // half of the last block
  ASSERT_TRUE(read());
  EXPECT_EQ(records_.size(), 1u);
  EXPECT_EQ(tail_.torn_blocks, 5u);
}

TEST_F(LogTest, DamageBelowTheWatermarkIsCorruption) {
  ASSERT_EQ(reopen(), "");
  write_batch({text(9000, 'a')});  // blocks 1..3
  write_batch({"b"});              // block 4
  write_batch({"c"});              // block 5: its watermark covers 1..4
  for (uint64_t offset : {1, 9, 17, 30, 45, 57, 66, 81, 89, 97, 105, 113, 4095}) {
    for (uint64_t block : {1, 2, 3, 4}) {
      flip(block * kBlockBytes + offset);
      auto tail = read();
      ASSERT_FALSE(tail) << block << " " << offset;
      EXPECT_TRUE(tail.error().message.starts_with("corrupt log: ")) << tail.error().message;
      EXPECT_TRUE(records_.empty());
      flip(block * kBlockBytes + offset);
    }
    flip(5 * kBlockBytes + offset);  // above: dropped; but then nothing covers block 4 either
    ASSERT_TRUE(read()) << offset;
    EXPECT_EQ(records_.size(), 2u);
    flip(5 * kBlockBytes + offset);
  }
  flip(0);
  EXPECT_FALSE(read());
}

TEST_F(LogTest, AnIdleLogWritesItsWatermarkOnce) {
  ASSERT_EQ(reopen(), "");
  write_batch({"last"});
  io_->now += 49 * kMs;
  log_->on_tick(io_->now);
  EXPECT_EQ(io_->writes, 1u);
  io_->now += 1 * kMs;
  log_->on_tick(io_->now);
  EXPECT_EQ(io_->writes, 2u);
  io_->complete_all();
  io_->now += 1000 * kMs;
  log_->on_tick(io_->now);
  EXPECT_EQ(io_->writes, 2u);
  EXPECT_EQ(listener_.durable.size(), 1u);
  ASSERT_TRUE(read());
  EXPECT_EQ(records_, std::vector<std::string>{"last"});
  flip(kBlockBytes + 200);
  EXPECT_FALSE(read());
}

TEST_F(LogTest, StaleBlocksOfAnEarlierRunAreNotTaken) {
  ASSERT_EQ(reopen(), "");
  write_batch({"kept"});
  write_batch({text(18000, 'x')});  // blocks 2..6
  zero_blocks(2, 1);                // torn: its first block is lost, the rest is there
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(tail_.epoch, 2u);
  write_batch({text(3000, 'y')});  // block 2; the stale ones follow it
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(tail_.epoch, 3u);
  EXPECT_EQ(tail_.torn_blocks, 0u);
  EXPECT_EQ(records_, (std::vector<std::string>{"kept", text(3000, 'y')}));
  write_batch({text(9000, 'z')});
  ASSERT_TRUE(read());
  EXPECT_EQ(records_.size(), 3u);
}

TEST_F(LogTest, ABatchMixedFromTwoRunsIsNotWhole) {
  ASSERT_EQ(reopen(), "");
  write_batch({"kept"});
  write_batch({text(18000, 'x')});  // blocks 2..6
  std::string old = get_blocks(2, 5);
  for (size_t lost = 0; lost < 5; ++lost) {
    put(2 * kBlockBytes, old);
    zero_blocks(2 + lost, 1);
    ASSERT_EQ(reopen(), "");
    write_batch({text(18000, 'y')});
    std::string fresh = get_blocks(2, 5);
    for (size_t stale = 1; stale < 31; ++stale) {  // bit set: the new block did not arrive
      put(2 * kBlockBytes, fresh);
      for (size_t block = 0; block < 5; ++block) {
        if ((stale >> block & 1) == 0) continue;
        if (block == lost)
          zero_blocks(2 + block, 1);
        else
          put((2 + block) * kBlockBytes, old.substr(block * kBlockBytes, kBlockBytes));
      }
      ASSERT_TRUE(read()) << lost << " " << stale;
      ASSERT_EQ(records_.size(), 1u) << lost << " " << stale;
    }
  }
}

TEST_F(LogTest, DirectReadsGiveTheSame) {
  ASSERT_EQ(reopen(), "");
  std::vector<std::string> written{text(66000, 'd'), text(10, 'e')};
  write_batch(written);
  PosixStorage direct(true);
  records_.clear();
  auto tail = recover(direct, identity_, options_,
                      [&](auto record, auto, auto&) { records_.emplace_back(record); });
  if (!tail) GTEST_SKIP() << tail.error().message;
  EXPECT_EQ(records_, written);
}

TEST_F(LogTest, ReopeningAndAppendingManyTimes) {
  std::vector<std::string> written;
  for (int run = 0; run < 60; ++run) {
    ASSERT_EQ(reopen(), "");
    ASSERT_EQ(records_, written);
    EXPECT_EQ(log_->appended(), RecordNumber{written.size()});
    std::string record = text(static_cast<size_t>(run) * 1100, static_cast<char>(run));
    write_batch({record, "x"});
    written.push_back(record);
    written.push_back("x");
    io_->now += 60 * kMs;
    if (run % 2 == 0) log_->on_tick(io_->now);
    io_->complete_all();
  }
}

// Whatever part of the last write a power cut leaves, each run finds all that was reported durable,
// and of the rest the last batch or nothing.
TEST_F(LogTest, PowerCutsAtRandomLoseNothingThatWasDurable) {
  std::mt19937_64 random(20);
  std::vector<std::string> known;
  uint64_t made = 0;
  for (int run = 0; run < 60; ++run) {
    ASSERT_EQ(reopen(), "") << run;
    EXPECT_EQ(tail_.epoch == 1, run == 0);
    ASSERT_EQ(records_, known) << run;
    for (uint64_t batches = random() % 6 + 1; batches > 0; --batches) {
      std::vector<std::string> batch;
      size_t most = random() % 3 == 0 ? 60000 : 900;
      for (uint64_t records = random() % 12 + 1; records > 0; --records) {
        batch.push_back(std::to_string(++made) + text(random() % most, 'r'));
      }
      if (batches == 1) {
        uint64_t keep_of_8 = random() % 10;  // 0: none, 8 and above: all
        io_->power_cut = [&, keep_of_8](size_t) { return random() % 8 < keep_of_8; };
      }
      write_batch(batch);
      if (batches > 1) known.insert(known.end(), batch.begin(), batch.end());
      if (batches > 1 && random() % 4 == 0) {
        io_->now += 50 * kMs;
        log_->on_tick(io_->now);
        io_->complete_all();
      }
      if (batches > 1) continue;
      ASSERT_TRUE(read()) << run;
      if (records_.size() != known.size()) known.insert(known.end(), batch.begin(), batch.end());
    }
  }
  EXPECT_GE(tail_.generation, Generation{2});
}

class RolledOverTest : public LogTest {
 protected:
  // Fills segment 1 so that the last batch opens segment 2.
  void SetUp() override {
    LogTest::SetUp();
    ASSERT_EQ(reopen(), "");
    std::vector<std::string> large(14, text(66000, 'l'));
    write_batch(large);
    write_batch(large);
    EXPECT_EQ(log_->counters().segments, 1u);
    write_batch(large);
    EXPECT_EQ(log_->counters().segments, 2u);
    log_.reset();
  }
};

TEST_F(RolledOverTest, ATornFirstWriteOfASegmentIsDroppedAndItsFileUsedAgain) {
  zero_blocks(0, 1, 2);
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(records_.size(), 28u);
  EXPECT_EQ(tail_.generation, Generation{1});
  write_batch({"small"});  // still fits into segment 1
  write_batch(std::vector<std::string>(10, text(66000, 'm')));
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(tail_.generation, Generation{2});
  ASSERT_EQ(records_.size(), 39u);
  EXPECT_EQ(records_[28], "small");
  EXPECT_EQ(records_[38], text(66000, 'm'));
}

TEST_F(RolledOverTest, ATornBatchAfterAWholeHeaderResumesInTheNewSegment) {
  flip(3 * kBlockBytes + 500, 2);
  ASSERT_EQ(reopen(), "");
  EXPECT_EQ(records_.size(), 28u);
  EXPECT_EQ(tail_.generation, Generation{2});
  write_batch({"again"});
  ASSERT_TRUE(read());
  EXPECT_EQ(records_.size(), 29u);
}

TEST_F(RolledOverTest, DamageInAClosedSegmentOrInAHeaderIsCorruption) {
  ASSERT_EQ(reopen(), "");
  write_batch({"covers the batch before"});
  flip(100 * kBlockBytes + 500, 1);
  EXPECT_FALSE(read());
  flip(100 * kBlockBytes + 500, 1);
  ASSERT_TRUE(read());
  flip(20, 2);
  auto tail = read();
  ASSERT_FALSE(tail);
  EXPECT_NE(tail.error().message.find("log-0-2.seg block 0"), std::string::npos);
}

TEST_F(RolledOverTest, AMissingSegmentIsCorruption) {
  std::filesystem::remove(path(2));  // segment 3 is the spare
  auto tail = read();
  ASSERT_FALSE(tail);
  EXPECT_NE(tail.error().message.find("log-0-2.seg"), std::string::npos);
  EXPECT_NE(tail.error().message.find("missing"), std::string::npos);
}

TEST_F(LogTest, ForeignAndNewerFilesAreRefused) {
  ASSERT_EQ(reopen(), "");
  write_batch({"mine"});
  auto refused = [&](Identity identity, const char* word) {
    auto tail = recover(storage_, identity, options_, [](auto, auto, auto&) {});
    ASSERT_FALSE(tail);
    EXPECT_NE(tail.error().message.find(word), std::string::npos) << tail.error().message;
  };
  Identity other = identity_;
  other.cluster.low = 9;
  refused(other, "another cluster");
  other = identity_;
  other.node.value = 9;
  refused(other, "another node");
  other = identity_;
  other.disk.high = 9;
  refused(other, "another disk");

  std::string block = get_blocks(0, 1);
  BlockHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  header.version = kFormatVersion + 1;
  header.checksum = 0;
  seal_block(block.data(), header);
  put(0, block);
  refused(identity_, "newer");
}

TEST_F(LogTest, AFailedWriteStopsTheLog) {
  ASSERT_EQ(reopen(), "");
  io_->fail_writes = true;
  log_->append("lost");
  log_->flush();
  log_->append("waiting");
  io_->complete_all();
  EXPECT_EQ(listener_.failures.size(), 1u);
  EXPECT_TRUE(listener_.durable.empty());
  log_->flush();
  log_->on_tick(1'000'000'000);
  EXPECT_EQ(io_->writes, 1u);
}

TEST_F(LogTest, AFailedPreparationMakesItFullUntilOneSucceeds) {
  auto tail = read();
  ASSERT_TRUE(tail);
  io_ = std::make_unique<FakeFileIo>();
  io_->prepare_error = "no space left on device";
  log_ = open_log(*io_, identity_, options_, *tail, &listener_);
  EXPECT_FALSE(log_->full());
  io_->complete_all();
  EXPECT_TRUE(log_->full());
  EXPECT_EQ(log_->full_because(), "no space left on device");
  std::vector<std::string> large(14, text(66000, 'l'));
  for (int batch = 0; batch < 3; ++batch) write_batch(large);
  EXPECT_EQ(log_->durable(), RecordNumber{28});  // the third waits for a segment
  io_->prepare_error.clear();
  log_->on_tick(999 * kMs);
  EXPECT_TRUE(io_->pending.empty());
  log_->on_tick(1000 * kMs);
  io_->complete_all();
  EXPECT_FALSE(log_->full());
  EXPECT_EQ(log_->full_because(), "");
  EXPECT_EQ(log_->durable(), RecordNumber{42});
  EXPECT_TRUE(listener_.failures.empty());
}

TEST_F(LogTest, AStreamIsMadeOnce) { EXPECT_FALSE(create_stream(storage_, identity_, options_)); }

TEST_F(LogTest, TheProbeLeavesNothingBehind) {
  std::string report;
  ASSERT_TRUE(probe_sync(directory_.path(), false, &report));
  EXPECT_TRUE(report.starts_with("log sync: ")) << report;
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/sync-probe.tmp"));
}

}  // namespace log_test
}  // namespace once::wal
