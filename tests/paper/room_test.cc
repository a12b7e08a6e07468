// No room on the disk, or in memory: what is new is refused at once or passed over in silence, what
// was begun is finished, and reads go on.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace room_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);
const std::string kValue(5'000, 'v');

// Ways to have none for what is new.
const std::function<void(Solo&)> kFull[] = {[](Solo& solo) { solo.set_disk_full(true); },
                                            [](Solo& solo) { solo.set_memory(Memory::kShort); },
                                            [](Solo& solo) { solo.set_memory(Memory::kLow); },
                                            [](Solo& solo) { solo.set_memory(Memory::kNone); }};

// Of a node that has room for what it keeps meanwhile.
const std::function<void(Solo&)> kFullForNames[] = {kFull[0], kFull[1]};

constexpr Operation kChanges[] = {Operation::kWrite, Operation::kSet, Operation::kNext,
                                  Operation::kCas, Operation::kSeal};

struct AFullNode : ::testing::Test {
  Solo solo{0, 3};
  uint64_t token = 0;

  void SetUp() override { solo.set_disk_full(true); }
  // Of a client, for a name of that home; to whom it went, as the member's index, or kNobody.
  size_t ask(size_t home, Operation operation = Operation::kWrite, uint32_t timeout_ms = 1000) {
    token = solo.ask({0, operation, kA, timeout_ms, solo.name(home), {}});
    return next();
  }
  size_t next() {
    const auto forwards = solo.take<Forward>();
    EXPECT_LE(forwards.size(), 1u);
    if (forwards.empty()) return kNobody;
    op = forwards[0].op;
    return solo.last_to<Forward>();
  }
  // What that member says of it; to whom it goes next.
  size_t say(size_t member, Status status, const State& state = {}) {
    solo.receive(member, ForwardReply{op, status, state});
    return next();
  }
  bool is_told(Status status) {
    return solo.answered(token) && solo.answer(token).status == status;
  }

  static constexpr size_t kNobody = 99;
  uint64_t op = 0;
};

TEST(Room, ChangesGoToThoseWhoMayHaveSomeAndLeaveNothingHere) {
  for (const auto& full : kFullForNames) {
    for (const size_t home : {0, 1, 2}) {
      for (const auto operation : kChanges) {
        Solo solo{0, 3};
        full(solo);
        const auto token = solo.ask({0, operation, kA, 1000, solo.name(home), {}, 1});
        EXPECT_FALSE(solo.answered(token));
        const auto forwards = solo.take<Forward>();
        ASSERT_EQ(forwards.size(), 1u);
        EXPECT_EQ(solo.last_to<Forward>(), home == 0 ? 1u : home) << "from the home on";
        EXPECT_TRUE(solo.take<Accept>().empty() && solo.take<Prepare>().empty());
        const State made{1, true, kA, "v"};
        solo.receive(solo.last_to<Forward>(), ForwardReply{forwards[0].op, Status::kDone, made});
        EXPECT_EQ(solo.answer(token).status, Status::kDone);
        EXPECT_EQ(solo.counters().forwarded_full, 1u);
        EXPECT_EQ(solo.counters().names, 0u);
        EXPECT_EQ(solo.unsynced(), 0u);
      }
    }
  }
}

// What is kept while others work on it must not use up what is left.
TEST(Room, WhereMemoryIsNearlyUsedUpChangesAreRefusedAtOnce) {
  for (const Memory level : {Memory::kLow, Memory::kNone}) {
    Solo solo{0, 3};
    solo.set_memory(level);
    const auto token = solo.write(solo.name(1), kValue, kA);
    ASSERT_TRUE(solo.answered(token));
    EXPECT_EQ(solo.answer(token).status, Status::kOverloaded);
    EXPECT_TRUE(solo.take<Forward>().empty());
  }
}

TEST(Room, WhatWasForwardedGoesNoFurther) {
  for (const auto& full : kFull) {
    Solo solo{0, 3};
    full(solo);
    solo.receive(
        1, Forward{7, Incarnation{1}, 1, Operation::kWrite, kA, 1000, solo.name(0), kValue, 0});
    EXPECT_TRUE(solo.take<Forward>().empty());
    const auto replies = solo.take<ForwardReply>();
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(replies[0].status, Status::kOverloaded);
    EXPECT_EQ(solo.counters().names, 0u);
  }
}

TEST_F(AFullNode, AsksEachOnceAndTheLastMakesIt) {
  EXPECT_EQ(ask(1), 1u);
  EXPECT_EQ(say(1, Status::kUnavailable), 2u);
  EXPECT_EQ(say(2, Status::kUnavailable), kNobody);
  EXPECT_TRUE(is_told(Status::kOverloaded)) << "nothing happened anywhere";
  EXPECT_EQ(solo.counters().forwarded_full, 2u);
}

// Of three, one with room is no majority.
TEST_F(AFullNode, RemembersForAMomentWhoIsFullToo) {
  EXPECT_EQ(ask(1), 1u);
  EXPECT_EQ(say(1, Status::kOverloaded), kNobody);
  EXPECT_TRUE(is_told(Status::kOverloaded));
  EXPECT_EQ(ask(2), kNobody);
  EXPECT_TRUE(is_told(Status::kOverloaded));
  solo.wait(100);
  EXPECT_EQ(ask(2), 2u);
  EXPECT_EQ(say(2, Status::kDone, state(kA, {})), kNobody);
  EXPECT_TRUE(is_told(Status::kDone));
}

TEST_F(AFullNode, OfFivePassesByWhoIsFull) {
  solo = Solo{0, 5};
  solo.set_disk_full(true);
  EXPECT_EQ(ask(3), 3u);
  EXPECT_EQ(say(3, Status::kOverloaded), 4u);
  EXPECT_EQ(say(4, Status::kDone, state(kA, {})), kNobody);
  EXPECT_EQ(ask(3), 4u);
  EXPECT_EQ(say(4, Status::kUnavailable), 1u);
  EXPECT_EQ(say(1, Status::kDone, state(kA, {})), kNobody);
}

TEST_F(AFullNode, WithoutAMajorityBesideItNobodyIsAsked) {
  solo.link_down(2);
  EXPECT_EQ(ask(1), kNobody);
  EXPECT_TRUE(is_told(Status::kOverloaded));
}

// F1
TEST_F(AFullNode, DoesNotDenyWhatASilentOneMayHaveMade) {
  EXPECT_EQ(ask(1), 1u);
  solo.wait(400);  // it is asked in vain
  EXPECT_EQ(next(), 2u);
  EXPECT_EQ(say(2, Status::kOverloaded), kNobody);
  EXPECT_FALSE(solo.answered(token));
  solo.wait(700);
  EXPECT_TRUE(is_told(Status::kUnknown));
}

// F1: what a link repeats is an answer to the question before.
TEST_F(AFullNode, ARepeatedAnswerIsNoneToTheNextQuestion) {
  solo.set_disk_full(false);
  EXPECT_EQ(ask(1), 1u);
  const uint64_t first = op;
  solo.set_disk_full(true);
  EXPECT_EQ(say(1, Status::kUnavailable), 1u) << "it may have room by now";
  solo.receive(1, ForwardReply{first, Status::kUnavailable, State{}});
  EXPECT_EQ(next(), kNobody);
  EXPECT_EQ(say(1, Status::kDone, state(kA, {})), kNobody);
  EXPECT_TRUE(is_told(Status::kDone));
}

TEST_F(AFullNode, LooksForRoomHereWhileTheLastIsSilent) {
  EXPECT_EQ(ask(1, Operation::kWrite, 20'000), 1u);
  solo.wait(5'000);
  EXPECT_EQ(next(), 2u);
  solo.wait(5'000);
  EXPECT_EQ(next(), kNobody);
  solo.set_disk_full(false);
  solo.wait(200);
  EXPECT_TRUE(next() != kNobody || !solo.take<Prepare>().empty());
}

TEST_F(AFullNode, ALinkThatBreaksIsNoAnswer) {
  EXPECT_EQ(ask(1), 1u);
  solo.link_down(1);
  EXPECT_EQ(next(), kNobody) << "of three, one with room is no majority";
  EXPECT_FALSE(solo.answered(token));
  solo.wait(1000);
  EXPECT_TRUE(is_told(Status::kUnknown));
}

TEST_F(AFullNode, WhoWasAskedLastMayAnswerLate) {
  EXPECT_EQ(ask(1), 1u);
  solo.wait(400);
  EXPECT_EQ(next(), 2u);
  solo.wait(400);
  EXPECT_EQ(next(), kNobody);
  EXPECT_EQ(say(2, Status::kDone, state(kA, {})), kNobody);
  EXPECT_TRUE(is_told(Status::kDone));
}

TEST_F(AFullNode, WhatMustNotHappenTwiceGoesToOneWhoIsSilentAndToNobodyElse) {
  EXPECT_EQ(ask(1, Operation::kNext), 1u);
  solo.wait(600);
  EXPECT_EQ(next(), kNobody);
  solo.wait(500);
  EXPECT_TRUE(is_told(Status::kUnknown));
}

TEST_F(AFullNode, MakesItItselfWhenThereIsRoomAgain) {
  EXPECT_EQ(ask(1), 1u);
  solo.wait(400);
  EXPECT_EQ(next(), 2u);
  solo.set_disk_full(false);
  EXPECT_EQ(say(2, Status::kOverloaded), kNobody);
  EXPECT_EQ(solo.take<Prepare>().size(), 2u);
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
TEST(Room, AWriteThatWouldBringTheFirstValueIsLeftToOthersWhereMemoryIsShort) {
  for (const bool memory : {false, true}) {
    Solo solo{0, 3};
    const std::string name = solo.name(0);
    solo.receive(1, Prepare{1, ballot(1, 1), name});
    solo.sync();
    memory ? solo.set_memory(Memory::kShort) : solo.set_disk_full(true);
    solo.write(name, kValue, kA);
    EXPECT_EQ(solo.take<Forward>().size(), memory ? 1u : 0u);
    EXPECT_EQ(solo.take<Prepare>().size(), memory ? 0u : 2u);
  }
}

// In a steady load each batch of them would take a block, and the room that starts need.
TEST(Room, NewsAreNotWrittenOnAFullDisk) {
  Solo solo{0, 3};
  const std::string names[] = {solo.name(1, 0), solo.name(1, 1)};
  const auto accept = [&](uint64_t number) {
    solo.receive(1, Accept{number, ballot(0, 1), state(kA, kValue), names[number - 1]});
  };
  accept(1), accept(2);
  solo.sync();
  solo.set_disk_full(true);
  solo.receive(1, HomeProgress{Incarnation{1}, Sequence{1}});
  solo.receive(1, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_EQ(solo.unsynced(), 0u);
  EXPECT_TRUE(solo.state_of(names[0]).decided) << "it is known all the same";
  solo.set_disk_full(false);
  solo.receive(1, HomeProgress{Incarnation{1}, Sequence{2}});
  solo.receive(1, ChosenRange{Incarnation{1}, Sequence{2}, Sequence{2}});
  EXPECT_EQ(solo.unsynced(), 2u);
}

TEST(Room, AStartIsWrittenDownOnAFullDisk) {
  Solo solo{0, 3};
  solo.set_disk_full(true);
  solo.receive(1, ClaimHome{Incarnation{2}, 1});
  EXPECT_EQ(solo.unsynced(), 1u);
}

// A write that was begun goes on while there is a reserve, and is left to others where there is
// none; nor is anything asked of others that might end in a round here.
TEST(Room, NothingIsBegunOnASpentDisk) {
  for (const bool spent : {false, true}) {
    Solo solo{0, 3};
    const std::string name = solo.name(0);
    solo.receive(1, Prepare{1, ballot(1, 1), name});
    solo.sync();
    solo.set_disk(spent ? Disk::kSpent : Disk::kFull);
    solo.write(name, kValue, kA);
    EXPECT_EQ(solo.take<Forward>().size(), spent ? 1u : 0u);
    EXPECT_EQ(solo.take<Prepare>().size(), spent ? 0u : 2u);
    const uint64_t read = solo.read(solo.name(1));
    EXPECT_EQ(solo.answered(read), spent);
    EXPECT_EQ(solo.take<ReadState>().empty(), spent);
    if (!spent) continue;
    EXPECT_EQ(solo.answer(read).status, Status::kOverloaded);
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
  EXPECT_LE(solo.memory_bytes() - before, size_t{3 << 19} + 4096) << "lists count, too";
  for (int i = 0; i < 20'000; ++i) {
    solo.receive(1, Accept{1, ballot(1, 1), state(kA, "v"), "small" + std::to_string(i)});
    if (i % 64 == 0) solo.sync();
  }
  EXPECT_GE(solo.memory_bytes() - before, 20'000 * (64 + 8 + 32u));
}

}  // namespace room_test
}  // namespace once::paxos::test
