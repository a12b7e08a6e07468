// No room on the disk, or in memory: what is new is refused at once or passed over in silence, what
// was begun is finished, and reads go on.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);
const std::string kValue(5'000, 'v');

// Ways to have none for what is new.
const std::function<void(Solo&)> kFull[] = {[](Solo& solo) { solo.set_disk_full(true); },
                                            [](Solo& solo) { solo.set_memory(Memory::kShort); },
                                            [](Solo& solo) { solo.set_memory(Memory::kLow); },
                                            [](Solo& solo) { solo.set_memory(Memory::kNone); }};

TEST(Room, NewNamesAndChangesAreRefusedAtOnceAndNothingHappens) {
  for (const auto& full : kFull) {
    Solo solo{0, 3};
    full(solo);
    for (size_t home : {0, 1}) {
      const std::string name = solo.name(home);
      for (const auto operation : {Operation::kWrite, Operation::kSet, Operation::kNext}) {
        const auto token = solo.ask({0, operation, kA, 1000, name, {}});
        ASSERT_TRUE(solo.answered(token));
        EXPECT_EQ(solo.answer(token).status, Status::kOverloaded);
      }
      EXPECT_TRUE(solo.take<Forward>().empty());
      EXPECT_TRUE(solo.take<Accept>().empty());
      EXPECT_EQ(solo.counters().names, 0u);
    }
    EXPECT_EQ(solo.unsynced(), 0u);
  }
}

TEST(Room, PeersAreNotAnsweredAboutNewNames) {
  for (const auto& full : kFull) {
    Solo solo{0, 3};
    full(solo);
    solo.receive(1, Prepare{1, ballot(1, 1), "new"});
    solo.receive(1, Accept{1, ballot(1, 1), state(kA, kValue), "new"});
    solo.receive(1, Accept{1, ballot(0, 1), state(kA, kValue), solo.name(1)});
    EXPECT_EQ(solo.unsynced(), 0u);
    EXPECT_EQ(solo.counters().names, 0u);
  }
}

// Where memory is short, a name that was promised and holds nothing is as good as new for clients.
TEST(Room, AWriteThatWouldBringTheFirstValueIsRefusedWhereMemoryIsShort) {
  for (const bool memory : {false, true}) {
    Solo solo{0, 3};
    const std::string name = solo.name(0);
    solo.receive(1, Prepare{1, ballot(1, 1), name});
    solo.sync();
    memory ? solo.set_memory(Memory::kShort) : solo.set_disk_full(true);
    const auto token = solo.write(name, kValue, kA);
    EXPECT_EQ(solo.answered(token) && solo.answer(token).status == Status::kOverloaded, memory);
  }
}

TEST(Room, WhatOthersHaveBegunIsFinishedAsLongAsThereIsAReserve) {
  for (const Memory level : {Memory::kShort, Memory::kLow}) {
    Solo solo{0, 3};
    solo.receive(1, Prepare{1, ballot(1, 1), "begun"});
    solo.receive(1, Accept{2, ballot(1, 1), state(kA, kValue), "set"});
    solo.sync();
    solo.take<Promise>();
    solo.take<Accepted>();
    solo.set_memory(level);
    solo.receive(1, Accept{3, ballot(1, 1), state(kA, kValue), "begun"});
    solo.receive(2, Prepare{4, ballot(2, 2), "set"});
    solo.receive(2, Accept{5, ballot(2, 2), state(kA, kValue), "set"});
    solo.sync();
    EXPECT_EQ(solo.take<Promise>().size(), 1u);
    EXPECT_EQ(solo.take<Accepted>().size(), level == Memory::kShort ? 2u : 1u);
    EXPECT_EQ(solo.state_of("set").accepted.value, kValue);
    EXPECT_EQ(solo.state_of("begun").accepted.version == 0, level == Memory::kLow);
  }
}

TEST(Room, ReadsGoOnUntilThereIsNoneForTheirAnswers) {
  Solo solo{0, 3};
  const std::string name = solo.name(1);
  solo.set_memory(Memory::kLow);
  solo.read(name);
  EXPECT_FALSE(solo.take<ReadState>().empty());
  solo.set_memory(Memory::kNone);
  const auto token = solo.read(name);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kOverloaded);
  solo.set_memory(Memory::kEnough);
  solo.read(name);
  EXPECT_FALSE(solo.take<ReadState>().empty());
}

// Counted is what is allocated; what is large goes back when it is not needed any more.
TEST(Room, WhatIsAllocatedIsCounted) {
  Solo solo{0, 3};
  const size_t before = solo.memory_bytes();
  for (int i = 0; i < 40; ++i) {
    solo.receive(1, Accept{1, ballot(1, 1), state(kA, std::string(50'000, 'v')),
                           "large" + std::to_string(i)});
  }
  const size_t large = solo.memory_bytes();
  EXPECT_GE(large - before, 40 * 50'000u);
  EXPECT_LE(large - before, 40 * 50'100u + (3 << 19)) << "a chunk of small ones, and of entries";
  for (int i = 0; i < 40; ++i) {
    solo.receive(2, Accept{1, ballot(2, 2), state(kB, "small"), "large" + std::to_string(i)});
  }
  solo.wait(1);
  EXPECT_LE(solo.memory_bytes() - before, size_t{3 << 19});
  for (int i = 0; i < 20'000; ++i) {
    solo.receive(1, Accept{1, ballot(1, 1), state(kA, "v"), "small" + std::to_string(i)});
  }
  EXPECT_GE(solo.memory_bytes() - before, 20'000 * (64 + 8 + 32u));
}

}  // namespace
}  // namespace once::paxos::test
