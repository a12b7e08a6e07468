// A running log's sealed segment, read a little at a time.
#include <gtest/gtest.h>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"

namespace once::wal {
namespace segment_reader_test {

class SegmentReaderTest : public testing::Test {
 protected:
  // Segment 1: small records, and those that go over the borders of blocks and of pieces.
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk_, stream_.identity, stream_.options));
    stream_.start();
    for (int batch = 0; stream_.log->counters().segments == 1; ++batch) {
      std::vector<std::string> records;
      for (size_t size : {0, 5, 3980, 3981, 20'000, 66'000}) {
        records.push_back(std::string(size, static_cast<char>('a' + batch % 20)));
        written_.push_back(records.back());
      }
      stream_.write(records);
      stream_.io.now += 60'000'000;
      if (batch % 3 == 0) stream_.log->on_tick(stream_.io.now);  // an empty batch
      stream_.io.complete_all();
    }
    segment_ = *stream_.log->use().find(Generation{1});
    written_.resize(segment_.last_record.value);
  }
  // Each time at most `most`.
  void read(size_t most) {
    read_.clear();
    reader_ = stream_.log->read_segment(Generation{1});
    for (int rounds = 0; !reader_->done() && rounds < 10'000; ++rounds) {
      size_t visited = 0;
      reader_->take(most, [&](std::string_view record, RecordNumber number) {
        ++visited;
        read_.emplace_back(record);
        EXPECT_EQ(number, RecordNumber{read_.size()});
      });
      EXPECT_LE(visited, most);
      if (!reader_->ready() && stream_.listener.failures.empty()) {
        ASSERT_EQ(stream_.io.pending.size(), 1u);
        stream_.io.complete_one();
        ++pieces_;
      }
      if (!stream_.listener.failures.empty()) return;
    }
  }

  MemoryStorage disk_;
  Stream stream_{disk_, 0};
  SegmentUse::Segment segment_;
  std::vector<std::string> written_;
  std::unique_ptr<SegmentReader> reader_;
  std::vector<std::string> read_;
  size_t pieces_ = 0;
};

TEST_F(SegmentReaderTest, GivesEveryRecordWithItsNumberHoweverLittleIsTaken) {
  ASSERT_GE(written_.size(), 100u);
  for (const size_t most : {size_t{1}, size_t{7}, size_t{1000}}) {
    pieces_ = 0;
    read(most);
    ASSERT_TRUE(reader_->done());
    EXPECT_TRUE(read_ == written_) << most;
    EXPECT_EQ(pieces_, (segment_.end_sequence - kFirstSequence + 63) / 64);
  }
  EXPECT_TRUE(stream_.listener.failures.empty());
}

TEST_F(SegmentReaderTest, NumbersGoOnFromRecoveryOn) {
  Stream restarted(disk_, 0);
  restarted.start();
  const RecordNumber first = restarted.log->appended().next();
  restarted.log->switch_segment();
  restarted.write({"one", "two"});
  restarted.io.now += 5'000'000'000;
  restarted.log->switch_segment();
  restarted.write({"three"});
  const Generation generation = restarted.log->use().segments().rbegin()[1].generation;
  auto reader = restarted.log->read_segment(generation);
  restarted.io.complete_all();
  std::vector<std::pair<std::string, RecordNumber>> all;
  for (int rounds = 0; !reader->done() && rounds < 10; ++rounds) {
    reader->take(10, [&](auto record, RecordNumber number) { all.emplace_back(record, number); });
  }
  EXPECT_EQ(all, (std::vector<std::pair<std::string, RecordNumber>>{{"one", first},
                                                                    {"two", first.next()}}));
}

TEST_F(SegmentReaderTest, ADamagedBlockEndsTheLog) {
  const uint64_t last = segment_.end_sequence - kFirstSequence;
  for (const uint64_t block : {uint64_t{1}, uint64_t{64}, uint64_t{65}, last}) {
    const MemoryStorage whole = disk_;
    for (const bool zeros : {true, false}) {
      Stream restarted(disk_, 0);
      restarted.start();
      auto now = std::make_shared<MemoryStorage::Block>(*disk_.block(stream_.path(1), block));
      (*now)[2000] ^= 1;
      disk_.block(stream_.path(1), block) = zeros ? nullptr : now;
      auto reader = restarted.log->read_segment(Generation{1});
      uint64_t visited = 0;
      for (int rounds = 0; rounds < 1000; ++rounds) {
        restarted.io.complete_all();
        reader->take(10, [&](auto, RecordNumber number) { EXPECT_EQ(number.value, ++visited); });
      }
      EXPECT_FALSE(reader->done());
      ASSERT_EQ(restarted.listener.failures.size(), 1u);
      EXPECT_NE(restarted.listener.failures[0].find("corrupt log: /disk/log-0-1.seg block " +
                                                    std::to_string(block) + " "),
                std::string::npos)
          << restarted.listener.failures[0];
      EXPECT_LT(visited, segment_.last_record.value);
      restarted.write({"more"});
      EXPECT_TRUE(restarted.listener.durable.empty()) << "the log has ended";
      disk_ = whole;
    }
  }
}

