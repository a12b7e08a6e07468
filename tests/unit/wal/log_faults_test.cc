// The log when the disk misbehaves while it runs, and files that were exchanged, cut or put back by
// somebody: nothing is acknowledged that is not durable, and nothing that was lost goes unnoticed.
#include <gtest/gtest.h>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::wal {
namespace log_faults_test {

constexpr int64_t kMs = 1'000'000;

class LogFaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk_, stream_.identity, stream_.options));
    stream_.start();
  }
  static std::vector<std::string> large() {  // nearly all of one write
    return std::vector<std::string>(14, std::string(66000, 'l'));
  }

  MemoryStorage disk_;
  Stream stream_{disk_, 0};
};

TEST_F(LogFaultsTest, AnErrorIsReportedOnceAndNothingIsAcknowledgedAfterIt) {
  stream_.write({"durable"});
  stream_.io.fail_writes = true;
  stream_.log->append("lost");
  stream_.log->flush();
  stream_.log->append("queued");
  stream_.io.complete_all();
  EXPECT_EQ(stream_.listener.failures, std::vector<std::string>{"write failed: EIO"});
  stream_.io.fail_writes = false;  // the disk is well again: the log must not be
  stream_.log->append("later");
  stream_.log->flush();
  for (int tick = 1; tick < 100; ++tick) stream_.log->on_tick(tick * 100 * kMs);
  stream_.io.complete_all();
  EXPECT_EQ(stream_.listener.failures.size(), 1u);
  EXPECT_EQ(stream_.listener.durable, std::vector<uint64_t>{1});
  EXPECT_EQ(stream_.log->durable(), RecordNumber{1});
  EXPECT_EQ(stream_.io.writes, 2u);
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.records, std::vector<std::string>{"durable"});
}

// Two errors of one file (the Io reports each), and a completion that arrives behind them.
TEST_F(LogFaultsTest, AFailedLogListensToNoFurtherCompletion) {
  stream_.log->append("one");
  stream_.log->flush();
  ASSERT_EQ(stream_.io.pending.size(), 1u);
  auto completion = stream_.io.pending.front();
  stream_.io.pending.pop_front();
  stream_.io.fail_file(stream_.path(1), "write failed: EIO");
  stream_.io.fail_file(stream_.path(1), "short write");
  completion();
  EXPECT_EQ(stream_.listener.failures, std::vector<std::string>{"write failed: EIO"});
  EXPECT_TRUE(stream_.listener.durable.empty());
  EXPECT_EQ(stream_.log->durable(), RecordNumber{0});
}

// What would make a later batch's completion overtake an earlier one's: two of them in flight.
TEST_F(LogFaultsTest, ABatchBeginsOnlyAfterTheOneBeforeIsDurable) {
  for (int batch = 0; batch < 25; ++batch) {
    for (const auto& record : large()) stream_.log->append(record);
    stream_.log->flush();
    stream_.log->on_tick(batch * 100 * kMs);
  }
  size_t rounds = 0;
  RecordNumber acknowledged;
  while (!stream_.io.pending.empty()) {
    const size_t writes = stream_.io.writes;
    stream_.io.complete_one();
    ASSERT_LE(stream_.io.writes, writes + 1);
    ASSERT_EQ(stream_.recover(), "");
    // Whatever was reported is on the disk, and nothing else is yet.
    ASSERT_EQ(stream_.log->durable().value, stream_.records.size());
    ASSERT_GE(stream_.log->durable(), acknowledged);
    acknowledged = stream_.log->durable();
    ++rounds;
  }
  EXPECT_GE(rounds, 25u);
  EXPECT_EQ(stream_.log->durable(), RecordNumber{350});
}

TEST_F(LogFaultsTest, AFullDiskIsSurvivedAcrossARestart) {
  stream_.io.prepare_error = "no space left on device";
  for (int batch = 0; batch < 5; ++batch) stream_.write(large());  // 1 and 2 have two each
  EXPECT_TRUE(stream_.log->full());
  EXPECT_EQ(stream_.log->durable(), RecordNumber{56});
  EXPECT_TRUE(stream_.listener.failures.empty());

  Stream restarted(disk_, 0);
  restarted.io.prepare_error = "no space left on device";
  restarted.start();
  EXPECT_EQ(restarted.records.size(), 56u);
  EXPECT_TRUE(restarted.log->full());
  restarted.write(large());
  EXPECT_EQ(restarted.log->durable(), RecordNumber{56});
  restarted.io.prepare_error.clear();
  restarted.io.now = 2000 * kMs;
  restarted.log->on_tick(restarted.io.now);
  restarted.io.complete_all();
  EXPECT_FALSE(restarted.log->full());
  EXPECT_EQ(restarted.log->durable(), RecordNumber{70});
  EXPECT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.records.size(), 70u);
}

