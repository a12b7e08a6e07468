// A log that gives segments up: which files it needs then, which it uses again, and that nothing of
// what a file was before comes back.
#include <gtest/gtest.h>

#include <bit>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"
#include "wal/needed_segments.h"

namespace once::wal {
namespace recycled_log_test {

constexpr int64_t kSecond = 1'000'000'000;

class RecycledLogTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk_, stream_.identity, stream_.options));
    stream_.start();
  }
  static constexpr size_t kLarge = 14;
  static constexpr size_t kFill = 2 * kLarge + 3;
  static std::vector<std::string> large(char fill) {
    return std::vector<std::string>(kLarge, std::string(66000, fill));
  }
  // A whole segment, to its last block.
  void fill(Stream& stream, char fill) {
    stream.write(large(fill));
    stream.write(large(fill));
    stream.write(std::vector<std::string>(3, std::string(62000, fill)));
  }
  void fill(char letter) { fill(stream_, letter); }
  Log& log() { return *stream_.log; }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& [path, file] : disk_.files) names.insert(path.substr(sizeof "/disk/" - 1));
    return names;
  }
  using Names = std::set<std::string>;
  // What the records begin with, each letter once where several follow each other.
  std::string letters() const {
    std::string all;
    for (const auto& record : stream_.records) {
      if (all.empty() || all.back() != record[0]) all += record[0];
    }
    return all;
  }
  BlockHeader header(uint64_t generation, uint64_t block) {
    BlockHeader header;
    std::memcpy(&header, disk_.block(stream_.path(generation), block)->data(), sizeof header);
    return header;
  }

  MemoryStorage disk_;
  Stream stream_{disk_, 0};
};

TEST_F(RecycledLogTest, AReleasedSegmentBecomesASpareOnceANewHeaderDoesWithoutIt) {
  fill('a');
  fill('b');
  stream_.write({"c"});  // in segment 3
  EXPECT_EQ(files(), (Names{"log-0-1.seg", "log-0-2.seg", "log-0-3.seg", "log-0-4.seg"}));
  EXPECT_EQ(log().files(), 4u);
  log().release(Generation{1});
  EXPECT_EQ(log().use().find(Generation{1}), nullptr);
  stream_.write({"c"});
  EXPECT_TRUE(files().contains("log-0-1.seg")) << "the newest header says that it is needed";
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.tail.generation, Generation{3});
  fill('d');  // opens 4
  EXPECT_EQ(files(), (Names{"log-0-2.seg", "log-0-3.seg", "log-0-4.seg", "log-0-5.seg"}));
  EXPECT_EQ(stream_.io.preparations, 3u) << "2, 3 and 4";
  EXPECT_EQ(log().counters().recycled, 1u);
  EXPECT_EQ(log().files(), 4u);
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(letters(), "bcd");
  EXPECT_EQ(stream_.records.size(), 2 * kFill + 2);
  EXPECT_EQ(stream_.tail.last_record, RecordNumber{2 * kFill + 2});
  fill('e');  // into what was segment 1
  fill('f');
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(letters(), "bcdef");
}

TEST_F(RecycledLogTest, ItsFileStaysUntilWhatWasAppendedBeforeIsDurable) {
  fill('a');
  stream_.write({"b"});
  log().append("what was needed of segment 1");
  log().release(Generation{1});
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  log().flush();  // opens segment 3, and carries the record
  stream_.io.complete_all();
  ASSERT_EQ(log().counters().segments, 3u);
  EXPECT_TRUE(files().contains("log-0-1.seg"));
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  stream_.write({"c"});
  EXPECT_FALSE(files().contains("log-0-1.seg"));
}

TEST_F(RecycledLogTest, AHeaderThatIsNotDurableFreesNothing) {
  fill('a');
  stream_.write({"b"});
  log().release(Generation{1});
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  log().append("c");
  log().flush();
  ASSERT_EQ(stream_.io.pending.size(), 1u) << "the write alone";
  EXPECT_TRUE(files().contains("log-0-1.seg"));
  const MemoryStorage before = disk_;
  stream_.io.complete_all();
  EXPECT_FALSE(files().contains("log-0-1.seg"));
  disk_ = before;
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(letters(), "ab");
}

