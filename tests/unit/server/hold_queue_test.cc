#include "server/hold_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace once::server {
namespace hold_queue_test {

constexpr Endpoint kA{NodeId{2}, CoreId{0}};
constexpr Endpoint kB{NodeId{3}, CoreId{1}};

struct Sent {
  std::vector<std::pair<Endpoint, std::string>> runs;
  void operator()(Endpoint peer, std::string_view bytes) { runs.emplace_back(peer, bytes); }
};

TEST(HoldQueue, HoldsUntilTheRecordIsDurable) {
  HoldQueue queue;
  Sent sent;
  ASSERT_TRUE(queue.add(kA, RecordNumber{5}, "five"));
  queue.release(RecordNumber{4}, sent);
  EXPECT_TRUE(sent.runs.empty());
  queue.release(RecordNumber{5}, sent);
  ASSERT_EQ(sent.runs.size(), 1u);
  EXPECT_EQ(sent.runs[0].second, "five");
  EXPECT_TRUE(queue.empty());
}

TEST(HoldQueue, KeepsOrderAndMergesWhatLeavesTogether) {
  HoldQueue queue;
  Sent sent;
  queue.add(kA, RecordNumber{1}, "a");
  queue.add(kB, RecordNumber{1}, "x");
  queue.add(kA, RecordNumber{2}, "b");
  queue.add(kA, RecordNumber{3}, "c");
  queue.release(RecordNumber{2}, sent);
  ASSERT_EQ(sent.runs.size(), 2u);
  EXPECT_EQ(sent.runs[0], std::make_pair(kA, std::string("ab")));
  EXPECT_EQ(sent.runs[1], std::make_pair(kB, std::string("x")));
  queue.release(RecordNumber{3}, sent);
  EXPECT_EQ(sent.runs.back().second, "c");
}

TEST(HoldQueue, NeverLetsALaterRecordOutEarly) {
  HoldQueue queue;
  Sent sent;
  queue.add(kA, RecordNumber{9}, "late");
  queue.add(kA, RecordNumber{1}, "early");
  queue.release(RecordNumber{8}, sent);
  EXPECT_TRUE(sent.runs.empty());
  queue.release(RecordNumber{9}, sent);
  EXPECT_EQ(sent.runs[0].second, "lateearly");
}

TEST(HoldQueue, DropsPastItsBoundAndForgetsABrokenLink) {
  HoldQueue queue(8);
  Sent sent;
  EXPECT_TRUE(queue.add(kA, RecordNumber{1}, "12345678"));
  EXPECT_FALSE(queue.add(kA, RecordNumber{2}, "9"));
  EXPECT_EQ(queue.dropped(), 1u);
  queue.forget(kA);
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.add(kA, RecordNumber{3}, "9"));
  queue.release(RecordNumber{3}, sent);
  ASSERT_EQ(sent.runs.size(), 1u);
  EXPECT_EQ(sent.runs[0].second, "9");
}

TEST(HoldQueue, CutsLongRunsBetweenMessages) {
  HoldQueue queue;
  Sent sent;
  const std::string message(HoldQueue::kMaxRunBytes / 2 + 1, 'm');
  for (int i = 0; i < 3; ++i) queue.add(kA, RecordNumber{1}, message);
  queue.release(RecordNumber{1}, sent);
  ASSERT_EQ(sent.runs.size(), 3u);
  for (const auto& run : sent.runs) EXPECT_EQ(run.second, message);
}

TEST(HoldQueue, StaysSmallWhenNeverQuiteEmpty) {
  HoldQueue queue(64);
  Sent sent;
  queue.add(kA, RecordNumber{1}, "0000");
  for (uint64_t record = 2; record < 1000; ++record) {
    ASSERT_TRUE(queue.add(kA, RecordNumber{record}, "0000"));
    queue.release(RecordNumber{record - 1}, sent);
  }
  EXPECT_EQ(sent.runs.size(), 998u);
}

TEST(HoldQueue, GivesBackWhatABurstTookOnceItIsEmpty) {
  HoldQueue queue;
  const std::string message(100'000, 'm');
  for (int i = 0; i < 20; ++i) queue.add({NodeId{1}, CoreId{0}}, RecordNumber{1}, message);
  EXPECT_GE(queue.bytes(), 2'000'000u);
  queue.give_back();
  EXPECT_GE(queue.bytes(), 2'000'000u) << "they have yet to leave";
  size_t left = 0;
  queue.release(RecordNumber{1}, [&](Endpoint, std::string_view run) { left += run.size(); });
  EXPECT_EQ(left, 2'000'000u);
  queue.give_back();
  EXPECT_LT(queue.bytes(), 300'000u);
}

}  // namespace hold_queue_test
}  // namespace once::server
