// What is counted of a stream's segments, as tables.
#include <gtest/gtest.h>

#include "wal/block_format.h"
#include "wal/needed_segments.h"
#include "wal/segment_use.h"

namespace once::wal {
namespace segment_use_test {

constexpr uint64_t kPrefix = kRecordPrefixBytes;

NeededRange range(uint64_t first, uint64_t last, uint64_t last_blocks) {
  return {Generation{first}, Generation{last}, last_blocks};
}

// Records 1..4 in segment 1, 5..6 in segment 2, none in 4, 7 in the open one, 5; each of 100 bytes.
SegmentUse four_segments() {
  SegmentUse use;
  use.open(Generation{1}, BlockSequence{1});
  use.written(RecordNumber{2}, 2 * (100 + kPrefix));
  use.written(RecordNumber{4}, 2 * (100 + kPrefix));
  use.seal(BlockSequence{11});
  use.open(Generation{2}, BlockSequence{11});
  use.written(RecordNumber{6}, 2 * (100 + kPrefix));
  use.seal(BlockSequence{15});
  use.open(Generation{4}, BlockSequence{20});
  use.seal(BlockSequence{22});
  use.open(Generation{5}, BlockSequence{22});
  use.written(RecordNumber{7}, 100 + kPrefix);
  return use;
}

TEST(SegmentUse, KnowsWhichRecordsAreWhere) {
  const SegmentUse use = four_segments();
  const struct {
    uint64_t generation, first, last, needed;
    bool sealed;
  } kExpected[] = {
      {1, 1, 4, 416, true}, {2, 5, 6, 208, true}, {4, 7, 6, 0, true}, {5, 7, 7, 104, false}};
  ASSERT_EQ(use.segments().size(), std::size(kExpected));
  for (size_t at = 0; at < std::size(kExpected); ++at) {
    const SegmentUse::Segment& segment = use.segments()[at];
    EXPECT_EQ(segment.generation, Generation{kExpected[at].generation});
    EXPECT_EQ(segment.first_record, RecordNumber{kExpected[at].first});
    EXPECT_EQ(segment.last_record, RecordNumber{kExpected[at].last});
    EXPECT_EQ(segment.written_bytes, kExpected[at].needed);
    EXPECT_EQ(segment.needed_bytes, kExpected[at].needed);
    EXPECT_EQ(segment.sealed(), kExpected[at].sealed);
  }
  EXPECT_EQ(use.last_record(), RecordNumber{7});
  EXPECT_EQ(use.needed_bytes(), 7 * 104u);
  EXPECT_EQ(use.written_bytes(), 7 * 104u);
}

TEST(SegmentUse, TakesEachRecordOffTheSegmentThatHasIt) {
  const std::pair<uint64_t, uint64_t> kPlaces[] = {{1, 1}, {4, 1}, {5, 2}, {6, 2}, {7, 5}};
  for (const auto& [record, generation] : kPlaces) {
    SegmentUse use = four_segments();
    use.no_longer_needed(RecordNumber{record}, 100);
    EXPECT_EQ(use.needed_bytes(), 6 * 104u);
    for (const SegmentUse::Segment& segment : use.segments()) {
      const uint64_t less = segment.generation == Generation{generation} ? 104 : 0;
      EXPECT_EQ(segment.needed_bytes, segment.written_bytes - less) << record;
    }
  }
}

TEST(SegmentUse, SomeOfWhatIsWrittenMayBeNeedlessAlready) {
  SegmentUse use;
  use.open(Generation{1}, BlockSequence{1});
  use.written(RecordNumber{3}, 300, 200);
  EXPECT_EQ(use.needed_bytes(), 100u);
  EXPECT_EQ(use.written_bytes(), 300u);
}

TEST(SegmentUse, TheEmptiestIsSealedAndTheOldestOfEqualOnes) {
  EXPECT_EQ(SegmentUse().emptiest(), nullptr);
  SegmentUse use = four_segments();
  EXPECT_EQ(use.emptiest()->generation, Generation{4});
  use.remove(Generation{4});
  EXPECT_EQ(use.emptiest()->generation, Generation{2}) << "the open one has less";
  use.no_longer_needed(RecordNumber{1}, 100);
  use.no_longer_needed(RecordNumber{2}, 100);
  EXPECT_EQ(use.emptiest()->generation, Generation{1});
  use.remove(Generation{1});
  use.remove(Generation{2});
  EXPECT_EQ(use.emptiest(), nullptr);
}

TEST(SegmentUse, ARecordOfARemovedSegmentChangesNothing) {
  for (const uint64_t removed : {1u, 2u}) {
    SegmentUse use = four_segments();
    use.remove(Generation{removed});
    const uint64_t needed = use.needed_bytes();
    EXPECT_EQ(needed, removed == 1 ? 3 * 104u : 5 * 104u);
    EXPECT_EQ(use.written_bytes(), needed);
    use.no_longer_needed(RecordNumber{removed == 1 ? 3u : 5u}, 100);
    EXPECT_EQ(use.needed_bytes(), needed);
    EXPECT_EQ(use.find(Generation{removed}), nullptr);
    use.no_longer_needed(RecordNumber{removed == 1 ? 5u : 3u}, 100);
    EXPECT_EQ(use.needed_bytes(), needed - 104);
  }
}

TEST(NeededSegments, RangesHoldTogetherWhatIsAdjacent) {
  SegmentUse use = four_segments();
  const auto& all = use.segments();
  using Ranges = std::vector<NeededRange>;
  EXPECT_EQ(ranges_of({}), Ranges{});
  EXPECT_EQ(ranges_of({all.data(), 3}), (Ranges{range(1, 2, 4), range(4, 4, 2)}));
  use.remove(Generation{1});
  EXPECT_EQ(ranges_of({all.data(), 2}), (Ranges{range(2, 2, 4), range(4, 4, 2)}));
}

TEST(NeededSegments, AListComesBackAsItWas) {
  const std::vector<NeededRange> kLists[] = {
      {},
      {range(1, 1, 0)},
      {range(1, 200, 16383)},
      {range(3, 3, 127), range(5, 5, 128), range(1000, 70000, 1u << 20)},
      {range(uint64_t{1} << 31, (uint64_t{1} << 31) + 1, 1)},
      {range(1, uint64_t{1} << 33, 1), range(uint64_t{1} << 34, kMaxGeneration.value, UINT32_MAX)},
      {range(kMaxGeneration.value, kMaxGeneration.value, 1)},
  };
  for (const auto& list : kLists) {
    const auto back = decode_needed(encode_needed(list));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, list);
  }
}

TEST(NeededSegments, WhatNoLogWritesIsNoList) {
  const std::string good = encode_needed({range(1, 4, 300), range(6, 6, 7)});
  for (size_t size = 1; size < good.size(); ++size) {
    // A list may end behind the first of its ranges, and nowhere else.
    EXPECT_EQ(decode_needed(good.substr(0, size)).has_value(), size == 4) << size;
  }
  EXPECT_FALSE(decode_needed(std::string(3, '\xff'))) << "a number that does not end";
  EXPECT_FALSE(decode_needed(std::string(30, '\xff'))) << "one that is too long";
  EXPECT_FALSE(decode_needed(std::string("\0\0\1\0\0\1", 6))) << "two ranges that are one";
  const std::string large("\x80\x80\x80\x80\x20", 5), none("\0", 1);  // 2^33, and 0
  EXPECT_TRUE(decode_needed(none + none + none));
  EXPECT_FALSE(decode_needed(none + none + large)) << "more blocks than a segment has";
}

// 2^62 generations behind the first one, and the most that a number says, whose sums come round.
TEST(NeededSegments, AGenerationThatNoLogReachesIsNotTakenForALowOne) {
  const std::string none("\0", 1), beyond = std::string(8, '\x80') + '\x40',
                                   most = std::string(8, '\xff') + '\x7f';
  EXPECT_FALSE(decode_needed(beyond + none + none));
  EXPECT_FALSE(decode_needed(none + beyond + none));
  EXPECT_FALSE(decode_needed(most + most + none)) << "it would end with generation 2^64 - 1";
  EXPECT_FALSE(decode_needed(none + none + none + most + most + none)) << "with 0";
}

}  // namespace segment_use_test
}  // namespace once::wal