TEST_F(RecycledLogTest, TwoSparesAreKeptAndTheOtherFilesRemoved) {
  for (char letter = 'a'; letter < 'g'; ++letter) fill(letter);
  stream_.write({"h"});
  for (uint64_t generation = 1; generation <= 5; ++generation)
    log().release(Generation{generation});
  fill('i');
  EXPECT_EQ(files(),
            (Names{"log-0-6.seg", "log-0-7.seg", "log-0-8.seg", "log-0-9.seg", "log-0-10.seg"}));
  EXPECT_EQ(log().counters().recycled, 2u);
  EXPECT_EQ(log().counters().removed, 3u);
  Stream restarted(disk_, 0);
  restarted.start();
  EXPECT_EQ(restarted.tail.spare_segments, 2u);
  EXPECT_EQ(restarted.tail.use.segments().front().generation, Generation{6});
}

TEST_F(RecycledLogTest, ASlowLogSwitchesWhenItIsAsked) {
  fill('a');
  stream_.write({"b"});
  log().release(Generation{1});
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  log().on_tick(stream_.io.now);  // nothing is to be written: an empty batch opens segment 3
  stream_.io.complete_all();
  EXPECT_EQ(log().counters().segments, 3u);
  EXPECT_FALSE(files().contains("log-0-1.seg"));
  log().switch_segment();
  stream_.io.now += 4 * kSecond;
  stream_.write({"c"});
  log().on_tick(stream_.io.now);
  stream_.io.complete_all();
  EXPECT_EQ(log().counters().segments, 3u) << "too soon";
  stream_.io.now += kSecond;
  log().on_tick(stream_.io.now);
  stream_.io.complete_all();
  EXPECT_EQ(log().counters().segments, 4u);
  log().on_tick(stream_.io.now + 10 * kSecond);
  stream_.io.complete_all();
  EXPECT_EQ(log().counters().segments, 4u) << "asked once";
  EXPECT_EQ(stream_.recover(), "");
}

TEST_F(RecycledLogTest, UseIsExactOverRunsAndForWhatWaits) {
  log().append("first");
  log().append("second");
  log().no_longer_needed(RecordNumber{1}, 5);
  EXPECT_EQ(log().use().needed_bytes(), 0u) << "it waits";
  log().flush();
  EXPECT_EQ(log().use().needed_bytes(), 6 + kRecordPrefixBytes);
  for (const auto& record : large('q')) log().append(record);  // batches that wait behind it
  for (const auto& record : large('r')) log().append(record);
  log().no_longer_needed(RecordNumber{3}, 66000);
  log().no_longer_needed(RecordNumber{30}, 66000);
  stream_.io.complete_all();
  EXPECT_EQ(log().use().needed_bytes(), 6 + kRecordPrefixBytes + 26 * (66000 + kRecordPrefixBytes));
  Stream restarted(disk_, 0);
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.tail.last_record, RecordNumber{30});
  EXPECT_EQ(restarted.tail.use.needed_bytes(), 11 + 28 * 66000 + 30 * kRecordPrefixBytes);
  restarted.start();
  EXPECT_EQ(restarted.log->appended(), RecordNumber{30});
  EXPECT_EQ(restarted.log->durable(), RecordNumber{30});
  EXPECT_EQ(restarted.log->append("next"), RecordNumber{31});
  restarted.log->no_longer_needed(RecordNumber{2}, 6);
  restarted.log->no_longer_needed(RecordNumber{31}, 4);
  restarted.write({});
  EXPECT_EQ(restarted.log->use().needed_bytes(), 5 + 28 * 66000 + 29 * kRecordPrefixBytes);
  EXPECT_EQ(restarted.listener.durable, std::vector<uint64_t>{31});
}