TEST_F(LogFaultsTest, AFilePreparedThatDoesNotOpenIsOpenedLaterAndNotMadeAgain) {
  EXPECT_EQ(stream_.io.preparations, 1u);  // segment 2
  disk_.refuse = stream_.path(3);
  for (int batch = 0; batch < 3; ++batch) stream_.write(large());
  EXPECT_TRUE(stream_.log->full());
  EXPECT_EQ(stream_.io.preparations, 2u);
  disk_.refuse.clear();
  stream_.io.now = 1000 * kMs;
  stream_.log->on_tick(stream_.io.now);
  stream_.io.complete_all();
  EXPECT_FALSE(stream_.log->full());
  EXPECT_EQ(stream_.io.preparations, 2u);
}

TEST_F(LogFaultsTest, SparesOfAnEarlierRunAreUsedInTheirOrder) {
  for (int batch = 0; batch < 3; ++batch) stream_.write(large());  // segment 3 is the spare
  disk_.block(stream_.path(2), 0) = nullptr;  // the first write of segment 2 was torn
  Stream restarted(disk_, 0);
  restarted.start();
  EXPECT_EQ(restarted.tail.spare_segments, 2u);
  EXPECT_EQ(restarted.io.preparations, 0u);
  for (int batch = 0; batch < 3; ++batch) restarted.write(large());
  EXPECT_EQ(restarted.io.preparations, 1u);  // segment 4
  EXPECT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.records.size(), 28u + 42u);
  EXPECT_EQ(restarted.tail.generation, Generation{3});
}

TEST_F(LogFaultsTest, ABatchIsFilledToTheLastByteAndNoFurther) {
  constexpr size_t kLargest = kMaxRecordBytes + kRecordPrefixBytes;
  constexpr size_t kRest = kMaxBatchPayload % kLargest - kRecordPrefixBytes;
  const std::vector<std::string> records(kMaxBatchPayload / kLargest,
                                         std::string(kMaxRecordBytes, 'f'));
  std::vector<std::string> written;
  for (size_t over = 0; over <= 2 * kRecordPrefixBytes; ++over) {
    std::vector<std::string> batch = records;
    batch.emplace_back(kRest + over, 'r');
    const size_t writes = stream_.io.writes;
    stream_.write(batch);
    ASSERT_EQ(stream_.io.writes - writes, over == 0 ? 1u : 2u) << over;
    written.insert(written.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_TRUE(stream_.records == written);
}

// Cut so that the new segment has its blocks, but not its header: it does not count as started.
class HeaderlessSegmentTest : public LogFaultsTest {
 protected:
  void SetUp() override {
    LogFaultsTest::SetUp();
    for (int batch = 0; batch < 2; ++batch) stream_.write(large());
    stream_.io.power_cut = [](size_t block) { return block != 0; };
    stream_.write(large());
    EXPECT_EQ(stream_.log->durable(), RecordNumber{28});
  }
};

TEST_F(HeaderlessSegmentTest, ItsOldBatchDoesNotComeBackBehindANewHeader) {
  Stream restarted(disk_, 0);
  restarted.start();
  EXPECT_EQ(restarted.records.size(), 28u);
  restarted.io.power_cut = [](size_t block) { return block == 0; };
  restarted.write(std::vector<std::string>(14, std::string(66000, 'm')));
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.tail.generation, Generation{2});
  EXPECT_EQ(restarted.records.size(), 28u);
}

// The same once that run has gone on to another segment: the old batch, where its own stood, is
// damage.
TEST_F(HeaderlessSegmentTest, ItsOldBatchIsDamageOfASealedSegment) {
  const auto old = disk_.files.at(stream_.path(2)).blocks;
  Stream restarted(disk_, 0);
  restarted.start();
  for (int batch = 0; batch < 3; ++batch) restarted.write(large());
  ASSERT_EQ(restarted.recover(), "");
  ASSERT_EQ(restarted.tail.generation, Generation{3});
  for (uint64_t block = 1; block < old.size(); ++block) {
    if (old[block] != nullptr) disk_.block(stream_.path(2), block) = old[block];
  }
  EXPECT_NE(restarted.recover().find("a damaged batch"), std::string::npos);
}

TEST_F(HeaderlessSegmentTest, ItsBlocksStillTellWhatWasDurable) {
  ASSERT_EQ(stream_.recover(), "");
  const uint64_t last = stream_.tail.next_sequence - kFirstSequence;  // acknowledged
  disk_.block(stream_.path(1), last) = nullptr;
  EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos);
}

