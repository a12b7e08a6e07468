// Whether what a log holds fits into the memory of a node, and what is made ready beyond it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/exit_codes.h"
#include "tests/unit/server/node_cores_fixture.h"

namespace once::server {
namespace node_cores_memory_test {

using NodeCoresMemory = NodeCoresTest;

// What it says is enough is enough, and a little less is refused again.
TEST_F(NodeCoresMemory, RefusesALogThatDoesNotFitAndSaysWhatDoes) {
  ASSERT_TRUE(recover(2));
  const paxos::Ballot ballot{Round{1}, NodeId{2}, Incarnation{1}};
  const std::string value(60'000, 'v');
  for (uint32_t n = 0; n < 24; ++n) {
    const paxos::State state{1, true, request_id(1, 1), value};
    write_bytes_to(n % 2, paxos::AcceptRecord{ballot, CoreId{0}, paxos::Sequence{0}, state,
                                              name_of(n % 2, 2, static_cast<int>(n / 2))});
  }
  for (const uint16_t cores : {1, 2, 3}) {  // side by side the two
    threads_ = cores == 2;
    memory_bytes_ = (kFixedMemoryPerCore + 400'000) * cores;
    const auto refused = recover(cores);
    ASSERT_FALSE(refused) << cores;
    EXPECT_EQ(refused.error().exit_code, kExitMemory);
    EXPECT_FALSE(std::filesystem::exists(segment(2))) << "\"nothing is changed\"";
    const std::string& text = refused.error().message;
    const size_t at = text.find("give --memory ");
    ASSERT_NE(at, std::string::npos) << text;
    memory_bytes_ = std::stoull(text.substr(at + 14)) * 1024 * 1024;
    EXPECT_TRUE(recover(cores)) << text;
    memory_bytes_ = kUnboundedMemory;
    EXPECT_TRUE(recover(cores));
  }
}

// Each core its part, and none more than half of what names may take.
TEST_F(NodeCoresMemory, MakesMemoryReadyForNamesToCome) {
  constexpr uint64_t kMib = 1024 * 1024;
  const auto ready = [&](uint16_t cores, uint64_t bytes, uint64_t memory) {
    ready_bytes_ = bytes;
    memory_bytes_ = memory;
    EXPECT_TRUE(recover(cores));
    return replica_bytes_;
  };
  const uint64_t empty = ready(1, 0, kUnboundedMemory).at(0);
  EXPECT_EQ(ready(1, 64 * kMib, kUnboundedMemory).at(0), empty + 64 * kMib);
  for (const uint64_t bytes : ready(2, 64 * kMib, kUnboundedMemory)) {
    EXPECT_EQ(bytes, empty + 32 * kMib);
  }
  const uint64_t bounded = ready(1, 64 * kMib, kFixedMemoryPerCore + 40 * kMib).at(0);
  EXPECT_LE(bounded, 20 * kMib);
  EXPECT_GT(bounded, 15 * kMib);
}

// Of names that were only promised most of what they take is not in the log.
TEST_F(NodeCoresMemory, SaysWhatDoesForManySmallNamesToo) {
  ASSERT_TRUE(recover(1));
  write_to_log(0, [](wal::Log& log) {
    std::vector<char> bytes;
    for (uint32_t n = 0; n < 20'000; ++n) {
      bytes.clear();
      const std::string name = fmt::format("n{:09}", n);
      encode_record(paxos::PromiseRecord{{Round{1}, NodeId{2}, Incarnation{1}}, name}, bytes);
      log.append({bytes.data(), bytes.size()});
    }
  });
  memory_bytes_ = kFixedMemoryPerCore + 400'000;
  const auto refused = recover(1);
  ASSERT_FALSE(refused);
  const std::string& text = refused.error().message;
  const size_t at = text.find("give --memory ");
  ASSERT_NE(at, std::string::npos) << text;
  memory_bytes_ = std::stoull(text.substr(at + 14)) * 1024 * 1024;
  EXPECT_TRUE(recover(1)) << text;
}

}  // namespace node_cores_memory_test
}  // namespace once::server