// With one segment in reserve a full disk can be cleaned: what is released needs a new segment to
// become free.
TEST_F(RecycledLogTest, AFullDiskIsLeftByWhatIsReleased) {
  Stream restarted(disk_, 0);
  restarted.options.spares = 2;
  restarted.start();
  EXPECT_EQ(files(), (Names{"log-0-1.seg", "log-0-2.seg", "log-0-3.seg"}));
  fill(restarted, 'a');
  restarted.write({"b"});
  EXPECT_FALSE(restarted.log->full());
  restarted.io.prepare_error = "no space left on device";
  fill(restarted, 'c');  // takes 3, which is not replaced
  EXPECT_TRUE(restarted.log->full());
  EXPECT_EQ(restarted.log->durable(), RecordNumber{2 * kFill + 1});
  restarted.log->release(Generation{1});
  restarted.io.now += 5 * kSecond;
  restarted.log->switch_segment();
  restarted.write({"d"});
  EXPECT_EQ(restarted.log->counters().recycled, 1u);
  EXPECT_TRUE(restarted.log->full()) << "one is there, but not two";
  restarted.log->release(Generation{2});
  restarted.io.now += 5 * kSecond;
  restarted.log->switch_segment();
  restarted.write({"e"});
  restarted.log->release(Generation{3});
  restarted.io.now += 5 * kSecond;
  restarted.log->switch_segment();
  restarted.write({"f"});
  EXPECT_EQ(restarted.log->counters().recycled, 3u);
  EXPECT_TRUE(restarted.log->full()) << "each takes one and gives one back";
  restarted.log->release(Generation{4});
  restarted.log->release(Generation{5});
  restarted.io.now += 5 * kSecond;
  restarted.log->switch_segment();
  restarted.write({"g"});
  EXPECT_FALSE(restarted.log->full());
  EXPECT_EQ(restarted.recover(), "");
}

// One that cannot be renamed is left where it is, and another is made.
TEST_F(RecycledLogTest, AFileThatCannotBeRecycledIsReplaced) {
  fill('a');
  stream_.write({"b"});
  log().release(Generation{1});
  stream_.io.recycle_error = "EIO";
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  stream_.write({"c"});
  EXPECT_TRUE(log().full());
  stream_.io.now += kSecond;
  log().on_tick(stream_.io.now);
  stream_.io.complete_all();
  EXPECT_FALSE(log().full());
  EXPECT_EQ(log().counters().recycled, 0u);
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.tail.free_segments, std::vector<Generation>{Generation{1}});
}

// Segments 2 and 4 are gone, 1, 3 and 5 are needed, 6 is the newest.
class HolesTest : public RecycledLogTest {
 protected:
  void SetUp() override {
    RecycledLogTest::SetUp();
    for (char letter = 'a'; letter < 'f'; ++letter) {
      if (letter == 'e') old_four_ = disk_.files.at(stream_.path(4));
      fill(letter);
    }
    old_two_ = disk_.files.at(stream_.path(2));
    log().release(Generation{2});
    log().release(Generation{4});
    stream_.write({"f"});
    stream_.write({"covers it"});
    ASSERT_FALSE(files().contains("log-0-2.seg"));
    ASSERT_FALSE(files().contains("log-0-4.seg"));
    ASSERT_EQ(stream_.recover(), "");
    ASSERT_EQ(stream_.tail.generation, Generation{6});
    ASSERT_EQ(letters(), "acefc");
  }
  MemoryStorage::File old_two_, old_four_;
};

TEST_F(HolesTest, WhatIsNeededIsMissed) {
  for (const uint64_t generation : {1u, 3u, 5u, 6u}) {
    const MemoryStorage whole = disk_;
    disk_.files.erase(stream_.path(generation));
    EXPECT_NE(stream_.recover().find("missing"), std::string::npos) << generation;
    EXPECT_TRUE(stream_.records.empty());
    disk_ = whole;
  }
}

TEST_F(HolesTest, WhatIsNotNeededIsFree) {
  disk_.files[stream_.path(2)] = old_two_;
  disk_.files[stream_.path(4)] = old_four_;
  disk_.block(stream_.path(2), 7) = nullptr;  // nobody reads it
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(letters(), "acefc");
  EXPECT_EQ(stream_.tail.free_segments, (std::vector<Generation>{Generation{2}, Generation{4}}));
  EXPECT_EQ(stream_.tail.spare_segments, 2u);
  Stream restarted(disk_, 0);
  restarted.start();
  EXPECT_EQ(restarted.log->counters().removed, 2u) << "there are two spares";
  EXPECT_EQ(files(), (Names{"log-0-1.seg", "log-0-3.seg", "log-0-5.seg", "log-0-6.seg",
                            "log-0-7.seg", "log-0-8.seg"}));
  disk_.files[stream_.path(2)] = old_two_;
  disk_.files[stream_.path(2)].bytes = kBlockBytes;  // of no use
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_TRUE(stream_.tail.free_segments.empty());
  disk_.refuse = stream_.path(2);
  EXPECT_EQ(stream_.recover(), "");
}

