// Where request ids come from.
#include "base/draw_ids.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <vector>

#include "base/drawn_ids.h"

namespace once {
namespace draw_ids_test {

// Every bit of a thousand ids is set in about half of them: nothing is counted up, nor shared.
TEST(DrawIds, EachBitIsDrawnForEachId) {
  std::vector<RequestId> ids(1000);
  ASSERT_TRUE(draw_request_ids(ids));
  std::array<int, 128> set{};
  for (const RequestId& id : ids) {
    for (size_t bit = 0; bit < 64; ++bit) {
      set[bit] += id.low >> bit & 1;
      set[64 + bit] += id.high >> bit & 1;
    }
  }
  for (int count : set) EXPECT_NEAR(count, 500, 150);  // nine standard deviations
  const std::set<RequestId> distinct(ids.begin(), ids.end());
  EXPECT_EQ(distinct.size(), ids.size());
  EXPECT_NE(draw_request_id(), draw_request_id());
}

TEST(DrawIds, OneByOneTheyAreFreshToo) {
  DrawnIds drawn;
  std::set<RequestId> distinct;
  for (size_t i = 0; i < 3 * DrawnIds::kAtOnce + 1; ++i) distinct.insert(drawn.next());
  EXPECT_EQ(distinct.size(), 3 * DrawnIds::kAtOnce + 1);
  EXPECT_EQ(distinct.count(RequestId{}), 0u);
}

TEST(DrawIds, OneCallForAll) {
  int calls = 0;
  std::vector<RequestId> ids(64);
  EXPECT_TRUE(draw_request_ids(ids, [&](void* out, size_t size) {
    ++calls;
    std::memset(out, 7, size);
    return true;
  }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(ids[63], request_id(0x0707070707070707, 0x0707070707070707));
}

TEST(DrawIds, ZeroIsDrawnAgain) {
  int calls = 0;
  std::vector<RequestId> ids(3);
  const bool drawn = draw_request_ids(ids, [&](void* out, size_t size) {
    std::memset(out, 9, size);
    if (calls++ == 0) std::memset(static_cast<char*>(out) + 16, 0, 16);
    return true;
  });
  EXPECT_TRUE(drawn);
  EXPECT_EQ(calls, 2);
  for (const RequestId& id : ids) EXPECT_NE(id, RequestId{});
}

TEST(DrawIds, AHalfThatIsZeroIsNoZero) {
  std::vector<RequestId> ids(1);
  EXPECT_TRUE(draw_request_ids(ids, [](void* out, size_t size) {
    std::memset(out, 0, size);
    std::memset(out, 1, size / 2);
    return true;
  }));
  EXPECT_EQ(ids[0].low, 0u);
}

// Never a weak id instead: all or none, and none is 0, which everybody refuses.
TEST(DrawIds, WithoutRandomBitsThereIsNone) {
  std::vector<RequestId> ids(3, request_id(1, 2));
  EXPECT_FALSE(draw_request_ids(ids, [](void* out, size_t size) {
    std::memset(out, 5, size / 2);
    return false;
  }));
  EXPECT_EQ(ids, std::vector<RequestId>(3));
  ids.assign(3, request_id(1, 2));
  EXPECT_FALSE(draw_request_ids(ids, [](void* out, size_t size) {
    std::memset(out, 0, size);
    return true;
  }));
  EXPECT_EQ(ids, std::vector<RequestId>(3));
}

}  // namespace draw_ids_test
}  // namespace once