// A run whose only write was lost leaves no trace, so the next one has its epoch; if that write
// arrives after all, the two must not be read as one batch.
TEST_F(LogFaultsTest, ALateBlockOfAKilledRunIsNotPartOfABatch) {
  std::vector<char> late;
  stream_.io.on_write = [&](const std::string&, uint64_t, std::span<const char> bytes) {
    late.assign(bytes.begin(), bytes.end());
  };
  stream_.io.power_cut = [](size_t) { return false; };
  stream_.write({std::string(2 * kBlockPayloadBytes, 'o')});  // three blocks
  Stream restarted(disk_, 0);
  restarted.start();
  ASSERT_EQ(restarted.tail.epoch, stream_.tail.epoch);
  restarted.io.power_cut = [](size_t block) { return block == 0; };
  restarted.write({std::string(kBlockPayloadBytes, 'n')});  // two, and the second is lost
  disk_.write(stream_.path(1), 2 * kBlockBytes, std::span(late).subspan(kBlockBytes, kBlockBytes));
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_TRUE(restarted.records.empty());
}

// A block in the place of another one of its batch is none of it, though both are of that length.
TEST_F(LogFaultsTest, ALateBlockOfAnotherPlaceIsNotPartOfABatchEither) {
  std::vector<char> late;
  stream_.io.on_write = [&](const std::string&, uint64_t, std::span<const char> bytes) {
    late.assign(bytes.begin(), bytes.end());
  };
  stream_.io.power_cut = [](size_t) { return false; };
  stream_.write({std::string(2 * kBlockPayloadBytes, 'o')});  // blocks 1 to 3
  Stream restarted(disk_, 0);
  restarted.start();
  ASSERT_EQ(restarted.tail.epoch, stream_.tail.epoch);
  restarted.write({"durable"});
  restarted.io.power_cut = [](size_t block) { return block != 1; };
  restarted.write({std::string(2 * kBlockPayloadBytes, 'n')});  // blocks 2 to 4; 3 is lost
  disk_.write(stream_.path(1), 3 * kBlockBytes,
              std::span(late).subspan(2 * kBlockBytes, kBlockBytes));
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.records, std::vector<std::string>{"durable"});
}

// A record that is cut off by the end of its batch must not go on in the next one.
TEST_F(LogFaultsTest, ARecordThatRunsPastItsBatchIsCorruption) {
  stream_.write({"cut"});
  stream_.write({"next"});
  const auto whole = disk_.block(stream_.path(1), 1);
  for (const bool sealed : {false, true}) {
    disk_.block(stream_.path(1), 1) = whole;
    if (sealed) {
      Stream restarted(disk_, 0);
      restarted.start();
      restarted.log->switch_segment();
      restarted.write({"more"});
      ASSERT_EQ(restarted.recover(), "");
      ASSERT_EQ(restarted.tail.generation, Generation{2});
    }
    stream_.reseal(1, 1, [](BlockHeader& header, auto&) { --header.payload_bytes; });
    EXPECT_NE(stream_.recover().find("past the end of its batch"), std::string::npos);
  }
}

// The same where that write began a segment, which the next run begins with another sequence.
TEST_F(LogFaultsTest, ALateBeginningOfASegmentIsNotTakenForAnother) {
  for (int batch = 0; batch < 2; ++batch) stream_.write(large());
  Stream killed(disk_, 0);
  killed.start();
  std::vector<char> late;
  killed.io.on_write = [&](const std::string&, uint64_t, std::span<const char> bytes) {
    late.assign(bytes.begin(), bytes.end());
  };
  killed.io.power_cut = [](size_t) { return false; };
  killed.write(large());
  Stream restarted(disk_, 0);
  restarted.start();
  ASSERT_EQ(restarted.tail.epoch, killed.tail.epoch);
  restarted.write({"small"});
  restarted.io.power_cut = [](size_t block) { return block == 0; };
  restarted.write(large());
  disk_.write(restarted.path(2), kBlockBytes, std::span(late).subspan(kBlockBytes));
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.tail.generation, Generation{2});
  EXPECT_EQ(restarted.records.size(), 29u);
}