// The crash came after the header was durable, before a file had its new name.
TEST_F(HolesTest, AFileUnderItsOldNameIsRecycledByTheNextRun) {
  disk_.files.erase(stream_.path(7));
  disk_.files.erase(stream_.path(8));
  disk_.files[stream_.path(2)] = old_two_;
  Stream restarted(disk_, 0);
  restarted.start();
  EXPECT_EQ(restarted.log->counters().recycled, 1u);
  EXPECT_EQ(restarted.io.preparations, 0u);
  EXPECT_EQ(header(7, 1).generation, 2u);
  EXPECT_FALSE(files().contains("log-0-2.seg"));
}

TEST_F(HolesTest, ASealedSegmentIsDamagedWhereverABlockOfItIs) {
  ASSERT_EQ(stream_.recover(), "");
  const std::vector<std::string> written = stream_.records;
  const SegmentUse use = log().use();
  for (const uint64_t generation : {1u, 3u, 5u}) {
    const auto* segment = use.find(Generation{generation});
    const uint64_t last = segment->end_sequence - segment->first_sequence;
    for (const uint64_t block : {uint64_t{0}, uint64_t{1}, last / 2, last - 1, last}) {
      const MemoryStorage whole = disk_;
      disk_.block(stream_.path(generation), block) = nullptr;
      EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos) << generation;
      const auto& visited = stream_.records;
      EXPECT_LT(visited.size(), written.size());
      EXPECT_TRUE(std::equal(visited.begin(), visited.end(), written.begin())) << block;
      disk_ = whole;
    }
    // The whole last batch is lost: only the list tells that it was there.
    const MemoryStorage whole = disk_;
    const uint64_t blocks = header(generation, last).batch_blocks;
    for (uint64_t block = 0; block < blocks; ++block) {
      disk_.block(stream_.path(generation), last - block) = nullptr;
    }
    EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos) << generation;
    disk_ = whole;
  }
}

TEST_F(HolesTest, ABlockOfASegmentThatIsNeededHasNoPlaceInAnotherFile) {
  const uint64_t place = 300;
  for (const uint64_t to : {3u, 5u, 6u, 7u, 8u}) {
    const MemoryStorage whole = disk_;
    disk_.block(stream_.path(to), place) = disk_.block(stream_.path(1), place);
    EXPECT_NE(stream_.recover().find("block of another place"), std::string::npos) << to;
    disk_ = whole;
    if (to < 7) continue;  // the spares are what 2 and 4 were
    disk_.block(stream_.path(to), place) = old_two_.blocks[place];
    EXPECT_EQ(stream_.recover(), "") << "left over";
    disk_.block(stream_.path(to), place + 1) = old_two_.blocks[place];
    EXPECT_NE(stream_.recover(), "") << "left over, but not there";
    disk_ = whole;
  }
}

// The batches of the new segment are torn in every way; what the file was before does not come
// back.
TEST_F(HolesTest, NothingOfAnOldSegmentComesBack) {
  ASSERT_EQ(header(7, 1).generation, 2u) << "a spare that was recycled";
  stream_.io.now += 5 * kSecond;
  log().switch_segment();
  for (int record = 0; record < 3; ++record) log().append(std::string(3000, 'g'));
  std::vector<char> bytes;
  std::string path;
  stream_.io.on_write = [&](const std::string& where, uint64_t, std::span<const char> what) {
    path = where;
    bytes.assign(what.begin(), what.end());
  };
  log().flush();
  ASSERT_EQ(path, stream_.path(7));
  const size_t blocks = bytes.size() / kBlockBytes;
  ASSERT_EQ(blocks, 4u);  // the header block, and three
  for (unsigned landed = 0; landed < 1u << blocks; ++landed) {
    const MemoryStorage before = disk_;
    for (size_t block = 0; block < blocks; ++block) {
      if ((landed >> block & 1) == 0) continue;
      disk_.write(path, block * kBlockBytes,
                  std::span(bytes).subspan(block * kBlockBytes, kBlockBytes));
    }
    ASSERT_EQ(stream_.recover(), "") << landed;
    const bool whole = landed + 1 == 1u << blocks;
    EXPECT_EQ(stream_.records.size(), 3 * kFill + 2 + (whole ? 3 : 0)) << landed;
    EXPECT_EQ(stream_.tail.generation, Generation{(landed & 1) != 0 ? 7u : 6u});
    const uint64_t torn = whole ? 0 : std::popcount(landed & ~1u);
    EXPECT_EQ(stream_.tail.torn_blocks, (landed & 1) != 0 ? torn : 0) << "nor is it torn";
    disk_ = before;
  }
}

