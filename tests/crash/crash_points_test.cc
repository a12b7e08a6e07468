// Every point at which the real log may crash, and damage below its durable watermark. A run of
// 10,000 operations on real segment files is written down (run.h) and replayed in memory
// (images.h); at every block of every write the disk is left as a crash would leave it, and the
// product's recovery must find each acknowledged record, take the batch in flight whole or not at
// all, and refuse nothing. ONCE_CRASH_POINTS=all takes every variant instead of some of each.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/crash/images.h"

namespace once::wal {
namespace crash_points_test {

constexpr uint64_t kSeed = 3;
constexpr size_t kOperations = 10'000;
constexpr size_t kRuns = 40;
constexpr uint8_t kAllSectors = 0xff;

bool all_variants() {
  const char* wanted = std::getenv("ONCE_CRASH_POINTS");
  return wanted != nullptr && std::string_view(wanted) == "all";
}

class CrashPointsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(HasFailure()); }
  void report() const {
    const RunCounts& counts = run_.counts;
    fmt::print("{} operations in {} runs, {} cut writes, {} idle blocks, {} segments, {} steps\n",
               counts.operations, counts.runs, counts.cut_writes, counts.idle_blocks,
               counts.segments, run_.steps.size());
  }

  CrashingRun run_{kSeed, kOperations, kRuns};
  Disk disk_{run_};
  Prng random_{kSeed + 1};
};

// After a restart from the image the log goes on, and crashes again, and once more.
class SecondCrash : private LogListener {
 public:
  SecondCrash(const CrashingRun& run, const MemoryStorage& image, const Expected& expected,
              uint64_t seed)
      : run_(run), image_(image), acknowledged_(expected.acknowledged), random_(seed) {
    more_.assign(expected.more.begin(), expected.more.end());
  }

  void crash(int times) {
    for (int time = 0; time < times; ++time) one_run();
    compare();
  }

 private:
  void on_durable(RecordNumber record) override {
    const uint64_t here = record - recovered_;
    more_.insert(more_.end(), appended_.begin() + reported_, appended_.begin() + here);
    reported_ = here;
  }
  void on_log_failed(std::string_view what) override { ADD_FAILURE() << what; }

  Tail compare() {
    const size_t known = more_.size();
    more_.insert(more_.end(), in_flight_.begin(), in_flight_.end());
    const auto outcome = Disk::read(image_, run_, {acknowledged_, more_});
    EXPECT_TRUE(outcome.tail) << outcome.tail.error().message;
    const size_t extra = outcome.visited - acknowledged_ - known;
    EXPECT_TRUE(outcome.in_order && (extra == 0 || extra == in_flight_.size())) << extra;
    more_.resize(known + (extra == 0 ? 0 : in_flight_.size()));
    in_flight_.clear();
    return outcome.tail ? *outcome.tail : Tail{};
  }

  void one_run() {
    const Tail tail = compare();
    appended_.clear();
    recovered_ = tail.last_record;
    reported_ = 0;
    MemoryFileIo io(image_);
    io.on_write = [&](const std::string&, uint64_t, std::span<const char> bytes) {
      in_flight_ = records_in({bytes.begin(), bytes.end()});
    };
    auto log = open_log(io, run_.identity, run_.options, tail, this);
    const uint64_t batches = 1 + random_.below(4);
    for (uint64_t batch = 1; batch <= batches; ++batch) {
      for (uint64_t records = random_.below(batch == batches ? 40 : 8); records > 0; --records) {
        appended_.push_back(draw_record(random_, ++number_));
        log->append(appended_.back());
      }
      const bool last = batch == batches;
      const uint64_t kept = random_.below(5);
      if (last) io.power_cut = [&, kept](size_t) { return random_.below(4) < kept; };
      log->flush();
      io.complete_all();
      if (!last) in_flight_.clear();
    }
  }

  const CrashingRun& run_;
  MemoryStorage image_;
  const size_t acknowledged_;
  Prng random_;
  std::vector<std::string> more_;       // after those of the history
  std::vector<std::string> in_flight_;  // of the write that was cut
  std::vector<std::string> appended_;
  RecordNumber recovered_;
  uint64_t reported_ = 0;
  uint64_t number_ = 1ull << 40;  // unlike any of the run
};

struct ImageCounts {
  size_t borders = 0;
  size_t torn = 0;
  size_t reordered = 0;
  size_t whole = 0;
  size_t second_crashes = 0;
};

class EveryImage {
 public:
  EveryImage(const CrashingRun& run, Disk& disk, const Step& step, Prng& random,
             ImageCounts& counts)
      : run_(run),
        disk_(disk),
        step_(step),
        random_(random),
        counts_(counts),
        blocks_(disk, step) {}

  void check() {
    borders();
    if (blocks_.blocks() > 1) reordered();
  }

