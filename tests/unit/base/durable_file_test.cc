// What a durable file holds. That it is durable, in which order, and what failures leave behind is
// seen where the calls are watched: prepared_files_test, durable_files_test.
#include "base/durable_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "tests/unit/reactor/fake_file_io.h"

namespace once {
namespace durable_file_test {

constexpr uint64_t kMiB = 1 << 20;

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

class DurableFile : public testing::Test {
 protected:
  TemporaryDirectory scratch_;
  const std::string path_ = scratch_.path() + "/file";
};

TEST_F(DurableFile, BeginsWithItsHeadAndGoesOnWithZeros) {
  for (const uint64_t head_bytes :
       {uint64_t{0}, uint64_t{1}, kMiB - 1, kMiB, kMiB + 4096, 3 * kMiB}) {
    std::string head(head_bytes, '\0');
    for (size_t i = 0; i < head.size(); ++i) head[i] = static_cast<char>(1 + i % 251);
    const auto failed = make_durable_file(path_, {head, 3 * kMiB});
    ASSERT_FALSE(failed) << failed->doing << " " << failed->path;
    EXPECT_TRUE(content(path_) == head + std::string(3 * kMiB - head_bytes, '\0')) << head_bytes;
  }
}

TEST_F(DurableFile, ReplacesWhatIsThere) {
  const std::string first = "a longer text", second = "short";
  ASSERT_FALSE(make_durable_file(path_, {first, first.size()}));
  ASSERT_FALSE(make_durable_file(path_, {second, second.size()}));
  EXPECT_EQ(content(path_), second);
  EXPECT_FALSE(std::filesystem::exists(unfinished_name(path_)));
}

TEST_F(DurableFile, NothingStaysOfWhatAKilledRunLeft) {
  std::ofstream(unfinished_name(path_)) << std::string(8192, 'x');
  const std::string text = "text";
  ASSERT_FALSE(make_durable_file(path_, {text, text.size()}));
  EXPECT_EQ(content(path_), text);
}

TEST_F(DurableFile, SaysWhatFailedAndWhy) {
  const std::string nowhere = scratch_.path() + "/none/file";
  const auto failed = make_durable_file(nowhere, {{}, 4096});
  ASSERT_TRUE(failed);
  EXPECT_STREQ(failed->doing, "create");
  EXPECT_EQ(failed->path, unfinished_name(nowhere));
  EXPECT_EQ(failed->error_number, ENOENT);
}

TEST_F(DurableFile, StopsBetweenItsPieces) {
  const std::atomic<bool> stopping{true};
  const auto failed = make_durable_file(path_, {{}, kMiB}, 0, &stopping);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error_number, ECANCELED);
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

}  // namespace durable_file_test
}  // namespace once