TEST_F(HolesTest, ListsThatNoLogWritesAreCorruption) {
  auto list = [](std::vector<NeededRange> ranges) {
    return [ranges](BlockHeader& header, MemoryStorage::Block& block) {
      const std::string bytes = encode_needed(ranges);
      header.payload_bytes = static_cast<uint32_t>(bytes.size());
      std::memcpy(block.data() + sizeof header, bytes.data(), bytes.size());
    };
  };
  const auto range = [](uint64_t first, uint64_t last, uint64_t last_blocks) {
    return NeededRange{Generation{first}, Generation{last}, last_blocks};
  };
  const uint64_t blocks = header(6, 0).sequence - header(5, 0).sequence;
  const MemoryStorage whole = disk_;
  stream_.reseal(6, 0, list({range(1, 1, blocks), range(3, 3, blocks), range(5, 5, blocks)}));
  EXPECT_EQ(stream_.recover(), "") << "as it was";
  const std::vector<std::vector<NeededRange>> kWrong = {
      {range(1, 1, blocks), range(3, 3, blocks)},                       // ends too early
      {range(1, 1, blocks), range(3, 3, blocks), range(5, 6, blocks)},  // lists itself
      {range(1, 1, blocks), range(3, 3, blocks),
       range(5, 5, blocks - 1)},  // not to its own beginning
      {range(1, 1, blocks + 1), range(3, 3, blocks), range(5, 5, blocks)},  // longer than it is
      {range(1, 1, uint64_t{1} << 31), range(3, 3, blocks), range(5, 5, blocks)},
      {range(1, 3, blocks), range(5, 5, blocks)},  // 2 is gone
      {range(1, 5, blocks)},
      {},
  };
  for (size_t which = 0; which < kWrong.size(); ++which) {
    stream_.reseal(6, 0, list(kWrong[which]));
    EXPECT_NE(stream_.recover().find("corrupt log"), std::string::npos) << which;
    disk_ = whole;
  }
  stream_.reseal(6, 0, [](BlockHeader& header, MemoryStorage::Block& block) {
    block[sizeof header] = '\xff';
    header.payload_bytes = 1;
  });
  EXPECT_NE(stream_.recover().find("none that a log writes"), std::string::npos);
}

// Without lists, all from the first on are needed.
TEST_F(RecycledLogTest, ALogOfVersionOneGoesOnAsOneOfVersionTwo) {
  for (char letter = 'a'; letter < 'd'; ++letter) fill(letter);
  stream_.write({"d"});
  for (uint64_t generation = 1; generation <= 4; ++generation) {
    for (uint64_t block = 0; block < 2 * kMaxBatchBytes / kBlockBytes; ++block) {
      if (!disk_.block(stream_.path(generation), block)) continue;
      stream_.reseal(generation, block, [](BlockHeader& header, MemoryStorage::Block& bytes) {
        header.version = 1;
        if (header.kind != static_cast<uint32_t>(BlockKind::kSegmentHeader)) return;
        std::memset(bytes.data() + sizeof header, 0, header.payload_bytes);
        header.payload_bytes = 0;
      });
    }
  }
  ASSERT_EQ(stream_.recover(), "");
  EXPECT_EQ(letters(), "abcd");
  for (uint64_t generation = 1; generation <= 4; ++generation) {
    const MemoryStorage whole = disk_;
    disk_.files.erase(stream_.path(generation));
    EXPECT_NE(stream_.recover().find("missing"), std::string::npos) << generation;
    disk_ = whole;
  }
  Stream restarted(disk_, 0);
  restarted.start();
  restarted.log->release(Generation{2});
  fill(restarted, 'e');
  EXPECT_EQ(header(4, 2).version, kFormatVersion) << "behind the old blocks";
  EXPECT_FALSE(files().contains("log-0-2.seg"));
  ASSERT_EQ(restarted.recover(), "");
  EXPECT_EQ(restarted.records.size(), 2 * kFill + 1 + kFill);
}

}  // namespace recycled_log_test
}  // namespace once::wal
