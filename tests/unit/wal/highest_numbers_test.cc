// Numbers at the end of their range, in blocks whose checksum is right. A run that counted on from
// them would begin at 0 again: its blocks would count as older than those before, and what was
// acknowledged could be lost at the start after it.
#include <gtest/gtest.h>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"
#include "wal/needed_segments.h"

namespace once::wal {
namespace highest_numbers_test {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kFar = uint64_t{1} << 32;  // more segments than 32 bits count

// Segment 1 was released, and is the spare 4 with its old blocks; 2 is needed, 3 is the newest.
class HighestNumbersTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk_, stream_.identity, stream_.options));
    stream_.start();
    stream_.write({"old"});
    open_next();
    stream_.log->release(Generation{1});
    open_next();
    stream_.write({"last"});
    ASSERT_EQ(stream_.recover(), "");
    ASSERT_EQ(stream_.tail.generation, Generation{3});
    ASSERT_EQ(stream_.tail.spare_segments, 1u);
    ASSERT_EQ(stream_.records, kWritten);
  }
  void open_next() {
    stream_.io.now += 5 * kSecond;
    stream_.log->switch_segment();
    stream_.write({"x"});
  }
  void begin_at(BlockSequence first) {
    for (const uint64_t generation : {2u, 3u}) {
      const auto& blocks = disk_.files.at(stream_.path(generation)).blocks;
      for (uint64_t index = 0; index < blocks.size(); ++index) {
        if (blocks[index] == nullptr) continue;
        stream_.reseal(generation, index, [&](BlockHeader& header, auto&) {
          for (uint64_t* number :
               {&header.segment_first_sequence, &header.sequence, &header.durable_sequence}) {
            *number += first.value - first_;
          }
        });
      }
    }
    first_ = first.value;
  }

  const std::vector<std::string> kWritten{"x", "x", "last"};
  MemoryStorage disk_;
  Stream stream_{disk_, 0};
  uint64_t first_ = 2;  // the first sequence of segment 2
};

TEST_F(HighestNumbersTest, AnEpochThatNoneCanFollowIsCorruptionWhereverItIs) {
  const MemoryStorage whole = disk_;
  const struct {
    uint64_t generation, block;
    const char* where;
  } kPlaces[] = {
      {2, 1, "log-0-2.seg block 1 (offset 4096): "},
      {3, 0, "log-0-3.seg block 0 (offset 0): "},
      {3, 2, "log-0-3.seg block 2 (offset 8192): "},
      {4, 1, "log-0-4.seg block 1 (offset 4096): "},  // of what the spare once was
  };
  for (const auto& place : kPlaces) {
    stream_.reseal(place.generation, place.block,
                   [](BlockHeader& header, auto&) { header.epoch = UINT32_MAX; });
    const std::string told = stream_.recover();
    const std::string wanted = place.where + std::string("no log counts so far (epoch 4294967295");
    EXPECT_NE(told.find("corrupt log"), std::string::npos) << told;
    EXPECT_NE(told.find(wanted), std::string::npos) << told;
    disk_ = whole;
  }
}

TEST_F(HighestNumbersTest, TheEpochBeforeIsFollowedByTheLast) {
  stream_.reseal(3, 2, [](BlockHeader& header, auto&) { header.epoch = UINT32_MAX - 1; });
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.records, kWritten);
  EXPECT_EQ(stream_.tail.epoch, UINT32_MAX);
}

TEST_F(HighestNumbersTest, ASequenceThatARunCouldCountRoundFromIsCorruption) {
  for (const uint64_t first : {kMaxSequence.value + 1, UINT64_MAX - 1, UINT64_MAX}) {
    begin_at(BlockSequence{first});
    const std::string told = stream_.recover();
    EXPECT_NE(told.find("corrupt log"), std::string::npos) << told;
    EXPECT_NE(told.find("no log counts so far"), std::string::npos) << told;
    EXPECT_NE(told.find("log-0-2.seg block 0"), std::string::npos) << told;
  }
}

TEST_F(HighestNumbersTest, ALogGoesOnFromTheHighestSequenceThatIsTaken) {
  begin_at(kMaxSequence.previous());  // and so segment 3 at the highest
  Stream restarted(disk_, 0);
  restarted.start();
  ASSERT_NE(restarted.log, nullptr);
  EXPECT_EQ(restarted.records, kWritten);
  restarted.write({"more"});
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.records, (std::vector<std::string>{"x", "x", "last", "more"}));
}

// The list in the header block of the newest segment tells of them.
TEST_F(HighestNumbersTest, ALogThatHasHadMoreSegmentsThan32BitsCountGoesOn) {
  disk_.files.erase(stream_.path(4));
  for (const uint64_t generation : {2u, 3u}) {
    disk_.rename(stream_.path(generation), stream_.path(generation + kFar));
    const auto& blocks = disk_.files.at(stream_.path(generation + kFar)).blocks;
    for (uint64_t index = 0; index < blocks.size(); ++index) {
      if (blocks[index] == nullptr) continue;
      stream_.reseal(generation + kFar, index, [&](BlockHeader& header, auto& block) {
        header.generation += kFar;
        if (index != 0 || generation != 3) return;
        const Generation two{2 + kFar};
        const std::string list = encode_needed({{two, two, 1}});
        header.payload_bytes = static_cast<uint32_t>(list.size());
        std::memcpy(block.data() + sizeof header, list.data(), list.size());
      });
    }
  }
  Stream restarted(disk_, 0);
  restarted.start();
  ASSERT_NE(restarted.log, nullptr);
  EXPECT_EQ(restarted.records, kWritten);
  restarted.io.now += 5 * kSecond;
  restarted.log->switch_segment();
  restarted.write({"more"});
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.tail.generation, Generation{4 + kFar});
  EXPECT_EQ(restarted.records, (std::vector<std::string>{"x", "x", "last", "more"}));
}

}  // namespace highest_numbers_test
}  // namespace once::wal
