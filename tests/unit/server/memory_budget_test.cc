// What --memory may say, what there is, and what a core makes of its share.
#include "server/memory_budget.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/memory_account.h"
#include "tests/unit/reactor/fake_file_io.h"

namespace once::server {
namespace memory_budget_test {

using paxos::Memory;
constexpr uint64_t kMib = 1024 * 1024;

TEST(MemoryBudget, ReadsBytesTheirMultiplesAndParts) {
  const std::pair<const char*, uint64_t> sizes[] = {{"1", 1},
                                                    {"536870912", 512 * kMib},
                                                    {"3KiB", 3072},
                                                    {"512MiB", 512 * kMib},
                                                    {"2GiB", 2048 * kMib},
                                                    {"1TiB", 1024 * 1024 * kMib},
                                                    {"16777215TiB", 16777215ull << 40},
                                                    {"18446744073709551615", UINT64_MAX}};
  for (const auto& [text, bytes] : sizes) {
    const auto size = parse_memory(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(size->bytes, bytes) << text;
    EXPECT_EQ(size->percent, 0u) << text;
  }
  for (const unsigned percent : {1u, 75u, 100u}) {
    const auto size = parse_memory(std::to_string(percent) + "%");
    ASSERT_TRUE(size);
    EXPECT_EQ(size->percent, percent);
  }
}

TEST(MemoryBudget, RefusesWhateverElseAndSaysWhatToGive) {
  for (const char* text : {"",
                           "0",
                           "0%",
                           "0MiB",
                           "101%",
                           "%",
                           "MiB",
                           " 512MiB",
                           "512 MiB",
                           "512MiB ",
                           "512MB",
                           "512M",
                           "512mib",
                           "-1",
                           "+1",
                           "1.5GiB",
                           "1e9",
                           "0x10",
                           "75%%",
                           "16777216TiB",
                           "18446744073709551616",
                           "99999999999999999999999",
                           "many"}) {
    const auto size = parse_memory(text);
    ASSERT_FALSE(size) << text;
    EXPECT_NE(size.error().message.find("give bytes"), std::string::npos) << size.error().message;
  }
}

struct Groups {
  TemporaryDirectory directory;
  const std::string& mount = directory.path();
  void set(const std::string& group, const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(mount + group);
    std::ofstream(mount + group + "/" + file) << text << "\n";
  }
};

TEST(MemoryBudget, TakesTheLeastLimitOfAGroupAndOfAllAboveIt) {
  const Groups groups;
  groups.set("/a/b/c", "memory.max", "max");
  groups.set("/a/b", "memory.max", "700");
  groups.set("/a", "memory.max", "900");
  EXPECT_EQ(cgroup_limit(groups.mount, "0::/a/b/c\n"), 700u);
  EXPECT_EQ(cgroup_limit(groups.mount, "0::/a\n"), 900u);
  EXPECT_EQ(cgroup_limit(groups.mount, "0::/elsewhere\n"), UINT64_MAX);
  groups.set("", "memory.max", "600");
  EXPECT_EQ(cgroup_limit(groups.mount, "0::/a/b/c\n"), 600u);
  EXPECT_EQ(cgroup_limit(groups.mount, "0::/\n"), 600u);
  EXPECT_EQ(cgroup_limit(groups.mount, ""), UINT64_MAX);
  EXPECT_EQ(cgroup_limit(groups.mount, "no line of it"), UINT64_MAX);
}

TEST(MemoryBudget, KnowsTheLimitsOfTheFirstVersionToo) {
  const Groups groups;
  groups.set("/memory/pod/one", "memory.limit_in_bytes", "9223372036854771712");
  groups.set("/memory/pod", "memory.limit_in_bytes", "4000");
  EXPECT_EQ(cgroup_limit(groups.mount, "5:cpu,cpuacct:/x\n4:memory:/pod/one\n0::/\n"), 4000u);
  EXPECT_EQ(cgroup_limit(groups.mount, "4:hugetlb,memory:/pod\n"), 4000u);
  EXPECT_EQ(cgroup_limit(groups.mount, "4:memory_other:/pod\n"), UINT64_MAX);
}

TEST(MemoryBudget, IsNotLessThanAnEmptyNodeTakes) {
  EXPECT_EQ(*memory_for({80 * kMib, 0}, 1, 1), 80 * kMib);
  EXPECT_EQ(*memory_for({0, 50}, 400 * kMib, 2), 200 * kMib);
  for (const auto& [size, cores] :
       {std::pair(MemorySize{80 * kMib - 1, 0}, 1), std::pair(MemorySize{159 * kMib, 0}, 2),
        std::pair(MemorySize{0, 10}, 1)}) {
    const auto bytes = memory_for(size, 700 * kMib, static_cast<uint16_t>(cores));
    ASSERT_FALSE(bytes);
    const std::string advice = cores == 1 ? "give --memory 80MiB" : "give --memory 160MiB";
    EXPECT_NE(bytes.error().message.find(advice), std::string::npos) << bytes.error().message;
  }
  EXPECT_GT(memory_there_is(), 0u);
}

TEST(MemoryBudget, OfWhatIsReadyBeforeItIsNeeded) {
  EXPECT_EQ(*ready_for("", 320 * kMib, 1), 10 * kMib);
  EXPECT_EQ(*ready_for("", 1024 * 1024 * kMib, 4), 256 * kMib);
  EXPECT_EQ(*ready_for("0", 320 * kMib, 1), 0u);
  EXPECT_EQ(*ready_for("64MiB", 320 * kMib, 1), 64 * kMib);
  EXPECT_EQ(*ready_for("25%", 300 * kMib, 1), 75 * kMib);
  EXPECT_EQ(*ready_for("100MiB", 320 * kMib, 2), 100 * kMib);
  EXPECT_EQ(*ready_for("4GiB", 1024 * 1024 * kMib, 1), 4096 * kMib);
  for (const auto& [given, memory, cores] :
       {std::tuple("101MiB", 320 * kMib, 2), std::tuple("131MiB", 320 * kMib, 1),
        std::tuple("4097MiB", 1024 * 1024 * kMib, 1), std::tuple("much", 320 * kMib, 1)}) {
    const auto bytes = ready_for(given, memory, static_cast<uint16_t>(cores));
    ASSERT_FALSE(bytes) << given;
    EXPECT_NE(bytes.error().message.find(given), std::string::npos) << bytes.error().message;
  }
}

// A container that takes what its machine has is ended by the kernel.
TEST(MemoryBudget, ThereIsNoMoreThanTheGroupMayHave) {
  const Groups groups;
  groups.set("/pod", "memory.max", "3000000");
  EXPECT_EQ(memory_there_is(groups.mount, "0::/pod\n"), 3'000'000u);
  const uint64_t machine = memory_there_is(groups.mount, "0::/without\n");
  EXPECT_GT(machine, 3'000'000u);
  EXPECT_LT(machine, uint64_t{1} << 60);
}

TEST(MemoryAccount, IsShortAboveNineTenthsAndNotAtOnceNoMore) {
  MemoryAccount account((kFixedMemoryPerCore + 1000) * 2, 2);
  EXPECT_EQ(account.budget(), 1000u);
  EXPECT_EQ(account.unread_bound(), 250u);
  EXPECT_FALSE(account.is_pressed(800));
  EXPECT_TRUE(account.is_pressed(801));
  const std::pair<uint64_t, Memory> walk[] = {
      {0, Memory::kEnough},   {900, Memory::kEnough}, {901, Memory::kShort}, {881, Memory::kShort},
      {880, Memory::kEnough}, {960, Memory::kShort},  {961, Memory::kLow},   {1000, Memory::kLow},
      {1001, Memory::kNone},  {981, Memory::kNone},   {980, Memory::kLow},   {941, Memory::kLow},
      {940, Memory::kShort},  {5000, Memory::kNone},  {10, Memory::kEnough},
  };
  for (const auto& [used, level] : walk) EXPECT_EQ(account.level(used), level) << used;
}

// A core that took more names than its table has room for would end in the middle of a change.
TEST(MemoryAccount, OfWhateverIsGivenACoreTakesWhatItsTableHasRoomFor) {
  EXPECT_EQ(MemoryAccount(uint64_t{64} << 30, 1).budget(), kMostGrowthPerCore);
  EXPECT_EQ(MemoryAccount(uint64_t{64} << 30, 8).budget(),
            (uint64_t{8} << 30) - kFixedMemoryPerCore);
}

TEST(MemoryAccount, WithoutABoundThereIsAlwaysEnough) {
  MemoryAccount account(kUnboundedMemory, 3);
  EXPECT_FALSE(account.is_bounded());
  EXPECT_EQ(account.level(UINT64_MAX), Memory::kEnough);
  EXPECT_FALSE(account.is_pressed(UINT64_MAX));
}

}  // namespace memory_budget_test
}  // namespace once::server
