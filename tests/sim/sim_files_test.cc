// The simulator's files under a log that recycles its segments: writes that are torn, and names
// that a power cut takes back. What was acknowledged is there in each life.
#include <gtest/gtest.h>

#include "tests/crash/registry.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_io.h"

namespace once::sim {
namespace sim_files_test {

TEST(SimDiskNames, APowerCutTakesBackWhatCameLast) {
  for (size_t kept = 0; kept <= 3; ++kept) {
    World world(1);
    SimDisk disk(world);
    ASSERT_TRUE(disk.create("d/a", kBlockBytes, {}));
    ASSERT_TRUE(disk.create("d/b", kBlockBytes, {}));
    disk.flip_bit("d/b", 0, 0);
    disk.rename("d/a", "d/c");
    disk.sync_names();
    disk.rename("d/c", "d/d");
    disk.remove("d/b");
    disk.rename("d/d", "d/b");
    ASSERT_EQ(disk.unsynced_names(), 3u);
    disk.forget_names(kept);
    const std::vector<std::vector<std::string>> kPaths = {
        {"d/b", "d/c"}, {"d/b", "d/d"}, {"d/d"}, {"d/b"}};
    EXPECT_EQ(disk.paths(), kPaths[kept]);
    std::string read(kBlockBytes, '?');
    ASSERT_TRUE(disk.read(kPaths[kept][0], 0, read));
    EXPECT_EQ(read[0], kept < 2 ? 1 : 0) << "with what was in it";
    EXPECT_EQ(disk.unsynced_names(), 0u);
  }
}

class SimFilesTest : public testing::Test, private reactor::BatchHandler, private WriteWatcher {
 protected:
  static constexpr int64_t kTickNs = 20 * kMs;

  SimFilesTest() {
    options_.directory = "d";
    options_.segment_bytes = kMaxBatchBytes;
    EXPECT_TRUE(wal::create_stream(disk_, identity_, options_));
  }

  // Ends at some time, or while a name is not durable.
  void live() {
    io_.boot();
    registry_ = std::make_unique<wal::Registry>(disk_, identity_, options_);
    registry_->set_version(version_);
    ASSERT_EQ(registry_->start(io_), "");
    io_.serve(this);
    io_.set_timer(io_.now_ns() + kTickNs, 1);
    over_ = false;
    wanted_ = 1 + world_.below(100);
    while (!over_) world_.run_until(world_.now() + kMs);
  }
  void crash(bool silent) {
    recycled_ += registry_->log().counters().recycled;
    removed_ += registry_->log().counters().removed;
    version_ = registry_->version();
    io_.freeze();
    registry_->close();
    io_.crash();
    if (silent) {
      const size_t kept = world_.below(disk_.unsynced_names() + 1);
      taken_back_ += disk_.unsynced_names() - kept;
      disk_.forget_names(kept);
    }
    const auto found = wal::Registry::read(disk_, identity_, options_);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(registry_->judge(*found), "");
    disk_.sync_names();
  }

  void on_timer(uint64_t) override {
    const auto key = static_cast<uint32_t>(world_.below(3));
    for (uint64_t writes = world_.below(6); writes > 0; --writes) registry_->set(key, 50'000);
    registry_->set(static_cast<uint32_t>(3 + world_.below(40)), world_.below(300));
    registry_->log().on_tick(io_.now_ns());
    if (world_.below(wanted_) == 0) over_ = true;
    io_.set_timer(io_.now_ns() + kTickNs, 1);
  }
  void on_wake() override {}
  void on_batch_end() override {
    registry_->clean(3);
    registry_->log().flush();
    if (disk_.unsynced_names() > 0 && world_.below(4) == 0) over_ = true;
  }
  void on_submitted(int64_t) override {}
  void on_failure_told() override {}
  void on_landed(const std::string&, uint64_t, std::string_view) override {}
  void on_turn_end(const SimIo&) override {}

  const wal::Identity identity_{ClusterId{{1, 2}}, NodeId{3}, DiskId{{4, 5}}};
  wal::LogOptions options_;
  World world_{16};
  Network network_{world_, 1, 1, {}};
  SimDisk disk_{world_};
  NodeClock clock_{world_};
  SimIo io_{{world_, network_, disk_, clock_, *this, 0}, {.torn = 700'000}, kMs};
  std::unique_ptr<wal::Registry> registry_;
  uint64_t version_ = 0;
  uint64_t wanted_ = 0;
  bool over_ = false;
  uint64_t recycled_ = 0, removed_ = 0, taken_back_ = 0;
};

TEST_F(SimFilesTest, EachLifeFindsWhatWasAcknowledged) {
  for (int life = 0; life < 300 && !HasFailure(); ++life) {
    live();
    if (!HasFailure()) crash(life % 3 != 0);
  }
  EXPECT_GE(recycled_, 100u);
  EXPECT_GE(taken_back_, 30u);
  EXPECT_LE(disk_.paths().size(), 10u);
}

}  // namespace sim_files_test
}  // namespace once::sim
