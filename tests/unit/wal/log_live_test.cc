// A log that is read while it is written: no write in flight is taken for damage, and what was
// durable before the reading began is shown.
#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "tests/unit/wal/memory_file_io.h"
#include "wal/log.h"
#include "wal/segment.h"

namespace once::wal {
namespace log_live_test {

struct Ignore : LogListener {
  void on_durable(RecordNumber) override {}
  void on_log_failed(std::string_view what) override { FAIL() << what; }
};

class LogLiveTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.directory = "/disk";
    options_.segment_bytes = 3 * kMaxBatchBytes;  // so that a segment takes several reads
    io_.on_write = [this](const std::string& path, uint64_t offset, std::span<const char> bytes) {
      for (size_t at = 0; at < bytes.size(); at += 2 * kBlockBytes) {
        disk_.write(path, offset + at, bytes.subspan(at, kBlockBytes));
      }
    };
    start_afresh();
  }
  void start_afresh() {
    disk_.files.clear();
    io_.pending.clear();
    written_.clear();
    ASSERT_TRUE(create_stream(disk_, identity_, options_));
    start();
  }
  void start() {
    auto tail = recover(disk_, identity_, options_, [](auto, auto, auto&) {});
    ASSERT_TRUE(tail) << tail.error().message;
    log_ = open_log(io_, identity_, options_, *tail, &listener_);
    io_.complete_all();
  }
  // Up to seven batches; of the last one every other block has reached the disk.
  void write_on() {
    for (uint64_t batches = 1 + prng_.below(7); batches > 0; --batches) {
      io_.complete_all();
      for (uint64_t records = 1 + prng_.below(4); records > 0; --records) {
        written_.push_back(std::to_string(written_.size()) + std::string(20'000, 'r'));
        log_->append(written_.back());
      }
      log_->flush();
    }
  }

  MemoryStorage disk_;
  MemoryFileIo io_{disk_};
  const Identity identity_{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  LogOptions options_;
  Ignore listener_;
  std::unique_ptr<Log> log_;
  std::vector<std::string> written_;
  Prng prng_{1};
};

TEST_F(LogLiveTest, WhatIsBeingWrittenIsNotTakenForDamage) {
  for (int round = 0; round < 20; ++round) {
    write_on();
    const size_t durable = log_->durable().value;
    std::vector<std::string> read;
    disk_.on_read = [this](const std::string&) { write_on(); };
    auto tail = read_beside_writer(
        disk_, identity_, options_, [&](auto record) { read.emplace_back(record); },
        [&] { read.clear(); });
    disk_.on_read = nullptr;
    ASSERT_TRUE(tail) << "round " << round << ": " << tail.error().message;
    ASSERT_GE(read.size(), durable);
    ASSERT_LE(read.size(), written_.size());
    for (size_t index = 0; index < read.size(); ++index) ASSERT_EQ(read[index], written_[index]);
    if (written_.size() > 1000) start_afresh();
  }
}

// A torn tail, and over it a new run that writes while the log is read.
TEST_F(LogLiveTest, ARestartedWriterIsNotTakenForDamageEither) {
  for (int round = 0; round < 20; ++round) {
    for (int call = 0; call < round % 5 * 2 + 1; ++call) write_on();
    io_.pending.clear();  // killed, with every other block of a batch written
    written_.resize(log_->durable().value);
    const size_t durable = written_.size();
    start();
    std::vector<std::string> read;
    disk_.on_read = [this](const std::string&) { write_on(); };
    auto tail = read_beside_writer(
        disk_, identity_, options_, [&](auto record) { read.emplace_back(record); },
        [&] { read.clear(); });
    disk_.on_read = nullptr;
    ASSERT_TRUE(tail) << "round " << round << ": " << tail.error().message;
    ASSERT_GE(read.size(), durable);
    start_afresh();
  }
}

// A small cleaner beside the reader: what is in the oldest sealed segment is appended once more.
class LogCleanedLiveTest : public LogLiveTest {
 protected:
  void SetUp() override {
    LogLiveTest::SetUp();
    options_.segment_bytes = kMaxBatchBytes;
  }
  void clean() {
    const auto& segments = log_->use().segments();
    if (segments.size() < 4) return;
    const Generation generation = segments.front().generation;
    auto reader = log_->read_segment(generation);
    while (!reader->done()) {
      io_.complete_all();
      reader->take(100,
                   [this](std::string_view record, RecordNumber) { copies_.emplace_back(record); });
    }
    for (const std::string& copy : copies_) log_->append(copy);
    copies_.clear();
    log_->flush();
    io_.complete_all();
    log_->release(generation);
  }
  std::vector<std::string> copies_;
};

TEST_F(LogCleanedLiveTest, WhatIsRecycledMeanwhileIsReadAgain) {
  size_t again = 0, failed = 0, recycled = 0;
  for (int round = 0; round < 20; ++round) {
    start_afresh();
    for (int call = 0; call < 20; ++call) write_on();
    io_.complete_all();
    const size_t durable = written_.size();
    std::set<std::string> read;
    int reads = 0;
    bool busy = false;  // the cleaner reads too
    disk_.on_read = [&](const std::string&) {
      // Less and less often, as the log is read faster than it is cleaned.
      if (busy || ++reads > 200 || reads % (3 + reads / 4) != round % 3) return;
      busy = true;
      write_on();
      clean();
      busy = false;
    };
    auto tail = read_beside_writer(
        disk_, identity_, options_, [&](auto record) { read.emplace(record); },
        [&] {
          ++again;
          read.clear();
        });
    disk_.on_read = nullptr;
    recycled += log_->counters().recycled;
    if (!tail) {
      ++failed;
      continue;
    }
    for (size_t at = 0; at < durable; ++at) ASSERT_TRUE(read.contains(written_[at])) << at;
  }
  EXPECT_EQ(failed, 0u);
  EXPECT_GE(again, 5u);
  EXPECT_GE(recycled, 20u);
}

// What changes under the reader to the last is no damage.
TEST_F(LogLiveTest, ALogThatIsRecycledFasterThanItIsReadIsNotCalledDamaged) {
  write_on();
  const std::string path = segment_path("/disk", 0, kFirstGeneration);
  disk_.block(path, 0) = nullptr;  // of a segment that is being recycled, say
  disk_.on_read = [this, other = 5u](const std::string&) mutable {
    disk_.files.erase(segment_path("/disk", 0, Generation{other}));
    disk_.make(segment_path("/disk", 0, Generation{++other}), kMaxBatchBytes);
  };
  int again = 0;
  auto tail = read_beside_writer(
      disk_, identity_, options_, [](auto) {}, [&] { ++again; });
  disk_.on_read = nullptr;
  ASSERT_FALSE(tail);
  EXPECT_FALSE(tail.error().corrupt) << tail.error().message;
  EXPECT_NE(tail.error().message.find("faster"), std::string::npos) << tail.error().message;
  EXPECT_GT(again, 3);
}

TEST_F(LogLiveTest, DamageIsFoundAllTheSame) {
  for (int call = 0; call < 20; ++call) write_on();
  auto& block = disk_.block(segment_path("/disk", 0, kFirstGeneration), 5);
  auto changed = std::make_shared<MemoryStorage::Block>(*block);
  (*changed)[1000] ^= 1;
  block = changed;
  disk_.on_read = [this](const std::string&) { write_on(); };
  auto tail = read_beside_writer(
      disk_, identity_, options_, [](auto) {}, [] {});
  disk_.on_read = nullptr;
  ASSERT_FALSE(tail);
  EXPECT_NE(tail.error().message.find("corrupt log: /disk/log-0-1.seg"), std::string::npos);
}

}  // namespace log_live_test
}  // namespace once::wal
