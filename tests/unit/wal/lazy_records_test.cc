// Records that nobody waits for: they cost no write of their own, and all the same become durable.
#include <gtest/gtest.h>

#include "tests/unit/wal/log_stream.h"

namespace once::wal {
namespace lazy_records_test {

class LazyRecords : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_stream(disk, stream.identity, stream.options));
    stream.io.now = 1;
    stream.start();
    writes_before = stream.io.writes;
  }
  // How many writes of the log were begun.
  int writes() const { return static_cast<int>(stream.io.writes - writes_before); }
  void pass(int64_t ns) {
    stream.io.now += ns;
    stream.log->on_tick(stream.io.now);
  }
  uint64_t durable() const { return stream.log->durable().value; }

  MemoryStorage disk;
  Stream stream{disk, 0};
  size_t writes_before = 0;
};

TEST_F(LazyRecords, BeginNoBatch) {
  EXPECT_EQ(stream.log->append_lazily("news"), RecordNumber{1});
  stream.log->flush();
  pass(kMostLazyNs - 1);
  stream.log->flush();
  EXPECT_EQ(writes(), 0);
  EXPECT_EQ(stream.log->appended(), RecordNumber{1});
}

TEST_F(LazyRecords, GoWithTheNextThatIsWaitedFor) {
  stream.log->append_lazily("news");
  stream.log->append("asked for");
  stream.log->append_lazily("more news");
  stream.log->flush();
  EXPECT_EQ(writes(), 1);
  stream.io.complete_all();
  EXPECT_EQ(durable(), 3u);
  ASSERT_EQ(stream.recover(), "");
  EXPECT_EQ(stream.records, (std::vector<std::string>{"news", "asked for", "more news"}));
}

TEST_F(LazyRecords, GoAloneAfterAWhile) {
  for (uint64_t time = 1; time <= 3; ++time) {  // each time anew
    stream.log->append_lazily("news");
    pass(kMostLazyNs - 1);
    stream.log->append_lazily("younger news");
    EXPECT_EQ(writes(), static_cast<int>(time) - 1);
    pass(1);
    stream.io.complete_all();
    EXPECT_EQ(durable(), 2 * time);
  }
}

// The end of a batch begins none with what came meanwhile.
TEST_F(LazyRecords, BeginNoBatchBehindAnother) {
  stream.log->append("asked for");
  stream.log->flush();
  stream.log->append_lazily("news");
  stream.io.complete_all();
  EXPECT_EQ(writes(), 1);
  EXPECT_EQ(durable(), 1u);
  pass(kMostLazyNs);
  stream.io.complete_all();
  EXPECT_EQ(durable(), 2u);
}

TEST_F(LazyRecords, WhatIsWaitedForBehindABatchFollowsIt) {
  stream.log->append("asked for");
  stream.log->flush();
  stream.log->append("asked for too");
  stream.log->append_lazily("news");
  stream.io.complete_all();
  EXPECT_EQ(durable(), 3u);
}

// They are due while the next segment is not there yet.
TEST_F(LazyRecords, WaitForASegmentAndNoLonger) {
  stream.io.prepare_error = "No space left on device";
  const std::string large(60'000, 'n');
  for (int n = 0; n < 1000 && !stream.log->full(); ++n) stream.write({large});
  ASSERT_TRUE(stream.log->full());
  while (stream.log->room().bytes > 2 * large.size()) stream.write({large});
  const uint64_t before = durable();
  for (int n = 0; n < 10; ++n) stream.log->append_lazily(large);
  pass(kMostLazyNs);
  stream.io.complete_all();
  ASSERT_EQ(durable(), before) << "there is no room for them";
  stream.io.prepare_error = "";
  pass(2'000'000'000);
  stream.io.complete_all();
  EXPECT_EQ(durable(), before + 10);
}

TEST_F(LazyRecords, AreWrittenAtOnceWhereThereIsAHurry) {
  stream.log->append_lazily("news");
  stream.log->hurry();
  stream.log->flush();
  stream.io.complete_all();
  EXPECT_EQ(durable(), 1u);
  stream.log->append_lazily("later news");
  stream.log->flush();
  EXPECT_EQ(writes(), 1);
}

// The block that says how far the log is durable comes 50 ms after the last batch, news or not.
TEST_F(LazyRecords, DoNotPutOffTheWatermark) {
  stream.write({"asked for"});
  ASSERT_EQ(writes(), 1);
  pass(kMostLazyNs - 1);
  stream.log->append_lazily("news");
  EXPECT_EQ(writes(), 1);
  pass(1);
  EXPECT_EQ(writes(), 2);
}

// More than a batch takes is written at once, and the rest of it is not forgotten.
TEST_F(LazyRecords, MoreThanABatchLeaves) {
  const std::string large(60'000, 'n');
  const auto count = static_cast<int>(kMaxBatchBytes / large.size() + 2);
  for (int n = 0; n < count; ++n) stream.log->append_lazily(large);
  stream.log->flush();
  EXPECT_EQ(writes(), 1);
  stream.io.complete_all();
  EXPECT_LT(durable(), static_cast<uint64_t>(count));
  pass(kMostLazyNs);
  stream.io.complete_all();
  EXPECT_EQ(durable(), static_cast<uint64_t>(count));
}

}  // namespace lazy_records_test
}  // namespace once::wal