TEST_F(LogFaultsTest, StreamsOfOneDirectoryAreApart) {
  Stream other(disk_, 1);
  ASSERT_TRUE(create_stream(disk_, other.identity, other.options));
  other.start();
  for (int batch = 0; batch < 5; ++batch) {
    stream_.write({"of the first " + std::to_string(batch)});
    other.write(large());
    stream_.write(large());
  }
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.records.size(), 75u);
  EXPECT_EQ(other.recover(), "");
  EXPECT_EQ(other.records, std::vector<std::string>(70, std::string(66000, 'l')));

  std::swap(disk_.files[stream_.path(1)], disk_.files[other.path(1)]);
  EXPECT_NE(stream_.recover(), "");
  EXPECT_TRUE(stream_.records.empty());
  EXPECT_NE(other.recover(), "");
  EXPECT_TRUE(other.records.empty());
}

TEST_F(LogFaultsTest, SegmentsThatChangedPlacesAreCorruption) {
  for (int batch = 0; batch < 6; ++batch) stream_.write(large());
  std::swap(disk_.files[stream_.path(1)], disk_.files[stream_.path(2)]);
  EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos);
  std::swap(disk_.files[stream_.path(1)], disk_.files[stream_.path(2)]);
  ASSERT_EQ(stream_.recover(), "");
  disk_.files[stream_.path(3)] = disk_.files[stream_.path(1)];
  EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos);
}

TEST_F(LogFaultsTest, ADamagedHeaderBetweenSegmentsIsNamed) {
  for (int batch = 0; batch < 6; ++batch) stream_.write(large());
  disk_.block(stream_.path(2), 0) = nullptr;
  EXPECT_NE(stream_.recover().find("log-0-2.seg block 0 (offset 0): the segment header is damaged"),
            std::string::npos);
}

TEST_F(LogFaultsTest, TheOnlySegmentIsMissedIfASpareIsThere) {
  stream_.write({"durable"});
  disk_.files.erase(stream_.path(1));
  EXPECT_NE(stream_.recover().find("log-0-1.seg block 0 (offset 0): the segment file is missing"),
            std::string::npos);
}

// Whole, but of no log that this program would write: an error, not a read past the end.
TEST_F(LogFaultsTest, ASegmentThatBeginsTooLateOrTooEarlyIsCorruption) {
  for (int batch = 0; batch < 3; ++batch) stream_.write(large());
  for (const uint64_t first_sequence : {uint64_t{1} << 40, uint64_t{514}, uint64_t{0}}) {
    MemoryStorage::Block block = *disk_.block(stream_.path(2), 0);
    BlockHeader header;
    std::memcpy(&header, block.data(), sizeof header);
    header.segment_first_sequence = header.sequence = first_sequence;
    header.durable_sequence = 0;
    header.checksum = 0;
    seal_block(block.data(), header);
    disk_.write(stream_.path(2), 0, block);
    const char* what = first_sequence == 0 ? "it begins too early" : "does not continue";
    EXPECT_NE(stream_.recover().find(what), std::string::npos) << first_sequence;
  }
}

// Its blocks are whole, and there should be one more, where the segment has none.
TEST_F(LogFaultsTest, ASealedSegmentThatEndsWithinABatchIsCorruption) {
  for (int batch = 0; batch < 3; ++batch) stream_.write(large());
  auto header_of = [&](uint64_t generation, uint64_t index) {
    BlockHeader header;
    std::memcpy(&header, disk_.block(stream_.path(generation), index)->data(), sizeof header);
    return header;
  };
  const uint64_t last = header_of(2, 0).segment_first_sequence - 1;
  const uint16_t blocks = header_of(1, last).batch_blocks;
  for (uint64_t index = last; index > last - blocks; --index) {
    MemoryStorage::Block block = *disk_.block(stream_.path(1), index);
    BlockHeader header = header_of(1, index);
    ++header.batch_blocks;
    header.checksum = 0;
    seal_block(block.data(), header);
    disk_.write(stream_.path(1), index * kBlockBytes, block);
  }
  EXPECT_NE(stream_.recover().find("a damaged batch, and a later segment follows"),
            std::string::npos);
}