 private:
  bool judge(std::string_view variant, size_t block, unsigned sectors = 0) {
    const std::string what = disk_.judge(blocks_.expected(), blocks_.next_sequence());
    if (blocks_.whole()) ++counts_.whole;
    EXPECT_EQ(what, "") << variant << ", block " << block << ", sectors " << sectors << " of "
                        << step_.path << " offset " << step_.offset;
    if (random_.below(all_variants() ? 16 : 64) == 0) {
      ++counts_.second_crashes;
      SecondCrash(run_, disk_.storage, blocks_.expected(), random_.next()).crash(3);
    }
    return !testing::Test::HasFailure();
  }

  // The first m blocks are there; and, between two such borders, the next one torn.
  void borders() {
    for (size_t block = 0; block < blocks_.blocks(); ++block) {
      ++counts_.borders;
      if (!judge("border", block) || !torn(block)) return;
      blocks_.take(block, true);
    }
    ++counts_.borders;
    judge("border", blocks_.blocks());
    EXPECT_TRUE(blocks_.whole());
  }
  bool torn(size_t block) {
    std::vector<uint8_t> variants;
    const unsigned border = 1 + static_cast<unsigned>(random_.below(7));
    for (unsigned kept = 1; kept < 8; ++kept) {
      if (all_variants() || kept == border) {
        variants.push_back(static_cast<uint8_t>((1u << kept) - 1));
      }
    }
    for (int any = 0; any < (all_variants() ? 4 : 1); ++any) {
      variants.push_back(static_cast<uint8_t>(1 + random_.below(kAllSectors - 1)));
    }
    for (const uint8_t sectors : variants) {
      ++counts_.torn;
      blocks_.take_sectors(block, sectors);
      if (!judge("torn", block, sectors)) return false;
    }
    return true;
  }
  // Any of the blocks, and at times a torn one among them: the device writes in its own order.
  void reordered() {
    for (int any = 0; any < (all_variants() ? 16 : 2); ++any) {
      ++counts_.reordered;
      const uint64_t density = 1 + random_.below(7);
      for (size_t block = 0; block < blocks_.blocks(); ++block) {
        blocks_.take(block, random_.below(8) < density);
      }
      const size_t block = random_.below(blocks_.blocks());
      if (any % 2 == 0) blocks_.take_sectors(block, static_cast<uint8_t>(random_.below(256)));
      if (!judge("reordered", block)) return;
    }
  }

  const CrashingRun& run_;
  Disk& disk_;
  const Step& step_;
  Prng& random_;
  ImageCounts& counts_;
  InFlight blocks_;
};

TEST_F(CrashPointsTest, EveryImageOfACrashRecoversWhatWasAcknowledged) {
  ImageCounts counts;
  for (const Step& step : run_.steps) {
    if (step.prepared_bytes == 0) EveryImage(run_, disk_, step, random_, counts).check();
    disk_.apply(step);
    if (HasFailure()) return;
  }
  report();
  fmt::print(
      "{} images: {} at block borders, {} torn, {} reordered; {} with the batch whole; "
      "{} crashed again, three times each; 0 acknowledged records lost, 0 refused\n",
      counts.borders + counts.torn + counts.reordered, counts.borders, counts.torn,
      counts.reordered, counts.whole, counts.second_crashes);
  EXPECT_EQ(run_.counts.operations, kOperations);
  EXPECT_GE(run_.counts.segments, 6u);
  EXPECT_GE(run_.counts.cut_writes, 20u);
  EXPECT_GE(run_.counts.idle_blocks, 50u);
  EXPECT_GE(counts.borders, 2000u);
  EXPECT_GE(counts.torn, 2000u);
  EXPECT_GE(counts.reordered, 500u);
  EXPECT_GE(counts.second_crashes, 50u);
}

// The replay is the run: the images are of the files that were written.
TEST_F(CrashPointsTest, TheReplayEndsWithTheFilesOfTheRun) {
  for (const Step& step : run_.steps) disk_.apply(step);
  AlignedBytes real = allocate_aligned(kMaxBatchBytes);
  AlignedBytes replayed = allocate_aligned(kMaxBatchBytes);
  ASSERT_GE(disk_.storage.files.size(), 6u);
  for (const auto& [path, file] : disk_.storage.files) {
    ASSERT_EQ(run_.storage.sync_and_size(path).value_or(0), kMaxBatchBytes);
    ASSERT_TRUE(run_.storage.read(path, 0, {real.get(), kMaxBatchBytes}));
    ASSERT_TRUE(disk_.storage.read(path, 0, {replayed.get(), kMaxBatchBytes}));
    ASSERT_EQ(std::memcmp(real.get(), replayed.get(), kMaxBatchBytes), 0) << path;
  }
}

}  // namespace crash_points_test
}  // namespace once::wal
