// Crashes of a log whose segments are cleaned, released and recycled all the time: at each block
// border of each write, with blocks torn and in any order, before and after each renaming of a file
// that is under way. Every image must start, and have whatever was acknowledged. After some of them
// the run itself goes on from the image.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/crash/registry.h"
#include "tests/unit/wal/memory_file_io.h"

namespace once::wal {
namespace recycling_test {

constexpr size_t kRecycled = 200;
constexpr uint32_t kKeys = 40;
constexpr size_t kSectorBytes = 512;

// Renames wait, so that a crash may come before and after; writes too, to be torn.
class CrashingIo : public MemoryFileIo {
 public:
  using MemoryFileIo::MemoryFileIo;
  void recycle_file(const std::string& from, const std::string& to,
                    reactor::FilePreparedHandler* handler) override {
    renaming = {from, to};
    MemoryFileIo::recycle_file(from, to, handler);
    pending.push_back([this] { renaming = {}; });
  }
  std::pair<std::string, std::string> renaming;
};

class RecyclingTest : public testing::Test {
 protected:
  RecyclingTest() {
    options_.directory = "/disk";
    options_.segment_bytes = kMaxBatchBytes;
    EXPECT_TRUE(create_stream(disk_, identity_, options_));
  }

  void start() {
    io_ = std::make_unique<CrashingIo>(disk_);
    io_->now = now_;
    io_->on_write = [this](const std::string& path, uint64_t offset, std::span<const char> bytes) {
      path_ = path;
      offset_ = offset;
      bytes_.assign(bytes.begin(), bytes.end());
      if (offset == 0) ++segments_;
      images();
    };
    registry_ = std::make_unique<Registry>(disk_, identity_, options_);
    registry_->set_version(version_);
    const std::string failed = registry_->start(*io_);
    ASSERT_EQ(failed, "");
  }