// Whole blocks, each of a segment of this stream, but not what was written there.
TEST_F(SegmentReaderTest, ABlockOfAnotherPlaceEndsTheLog) {
  disk_.block(stream_.path(1), 9) = disk_.block(stream_.path(1), 8);
  read(10);
  ASSERT_EQ(stream_.listener.failures.size(), 1u);
  EXPECT_NE(stream_.listener.failures[0].find("block of another place"), std::string::npos);
  EXPECT_EQ(stream_.listener.corrupt, 1);
}

TEST_F(SegmentReaderTest, AnOlderBatchInItsPlaceEndsTheLog) {
  std::vector<char> old(disk_.block(stream_.path(1), 3)->begin(),
                        disk_.block(stream_.path(1), 3)->end());
  BlockHeader header;
  std::memcpy(&header, old.data(), sizeof header);
  header.batch_index = 0;
  header.batch_blocks = 1;
  header.payload_bytes = 0;
  header.checksum = 0;
  seal_block(old.data(), header);
  disk_.write(stream_.path(1), 3 * kBlockBytes, old);
  read(10);
  ASSERT_EQ(stream_.listener.failures.size(), 1u);
  EXPECT_NE(stream_.listener.failures[0].find("does not continue"), std::string::npos);
  EXPECT_EQ(stream_.listener.corrupt, 1);
}

// Whole, in its place, of one block; but not the one that was written.
TEST_F(SegmentReaderTest, ARecordThatIsNotThereEndsTheLog) {
  Stream other(disk_, 1);
  ASSERT_TRUE(create_stream(disk_, other.identity, other.options));
  other.start();
  other.write({"one"});
  other.write({"two"});
  other.log->switch_segment();
  other.write({"three"});
  ASSERT_TRUE(other.log->use().find(Generation{1})->sealed());
  std::vector<char> bytes(disk_.block(other.path(1), 2)->begin(),
                          disk_.block(other.path(1), 2)->end());
  BlockHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.payload_bytes = 0;
  header.checksum = 0;
  seal_block(bytes.data(), header);
  disk_.write(other.path(1), 2 * kBlockBytes, bytes);
  auto reader = other.log->read_segment(Generation{1});
  for (int rounds = 0; rounds < 10; ++rounds) {
    other.io.complete_all();
    reader->take(10, [&](std::string_view record, RecordNumber) { EXPECT_EQ(record, "one"); });
  }
  EXPECT_FALSE(reader->done());
  ASSERT_EQ(other.listener.failures.size(), 1u);
  EXPECT_NE(other.listener.failures[0].find("end early"), std::string::npos);
  EXPECT_EQ(other.listener.corrupt, 1);
}

TEST_F(SegmentReaderTest, ARecordTooManyEndsTheLog) {
  Stream other(disk_, 1);
  ASSERT_TRUE(create_stream(disk_, other.identity, other.options));
  other.start();
  other.write({"one"});
  other.log->switch_segment();
  other.write({"two"});
  ASSERT_EQ(other.log->use().find(Generation{1})->last_record, RecordNumber{1});
  std::vector<char> bytes(disk_.block(other.path(1), 1)->begin(),
                          disk_.block(other.path(1), 1)->end());
  BlockHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.payload_bytes += kRecordPrefixBytes;  // zeros: a record of no bytes
  header.checksum = 0;
  seal_block(bytes.data(), header);
  disk_.write(other.path(1), kBlockBytes, bytes);
  auto reader = other.log->read_segment(Generation{1});
  for (int rounds = 0; rounds < 10; ++rounds) {
    other.io.complete_all();
    reader->take(10, [&](std::string_view record, RecordNumber number) {
      EXPECT_EQ(record, "one");
      EXPECT_EQ(number, RecordNumber{1});
    });
  }
  EXPECT_FALSE(reader->done());
  ASSERT_EQ(other.listener.failures.size(), 1u);
  EXPECT_NE(other.listener.failures[0].find("more records"), std::string::npos);
  EXPECT_EQ(other.listener.corrupt, 1);
}

TEST_F(SegmentReaderTest, WhatCannotBeReadEndsTheLog) {
  stream_.io.fail_reads = true;
  read(10);
  ASSERT_EQ(stream_.listener.failures.size(), 1u);
  EXPECT_NE(stream_.listener.failures[0].find("EIO"), std::string::npos);
  EXPECT_EQ(stream_.listener.corrupt, 0) << "the disk may be at fault, and not what is on it";
  EXPECT_FALSE(reader_->done());
  EXPECT_TRUE(read_.empty());
}

TEST_F(SegmentReaderTest, AFileThatIsGoneEndsTheLog) {
  disk_.refuse = stream_.path(1);
  auto reader = stream_.log->read_segment(Generation{1});
  EXPECT_EQ(stream_.listener.failures.size(), 1u);
  EXPECT_FALSE(reader->ready());
}

}  // namespace segment_reader_test
}  // namespace once::wal
