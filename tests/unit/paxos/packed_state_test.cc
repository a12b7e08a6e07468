#include "paxos/packed_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace once::paxos {
namespace packed_state_test {

// Numbers on each side of where one takes a byte more, in every mixture.
TEST(PackedState, EveryMixtureOfShortAndLongNumbersIsReadAsItWasWritten) {
  const std::string text(20'000, 'v');
  size_t mixtures = 0;
  for (const uint64_t version : {uint64_t{1}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
    for (const size_t size : {size_t{0}, size_t{127}, size_t{128}, text.size()}) {
      for (const uint32_t round : {0u, 127u, 128u, UINT32_MAX}) {
        for (const uint16_t node : {1, 127, 128, 65535}) {
          for (const uint32_t incarnation : {0u, 127u, 128u, UINT32_MAX}) {
            const Ballot ballot{Round{round}, NodeId{node}, Incarnation{incarnation}};
            const std::string_view value(text.data(), size);
            const State state{version, false, request_id(7, 9), value, Operation::kRead};
            const size_t bytes = PackedState::bytes(ballot, state);
            ASSERT_LE(bytes, PackedState::kMostBytesButValue + size);
            std::vector<char> room(bytes + 8, 'x');
            PackedState::put(room.data(), ballot, state);
            const PackedState read = PackedState::at(room.data());
            ASSERT_EQ(read.version, version);
            ASSERT_EQ(read.ballot, ballot);
            ASSERT_EQ(read.writer(), request_id(7, 9));
            ASSERT_EQ(read.value(), value);
            ASSERT_EQ(read.end(), room.data() + bytes);
            ASSERT_EQ(std::string(room.data() + bytes, 8), "xxxxxxxx");
            ++mixtures;
          }
        }
      }
    }
  }
  EXPECT_EQ(mixtures, 4u * 4 * 4 * 4 * 4);
}

}  // namespace packed_state_test
}  // namespace once::paxos