  // A little of everything that a node does.
  void step() {
    for (uint64_t writes = random_.below(4); writes > 0; --writes) {
      const uint64_t kind = random_.below(100);
      const size_t size = kind == 0 ? 60'000 : kind < 10 ? random_.below(9000) : random_.below(300);
      // Some keys are hardly ever written: they are what is copied.
      const auto key =
          static_cast<uint32_t>(random_.below(10) == 0 ? random_.below(kKeys) : random_.below(3));
      registry_->set(key, size);
    }
    registry_->clean(3);
    if (random_.below(4) == 0) registry_->log().switch_segment();
    registry_->log().flush();
    for (uint64_t ends = random_.below(4); ends > 0 && !io_->pending.empty(); --ends) {
      io_->complete_one();
    }
    now_ = io_->now += static_cast<int64_t>(random_.below(2'000'000'000));
    registry_->log().on_tick(io_->now);
  }

  void crash_into(const MemoryStorage& image) {
    recycled_ += registry_->log().counters().recycled;
    removed_ += registry_->log().counters().removed;
    version_ = registry_->version();
    registry_.reset();
    io_.reset();
    disk_ = image;
    disk_.on_read = nullptr;
    ++crashes_;
    start();
  }

  // Of the write that was just submitted.
  void images() {
    const size_t blocks = bytes_.size() / kBlockBytes;
    MemoryStorage image = disk_;
    for (size_t block = 0; block <= blocks; ++block) {
      judge(image);
      if (block == blocks) break;
      if (random_.below(4) == 0) {
        MemoryStorage torn = image;
        put_sectors(torn, block, static_cast<uint8_t>(random_.below(256)));
        judge(torn);
      }
      put(image, block);
    }
    for (int any = 0; blocks > 1 && any < 2; ++any) {
      MemoryStorage reordered = disk_;
      for (size_t block = 0; block < blocks; ++block) {
        if (random_.below(2) == 0) put(reordered, block);
      }
      judge(reordered);
      if (random_.below(40) == 0) next_ = std::make_unique<MemoryStorage>(reordered);
    }
  }
  void put(MemoryStorage& image, size_t block) {
    image.write(path_, offset_ + block * kBlockBytes,
                std::span(bytes_).subspan(block * kBlockBytes, kBlockBytes));
  }
  void put_sectors(MemoryStorage& image, size_t block, uint8_t sectors) {
    const auto& old = image.block(path_, offset_ / kBlockBytes + block);
    MemoryStorage::Block mixture = old ? *old : MemoryStorage::Block{};
    for (size_t sector = 0; sector < kBlockBytes / kSectorBytes; ++sector) {
      if ((sectors >> sector & 1) == 0) continue;
      std::memcpy(mixture.data() + sector * kSectorBytes,
                  bytes_.data() + block * kBlockBytes + sector * kSectorBytes, kSectorBytes);
    }
    image.write(path_, offset_ + block * kBlockBytes, mixture);
  }

  void judge(MemoryStorage image) {
    judge_names(image);
    const auto& [from, to] = io_->renaming;
    if (from.empty() || !image.files.contains(from) || image.files.contains(to)) return;
    image.rename(from, to);
    ++renamings_;
    judge_names(image);
  }
  void judge_names(MemoryStorage& image) {
    ++images_;
    const auto found = Registry::read(image, identity_, options_);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(registry_->judge(*found), "");
  }

  const Identity identity_{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  LogOptions options_;
  MemoryStorage disk_;
  std::unique_ptr<CrashingIo> io_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<MemoryStorage> next_;  // the run goes on from it
  Prng random_{16};
  int64_t now_ = 0;
  uint64_t version_ = 0;
  std::string path_;
  uint64_t offset_ = 0;
  std::vector<char> bytes_;
  size_t images_ = 0, renamings_ = 0, crashes_ = 0, segments_ = 0;
  uint64_t recycled_ = 0, removed_ = 0;
};

TEST_F(RecyclingTest, EveryImageHasWhatWasAcknowledged) {
  start();
  size_t most_files = 0;
  while (!HasFailure() && recycled_ + registry_->log().counters().recycled < kRecycled) {
    step();
    most_files = std::max(most_files, disk_.files.size());
    if (next_) crash_into(*std::exchange(next_, nullptr));
  }
  fmt::print(
      "{} segments written, {} files recycled, {} removed; {} images, {} of them with a file "
      "renamed early; {} crashes; {} files at most; 0 acknowledged records lost, 0 refused\n",
      segments_, recycled_ + registry_->log().counters().recycled,
      removed_ + registry_->log().counters().removed, images_, renamings_, crashes_, most_files);
  EXPECT_GE(images_, 2000u);
  EXPECT_GE(renamings_, 50u);
  EXPECT_GE(crashes_, 10u);
  // Three that are kept, one that is cleaned, two spares, and what waits for the next header.
  EXPECT_LE(most_files, 10u);
}

// What was needed is missed, whatever of it is gone or damaged, and whatever is gone behind it.
TEST_F(RecyclingTest, EachDamageOfWhatIsNeededIsFound) {
  start();
  for (int round = 0; round < 3; ++round) {
    const uint64_t until = registry_->log().counters().recycled + 5;
    while (!HasFailure() && registry_->log().counters().recycled < until) step();
    next_.reset();
    registry_->log().flush();
    io_->complete_all();
    for (int time = 0; time < 3; ++time) {  // so that a watermark covers all
      registry_->set(1, 10);
      registry_->log().flush();
      io_->complete_all();
    }
    size_t damages = 0;
    const SegmentUse use = registry_->log().use();
    for (const SegmentUse::Segment& segment : use.segments()) {
      const std::string path = segment_path("/disk", 0, segment.generation);
      MemoryStorage image = disk_;
      image.files.erase(path);
      const std::string next = segment_path("/disk", 0, segment.generation.next());
      if (image.files.contains(next)) {
        EXPECT_FALSE(Registry::read(image, identity_, options_));
      }
      const BlockSequence end =
          segment.sealed() ? segment.end_sequence : segment.first_sequence.next();
      for (uint64_t block = 0; block <= end - segment.first_sequence; ++block) {
        image = disk_;
        auto now = std::make_shared<MemoryStorage::Block>(*image.block(path, block));
        (*now)[random_.below(kBlockBytes)] ^= 4;
        image.block(path, block) = now;
        const auto flipped = Registry::read(image, identity_, options_);
        ASSERT_FALSE(flipped) << path << " block " << block;
        ASSERT_TRUE(flipped.error().corrupt);
        image.block(path, block) = nullptr;
        ASSERT_FALSE(Registry::read(image, identity_, options_)) << path << " block " << block;
        damages += 2;
      }
    }
    EXPECT_GE(damages, 20u);
  }
}

}  // namespace recycling_test
}  // namespace once::wal
