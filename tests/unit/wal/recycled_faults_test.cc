// A log whose segments are recycled, on a disk that lies, or in a directory that is not its own;
// and with more to be removed than can be removed at once.
#include <gtest/gtest.h>

#include "tests/unit/wal/log_stream.h"
#include "wal/block_format.h"
#include "wal/needed_segments.h"

namespace once::wal {
namespace recycled_faults_test {

constexpr int64_t kSecond = 1'000'000'000;

class RecycledFaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk_, stream_.identity, stream_.options));
    stream_.start();
  }
  void open_next() {
    stream_.io.now += 5 * kSecond;
    log().switch_segment();
    stream_.write({"x"});
  }
  Log& log() { return *stream_.log; }
  MemoryStorage disk_;
  Stream stream_{disk_, 0};
};

TEST_F(RecycledFaultsTest, ManyFilesAreRemovedAFewAtATime) {
  while (log().use().segments().size() < 300) open_next();
  for (uint64_t generation = 1; generation < 290; ++generation)
    log().release(Generation{generation});
  open_next();
  EXPECT_GT(disk_.files.size(), 200u) << "no more than 64 at once";
  EXPECT_EQ(log().files(), disk_.files.size());
  for (int n = 0; n < 10; ++n) {
    log().on_tick(stream_.io.now);
    stream_.io.complete_all();
  }
  EXPECT_LT(disk_.files.size(), 20u);
  EXPECT_EQ(log().files(), disk_.files.size());
  EXPECT_EQ(stream_.recover(), "");
}

// It is the newest there is, and nothing is known of what it says.
TEST_F(RecycledFaultsTest, TheNewestFileOfANewerVersionOrAnotherNodeIsNamed) {
  open_next();
  log().release(Generation{1});  // the third says so; the second one names it still
  open_next();
  const MemoryStorage whole = disk_;
  ASSERT_EQ(stream_.recover(), "");
  const uint64_t newest = stream_.tail.generation.value;
  ASSERT_EQ(newest, 3u);
  ASSERT_EQ(disk_.files.count(stream_.path(1)), 0u) << "it is used again";
  stream_.reseal(newest, 0,
                 [](BlockHeader& header, auto&) { header.version = kFormatVersion + 1; });
  EXPECT_NE(stream_.recover().find("newer"), std::string::npos) << stream_.recover();
  EXPECT_EQ(stream_.recover().find("missing"), std::string::npos) << stream_.recover();
  disk_ = whole;
  stream_.identity.node = NodeId{4};
  const std::string other = stream_.recover();
  EXPECT_NE(other, "");
  EXPECT_EQ(other.find("missing"), std::string::npos) << other;
}

TEST_F(RecycledFaultsTest, ASegmentThatBeginsBeforeTheFirstIsRefused) {
  open_next();
  log().release(Generation{1});
  open_next();
  ASSERT_EQ(stream_.recover(), "");
  ASSERT_EQ(stream_.tail.generation, Generation{3});
  for (const uint64_t generation : {2u, 3u}) {
    for (uint64_t at = 1; at < disk_.files[stream_.path(generation)].blocks.size(); ++at) {
      disk_.block(stream_.path(generation), at) = nullptr;
    }
    stream_.reseal(generation, 0, [&](BlockHeader& header, MemoryStorage::Block& block) {
      header.sequence = header.segment_first_sequence = header.durable_sequence = 0;
      if (generation == 2) return;
      const std::string list = encode_needed({{Generation{2}, Generation{2}, 0}});
      header.payload_bytes = static_cast<uint32_t>(list.size());
      std::memcpy(block.data() + sizeof header, list.data(), list.size());
    });
  }
  EXPECT_NE(stream_.recover().find("it begins too early"), std::string::npos) << stream_.recover();
}

// What was written to it was acknowledged.
TEST_F(RecycledFaultsTest, ANewestHeaderThatIsReadOnlyTheSecondTimeIsNotPassedOver) {
  stream_.write({"a"});
  open_next();
  const auto header = disk_.block(stream_.path(2), 0);
  auto bad = std::make_shared<MemoryStorage::Block>(*header);
  (*bad)[100] ^= 1;
  disk_.block(stream_.path(2), 0) = bad;
  int reads = 0;
  disk_.on_read = [&](const std::string& path) {
    if (path == stream_.path(2) && ++reads == 2) disk_.block(path, 0) = header;
  };
  const std::string told = stream_.recover();
  disk_.on_read = nullptr;
  EXPECT_NE(told.find("it reads differently the second time"), std::string::npos) << told;
  EXPECT_EQ(stream_.recover(), "");
}

// A hole costs bytes of a list that has an end: what does not fit stays needed until it does.
TEST_F(RecycledFaultsTest, OfAListThatWouldBeTooLongWhatFitsIsLeftOut) {
  auto remove_all = [this] {
    for (int n = 0; n < 60; ++n) {
      log().on_tick(stream_.io.now);
      stream_.io.complete_all();
    }
  };
  while (log().use().segments().size() < 3000) open_next();
  for (uint64_t generation = 2; generation < 3000; generation += 2)
    log().release(Generation{generation});
  const size_t before = disk_.files.size();
  open_next();
  remove_all();
  const size_t left = disk_.files.size();
  EXPECT_LT(left, before - 500);
  EXPECT_GT(left, before - 1400);
  EXPECT_EQ(log().files(), left);
  EXPECT_EQ(stream_.recover(), "");

  // One whose copies are not durable is no candidate, though it would make the list shorter.
  log().append("a copy");
  log().release(Generation{3});
  open_next();
  remove_all();
  EXPECT_TRUE(disk_.files.contains(stream_.path(3)));
  EXPECT_EQ(stream_.recover(), "");

  open_next();
  remove_all();
  EXPECT_FALSE(disk_.files.contains(stream_.path(3))) << "now they are";
  EXPECT_GE(disk_.files.size() + 5, left) << "no more fit";
  for (uint64_t generation = 5; generation < 2000; generation += 2)
    log().release(Generation{generation});
  open_next();
  remove_all();
  EXPECT_LT(disk_.files.size(), before - 2000);
  EXPECT_EQ(log().files(), disk_.files.size());
  EXPECT_EQ(stream_.recover(), "");
  EXPECT_EQ(stream_.tail.use.segments().size(), log().use().segments().size());
}

}  // namespace recycled_faults_test
}  // namespace once::wal
