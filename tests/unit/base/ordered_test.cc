#include "base/ordered.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <type_traits>

#include "base/record_number.h"
#include "base/types.h"
#include "paxos/numbers.h"
#include "wal/numbers.h"

namespace once {
namespace ordered_test {

template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};
template <class A, class B>
concept Equatable = requires(A a, B b) {
  a == b;
};
template <class A, class B>
concept Subtractable = requires(A a, B b) {
  a - b;
};

// Whether an A can be had for a B by mistake: as an argument, in a comparison, in a distance.
template <class A, class B>
constexpr bool mixes() {
  return std::is_convertible_v<B, A> || std::is_convertible_v<A, B> || Comparable<A, B> ||
         Equatable<A, B> || Subtractable<A, B>;
}

// It mixes with no other kind and with no plain number, and costs what the number costs.
template <class A, class Number, class... Others>
constexpr bool stands_alone() {
  return !mixes<A, int>() && !mixes<A, uint16_t>() && !mixes<A, uint32_t>() &&
         !mixes<A, uint64_t>() && (!mixes<A, Others>() && ...) &&
         std::is_constructible_v<A, Number> && sizeof(A) == sizeof(Number) &&
         alignof(A) == alignof(Number) && std::is_trivially_copyable_v<A>;
}

using paxos::Sequence;
using wal::BlockSequence;
using wal::Generation;
static_assert(stands_alone<Round, uint32_t, Incarnation, Sequence, RecordNumber, NodeId>());
static_assert(stands_alone<Incarnation, uint32_t, Round, Sequence, RecordNumber, NodeId>());
static_assert(stands_alone<Sequence, uint64_t, Round, Incarnation, RecordNumber, NodeId>());
static_assert(stands_alone<RecordNumber, uint64_t, Round, Incarnation, Sequence, NodeId>());
static_assert(stands_alone<BlockSequence, uint64_t, RecordNumber, Generation, Sequence>());
static_assert(stands_alone<Generation, uint64_t, RecordNumber, BlockSequence, Sequence>());

TEST(Ordered, CountsFromZero) {
  EXPECT_EQ(Round{}, Round{0});
  EXPECT_EQ(Round{}.next(), Round{1});
  EXPECT_EQ(Sequence{UINT64_MAX - 1}.next(), Sequence{UINT64_MAX});
  EXPECT_EQ(Generation{1}.previous(), Generation{});
  EXPECT_EQ(BlockSequence{4} + 5, BlockSequence{9});
  EXPECT_EQ(BlockSequence{4} + 0, BlockSequence{4});
}

TEST(Ordered, IsInOrder) {
  EXPECT_LT(Incarnation{2}, Incarnation{10});
  EXPECT_GT(Incarnation{UINT32_MAX}, Incarnation{});
  EXPECT_NE(Incarnation{2}, Incarnation{3});
}

TEST(Ordered, SaysHowManyFollow) {
  EXPECT_EQ(Sequence{9} - Sequence{4}, 5u);
  EXPECT_EQ(Sequence{UINT64_MAX} - Sequence{}, UINT64_MAX);
}

}  // namespace ordered_test
}  // namespace once
