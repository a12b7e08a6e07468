#include "wal/batch_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace once::wal {
namespace batch_records_test {

// A record as a batch has it: its size, and its bytes.
std::string framed(std::string_view record) {
  std::string bytes(kRecordPrefixBytes, '\0');
  bytes[0] = static_cast<char>(record.size());
  return bytes.append(record);
}

struct Joined : ::testing::Test {
  void add(std::string_view payload) {
    std::string block(sizeof(BlockHeader), '\0');
    BlockHeader header{};
    header.payload_bytes = static_cast<decltype(header.payload_bytes)>(payload.size());
    records.add((block + std::string(payload)).data(), header);
  }
  std::string take() {
    const auto record = records.take();
    return record ? std::string(*record) : "none";
  }
  BatchRecords records;
};

TEST_F(Joined, AreTakenInTheirOrder) {
  EXPECT_TRUE(records.empty());
  add(framed("one") + framed("two"));
  EXPECT_EQ(take(), "one");
  EXPECT_FALSE(records.empty());
  EXPECT_EQ(take(), "two");
  EXPECT_EQ(take(), "none");
  EXPECT_TRUE(records.empty());
}

TEST_F(Joined, MayLieAcrossBlocksWhereverTheseAreCut) {
  const std::string payload = framed("one") + framed("two");
  for (size_t cut = 0; cut <= payload.size(); ++cut) {
    add(payload.substr(0, cut));
    std::string found;
    for (std::string record = take(); record != "none"; record = take()) found += record;
    add(payload.substr(cut));
    for (std::string record = take(); record != "none"; record = take()) found += record;
    EXPECT_EQ(found, "onetwo") << "cut at " << cut;
    EXPECT_TRUE(records.empty());
  }
}

TEST_F(Joined, ThatRunPastTheEndAreNotTakenAndAreLeft) {
  std::string payload = framed("one") + framed("two");
  payload.pop_back();
  add(payload);
  EXPECT_EQ(take(), "one");
  EXPECT_EQ(take(), "none");
  EXPECT_FALSE(records.empty());
}

}  // namespace batch_records_test
}  // namespace once::wal
