// What a shard does about memory: what it counts, who is told, what it gives back after a burst.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/limits.h"

#include "server/shard.h"
#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_memory_test {

using paxos::Output;

// All that grows is one sum: what the replica holds, what came, what is to leave.
TEST(ShardMemory, TellsTheReplicaHowMuchMemoryIsLeft) {
  Started core;
  EXPECT_EQ(core.listener.unread_bound, test::kGrowing / 4);
  core.replica.bytes = 80'000'000;
  core.tick();
  EXPECT_EQ(core.listener.relieved, 0);
  core.listener.input = 1'000'000;
  core.tick();
  EXPECT_EQ(core.listener.relieved, 1) << "clients that do not read go first";
  EXPECT_EQ(core.replica.memory, paxos::Memory::kEnough);
  core.replica.bytes = 89'500'000;
  core.tick();
  EXPECT_EQ(core.replica.memory, paxos::Memory::kShort);
  ASSERT_EQ(core.host.lines.size(), 1u);
  EXPECT_NE(core.host.lines[0].find("memory is short"), std::string::npos);
  EXPECT_EQ(core.host.published["memory_short"], 1u);
  EXPECT_EQ(core.host.published["memory_bytes"], kFixedMemoryPerCore + 90'500'000);
  EXPECT_EQ(core.host.published["memory_budget_bytes"], kFixedMemoryPerCore + test::kGrowing);
  EXPECT_EQ(core.host.published["unread_closed"], 3u);
  core.replica.bytes = 100'000'000;  // within one tick: known before the next step
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.replica.memory, paxos::Memory::kNone);
  core.replica.bytes = 10'000'000;
  core.tick();
  EXPECT_EQ(core.replica.memory, paxos::Memory::kEnough);
  EXPECT_EQ(core.host.lines.size(), 1u) << "said again at most every ten seconds";
  core.io.now += 11'000'000'000;
  core.tick();
  EXPECT_EQ(core.host.lines.size(), 2u);
}

// What waits for the disk, and what waits for another core, is memory as well.
TEST(ShardMemory, CountsWhatItHoldsBackAndWhatOtherCoresHaveNotRead) {
  constexpr uint64_t kMany = 100;
  PostOffice office(2);
  Core core(0, &office, 2 * kMany);
  core.links.up = true;
  core.log.report(1);
  core.tick();
  const uint64_t before = core.host.published["memory_bytes"];
  core.replica.script.push_back([](Output& out) {
    FakeReplica::record(out, "a");
    for (uint64_t op = 0; op < 10 * kMany; ++op) FakeReplica::message(out, op, 2);
  });
  core.request(1, "0-name");
  core.round();
  core.tick();
  const uint64_t held = core.host.published["memory_bytes"];
  EXPECT_GT(held, before + 10 * kMany * 16) << "of each more than 16 bytes";
  const std::string value(kMaxValueBytes, 'v');
  for (uint64_t i = 0; i < kMany; ++i) core.request(2 + i, "1-name", value);
  core.round();
  core.tick();
  EXPECT_GT(core.host.published["memory_bytes"], held + kMany * kMaxValueBytes);
}

TEST(ShardMemory, GivesBackWhatABurstTook) {
  Started core;
  core.tick();  // it looks once a second
  std::vector<size_t> kept;
  const auto look = [&kept](Output& out) {
    kept = {out.records.capacity(), out.record_ends.capacity(), out.messages.capacity(),
            out.replies.capacity(), out.needless.capacity()};
  };
  core.script([](Output& out) {
    constexpr size_t kMany = 1'000'000;
    out.records.reserve(kMany * 2);
    out.record_ends.reserve(kMany);
    out.messages.reserve(kMany);
    out.replies.reserve(kMany);
    out.needless.reserve(kMany);
  });
  core.tick();
  core.script(look);
  core.tick();
  EXPECT_EQ(std::count_if(kept.begin(), kept.end(), [](size_t n) { return n >= 1'000'000; }), 5)
      << "the next rounds may need it too";
  core.io.now += 1'000'000'000;
  core.tick();
  core.script(look);
  core.tick();
  EXPECT_EQ(kept, std::vector<size_t>(5, 0));
}

}  // namespace shard_memory_test
}  // namespace once::server::test