// The last batch is covered by no watermark: only the stray block tells that it was written.
TEST_F(LogFaultsTest, ABatchWrittenToAWrongPlaceIsCorruption) {
  stream_.write({"first"});
  stream_.write({"astray"});
  for (const auto& [generation, index] : {std::pair{1u, 100u}, {1u, 1u}, {1u, 0u}, {2u, 2u}}) {
    const auto disk = disk_.files;
    disk_.block(stream_.path(generation), index) = disk_.block(stream_.path(1), 2);
    disk_.block(stream_.path(1), 2) = nullptr;
    EXPECT_NE(stream_.recover().find("block of another place"), std::string::npos) << index;
    EXPECT_TRUE(stream_.records.empty());
    disk_.files = disk;
  }
  EXPECT_EQ(stream_.recover(), "");
}

// Somebody put an older copy back: the segments behind it, or its own later blocks, are missed.
TEST_F(LogFaultsTest, AnOlderCopyOfASegmentIsCorruptionOnceALaterOneIsStarted) {
  stream_.write({"first"});
  const auto old = disk_.files[stream_.path(1)];
  for (int batch = 0; batch < 4; ++batch) stream_.write(large());
  disk_.files[stream_.path(1)] = old;
  EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos);
  EXPECT_EQ(stream_.records, std::vector<std::string>{"first"});
}

TEST_F(LogFaultsTest, AFileOfAnotherSizeIsCorruption) {
  for (int batch = 0; batch < 2; ++batch) stream_.write(large());
  auto& file = disk_.files[stream_.path(1)];
  for (uint64_t bytes : {kMaxBatchBytes, kMaxBatchBytes + kBlockBytes, kBlockBytes, size_t{0},
                         2 * kMaxBatchBytes - 512, 2 * kMaxBatchBytes + 512}) {
    file.bytes = bytes;
    EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos) << bytes;
    EXPECT_TRUE(stream_.records.empty()) << bytes;
  }
  file.bytes = 2 * kMaxBatchBytes;
  EXPECT_EQ(stream_.recover(), "");
}

TEST_F(LogFaultsTest, AFileThatCannotBeReadIsAnErrorAndNotAnEmptyLog) {
  stream_.write({"durable"});
  for (const std::string& path : {stream_.path(1), stream_.path(2), std::string("/disk")}) {
    disk_.refuse = path;
    EXPECT_NE(stream_.recover(), "") << path;
  }
}

TEST_F(LogFaultsTest, EveryFileIsSyncedBeforeItIsRead) {
  for (int batch = 0; batch < 3; ++batch) stream_.write(large());
  disk_.synced.clear();
  disk_.on_read = [&](const std::string& path) { EXPECT_TRUE(disk_.synced.contains(path)); };
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(disk_.synced.size(), 3u);
}

// A node that meets either does not vote; what its operator should do is not the same.
TEST_F(LogFaultsTest, AFileThatCannotBeReadIsToldFromADamagedOne) {
  stream_.write({"durable"});
  auto read = [this] {
    return wal::recover(disk_, stream_.identity, stream_.options, [](auto, auto, auto&) {});
  };
  ASSERT_TRUE(read());
  disk_.refuse = stream_.path(1);
  auto unreadable = read();
  ASSERT_FALSE(unreadable);
  EXPECT_FALSE(unreadable.error().corrupt);
  disk_.refuse.clear();
  disk_.block(stream_.path(1), 0) = nullptr;
  auto damaged = read();
  ASSERT_FALSE(damaged);
  EXPECT_TRUE(damaged.error().corrupt);
  disk_.files.clear();
  ASSERT_TRUE(wal::create_stream(disk_, Identity{}, stream_.options));
  auto foreign = read();
  ASSERT_FALSE(foreign);
  EXPECT_TRUE(foreign.error().corrupt);
  disk_.files.clear();
  ASSERT_TRUE(wal::create_stream(disk_, stream_.identity, stream_.options));
  stream_.reseal(1, 0, [](BlockHeader& header, auto&) { ++header.version; });
  auto of_later = read();
  ASSERT_FALSE(of_later);
  EXPECT_NE(of_later.error().message.find("newer log format"), std::string::npos);
  EXPECT_TRUE(of_later.error().corrupt) << "with the same exit code as a record that is newer";
}

}  // namespace log_faults_test
}  // namespace once::wal
