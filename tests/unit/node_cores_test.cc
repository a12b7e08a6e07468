// What a node refuses to start from, and that a refusal changes nothing on its disk.
#include "server/node_cores.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "server/exit_codes.h"
#include "tests/unit/fake_file_io.h"
#include "wal/posix_storage.h"

namespace once::server {
namespace {

class NodeCoresTest : public testing::Test {
 protected:
  void SetUp() override {
    Configuration configuration;
    configuration.cluster = *parse_cluster_id("c0ffee");
    configuration.node = NodeId{1};
    configuration.segment_bytes = kMaxBatchBytes;
    configuration.members = *parse_members("1=a:1,2=b:2,3=c:3");
    ASSERT_TRUE(DataDirectory::format(path_, configuration, false));
    auto opened = DataDirectory::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    data_ = std::move(*opened);
  }
  tl::expected<void, StartRefusal> recover(uint16_t cores) {
    NodeOptions options;
    options.cores = cores;
    options.direct = false;
    NodeHost host(*data_, cores, "a:1");
    NodeCores node(options, *data_, storage_, host, std::vector<reactor::Io*>(cores, &io_));
    return node.recover();
  }
  std::string segment(uint32_t stream) const {
    return path_ + "/log-" + std::to_string(stream) + "-1.seg";
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/node1";
  FakeFileIo io_;
  wal::PosixStorage storage_{false};
  std::unique_ptr<DataDirectory> data_;
};

TEST_F(NodeCoresTest, MakesTheStreamsOfNewCoresAndKnowsThemFromThenOn) {
  ASSERT_TRUE(recover(2));
  EXPECT_TRUE(std::filesystem::exists(segment(1)));
  EXPECT_EQ(data_->streams(), 2u);
  EXPECT_TRUE(recover(1)) << "with fewer cores";
  EXPECT_EQ(data_->streams(), 2u);
}

// DESIGN 3.6: "A node whose disk was lost must not vote under its old identity."
TEST_F(NodeCoresTest, RefusesToStartWithoutAStreamThatItHad) {
  ASSERT_TRUE(recover(2));
  for (uint32_t stream : {1, 0}) {
    std::filesystem::rename(segment(stream), path_ + "/kept");
    for (uint16_t cores : {1, 2}) {
      const auto recovered = recover(cores);
      ASSERT_FALSE(recovered);
      EXPECT_EQ(recovered.error().exit_code, kExitCorrupt);
      EXPECT_FALSE(std::filesystem::exists(segment(stream))) << "made anew";
    }
    std::filesystem::rename(path_ + "/kept", segment(stream));
    EXPECT_TRUE(recover(2));
  }
}

}  // namespace
}  // namespace once::server
