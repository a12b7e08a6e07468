// Both implementations of Storage keep the same contract: the one on files, and the one in memory
// that other tests build their crashed disks with.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/unit/reactor/fake_file_io.h"
#include "tests/unit/wal/memory_storage.h"
#include "wal/block_format.h"
#include "wal/posix_file.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::wal {
namespace storage_test {

template <class Kind>
class StorageTest : public testing::Test {
 protected:
  std::vector<std::string> names() {
    auto listed = storage_->list(directory_.path());
    EXPECT_TRUE(listed);
    std::sort(listed->begin(), listed->end());
    return *listed;
  }
  std::string path(const char* name) const { return directory_.path() + "/" + name; }

  TemporaryDirectory directory_;
  std::unique_ptr<Storage> storage_ = make();

 private:
  static std::unique_ptr<Storage> make() {
    if constexpr (std::is_same_v<Kind, PosixStorage>)
      return std::make_unique<PosixStorage>(false);
    else
      return std::make_unique<MemoryStorage>();
  }
};

using Kinds = testing::Types<PosixStorage, MemoryStorage>;
TYPED_TEST_SUITE(StorageTest, Kinds);

TYPED_TEST(StorageTest, AFileBeginsWithItsHeadAndIsZeroBehind) {
  AlignedBytes head = allocate_aligned(2 * kBlockBytes);
  std::memset(head.get(), 'h', 2 * kBlockBytes);
  const uint64_t size = kMaxBatchBytes + 3 * kBlockBytes;  // not a multiple of what is written
  ASSERT_TRUE(this->storage_->create(this->path("a"), size, {head.get(), 2 * kBlockBytes}));
  EXPECT_EQ(this->names(), std::vector<std::string>{"a"});
  EXPECT_EQ(this->storage_->sync_and_size(this->path("a")).value_or(0), size);
  AlignedBytes bytes = allocate_aligned(size);
  ASSERT_EQ(this->storage_->read(this->path("a"), 0, {bytes.get(), size}).value_or(0), size);
  const std::string got(bytes.get(), size);
  EXPECT_EQ(got, std::string(2 * kBlockBytes, 'h') + std::string(size - 2 * kBlockBytes, '\0'));
}

TYPED_TEST(StorageTest, AReadIsShortAtTheEndOnly) {
  ASSERT_TRUE(this->storage_->create(this->path("a"), 4 * kBlockBytes, {}));
  AlignedBytes bytes = allocate_aligned(4 * kBlockBytes);
  const std::span<char> all(bytes.get(), 4 * kBlockBytes);
  EXPECT_EQ(this->storage_->read(this->path("a"), kBlockBytes, all).value_or(0), 3 * kBlockBytes);
  EXPECT_EQ(this->storage_->read(this->path("a"), 9 * kBlockBytes, all).value_or(1), 0u);
}

TYPED_TEST(StorageTest, WhatIsNotThereIsAnError) {
  AlignedBytes bytes = allocate_aligned(kBlockBytes);
  EXPECT_FALSE(this->storage_->sync_and_size(this->path("none")));
  EXPECT_FALSE(this->storage_->read(this->path("none"), 0, {bytes.get(), kBlockBytes}));
}

TYPED_TEST(StorageTest, AStreamIsMadeAndRecovered) {
  const Identity identity{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  LogOptions options;
  options.directory = this->directory_.path();
  options.segment_bytes = 2 * kMaxBatchBytes;
  ASSERT_TRUE(create_stream(*this->storage_, identity, options));
  EXPECT_FALSE(create_stream(*this->storage_, identity, options));
  auto tail = recover(*this->storage_, identity, options, [](auto, auto, auto&) { ADD_FAILURE(); });
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->generation, kFirstGeneration);
  EXPECT_EQ(tail->segment_first_sequence, kFirstSequence);
  EXPECT_EQ(tail->spare_segments, 0u);
}

TEST(ListSegments, TakesTheNamesOfOneStreamInTheOrderOfTheirNumbers) {
  MemoryStorage storage;
  for (const char* name :
       {"log-1-2.seg", "log-1-10.seg", "log-1-1.seg", "log-1-3.seg.tmp", "log-1-.seg",
        "log-1-04.seg", "log-11-4.seg", "log-1-5.segment", "log-1--6.seg", "log-1-0.seg",
        "log-1-7x.seg", "xlog-1-8.seg", "log-1-99999999999999999999.seg", "lock"}) {
    storage.make(std::string("/disk/") + name, kBlockBytes);
  }
  auto segments = list_segments(storage, "/disk", 1);
  ASSERT_TRUE(segments);
  std::vector<std::string> paths;
  for (const SegmentFile& segment : *segments) paths.push_back(segment.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"/disk/log-1-1.seg", "/disk/log-1-2.seg",
                                             "/disk/log-1-10.seg"}));
}

TEST(ListSegments, TellsWhichStreamAFileIsOf) {
  EXPECT_EQ(stream_of_segment("log-0-1.seg"), 0u);
  EXPECT_EQ(stream_of_segment("log-63-18446744073709551615.seg"), 63u);
  EXPECT_EQ(stream_of_segment("log-10-2.seg.tmp"), 10u);
  for (const char* other : {"log-00-1.seg", "log-1.seg", "log--1.seg", "log-1-.seg", "log-1-0.seg",
                            "log-1-2-3.seg", "log-4294967296-1.seg", "log-1-1.seg.tmp.tmp",
                            "log-1-1.seg.bak", "log-1-1", "og-1-1.seg", "log-1-1.segments", ""}) {
    EXPECT_EQ(stream_of_segment(other), std::nullopt) << other;
  }
}

TEST(PosixStorage, AFailedCreationLeavesNothingBehind) {
  PosixStorage storage(false);
  EXPECT_FALSE(storage.create("/proc/self/not-a-place", kBlockBytes, {}));
  TemporaryDirectory directory;
  EXPECT_FALSE(storage.create(directory.path() + "/none/a", kBlockBytes, {}));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/none"));
}

// procfs refuses O_DIRECT on every kernel; tmpfs does so on older ones only.
TEST(PosixFile, ARefusedDirectOpenSaysWhatToDo) {
  auto file = open_aligned("/proc/self/status", O_RDONLY, true);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("O_DIRECT is refused"), std::string::npos);
  EXPECT_NE(file.error().message.find("--unsafe-buffered-log"), std::string::npos);
}

// What cannot be read now is neither a file that ends early nor a directory of no files: both would
// be taken for a loss.
TEST(PosixStorageTest, WhatCannotBeReadIsAnErrorAndNotCorrupt) {
  const TemporaryDirectory directory;
  PosixStorage storage(false);
  const AlignedBytes bytes = allocate_aligned(kBlockBytes);
  const auto read = storage.read(directory.path(), 0, {bytes.get(), kBlockBytes});  // EISDIR
  ASSERT_FALSE(read);
  EXPECT_FALSE(read.error().corrupt);
  EXPECT_TRUE(read.error().message.starts_with("cannot read ")) << read.error().message;
  const auto listed = storage.list(directory.path() + "/missing");
  ASSERT_FALSE(listed);
  EXPECT_FALSE(listed.error().corrupt);
}

}  // namespace storage_test
}  // namespace once::wal
