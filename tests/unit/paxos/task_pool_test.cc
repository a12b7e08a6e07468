#include "paxos/task_pool.h"

#include <gtest/gtest.h>

#include "paxos/active.h"
#include "paxos/core_state.h"

namespace once::paxos {
namespace task_pool_test {

struct Pools : ::testing::Test {
  Pools() { numbers.begin_run(Incarnation{7}); }
  TaskNumbers numbers{4};
  TaskPool<ClassicRound> rounds{numbers};
  TaskPool<QuorumRead> reads{numbers};
  TaskPool<Linger> lingers{numbers};
};

TEST_F(Pools, ShareOneBound) {
  EXPECT_TRUE(numbers.all_free());
  const RoundId round = rounds.take();
  const ReadId read = reads.take();
  EXPECT_FALSE(numbers.most_free()) << "half of them is not most of them";
  const LingerId linger = lingers.take();
  EXPECT_NE(reads.take(), kNil);
  EXPECT_TRUE(numbers.full());
  EXPECT_EQ(rounds.take(), kNil);
  EXPECT_EQ(reads.take(), kNil);
  EXPECT_EQ(lingers.take(), kNil);
  lingers.free(linger);
  EXPECT_EQ(rounds.take().value, linger.value) << "one kind takes what another gave back";
  EXPECT_NE(round.value, read.value);
}

TEST_F(Pools, AHandleFindsOneUseOfOneKind) {
  const RoundId round = rounds.take();
  const Handle handle = rounds.handle_of(round);
  EXPECT_EQ(rounds.find(handle), round);
  EXPECT_EQ(reads.find(handle), kNil) << "another kind";
  EXPECT_EQ(lingers.find(handle), kNil) << "another kind";
  EXPECT_EQ(rounds.find(Handle{handle.value + 1}), kNil) << "another place";
  EXPECT_EQ(rounds.find(Handle{handle.value + (1u << 16)}), kNil) << "another generation";
  EXPECT_EQ(rounds.find(Handle{handle.value - (uint64_t{1} << 40)}), kNil) << "another run";
  EXPECT_EQ(rounds.find(Handle{UINT64_MAX}), kNil) << "no place at all";
  rounds.free(round);
  EXPECT_EQ(rounds.find(handle), kNil) << "it has ended";
  EXPECT_EQ(rounds.take(), round);
  EXPECT_EQ(rounds.find(handle), kNil) << "its place is used anew";
}

TEST_F(Pools, WhatIsAskedAnewHasAnotherHandle) {
  const ReadId read = reads.take();
  const Handle before = reads.handle_of(read);
  reads.ask_anew(read);
  EXPECT_EQ(reads.find(before), kNil);
  EXPECT_EQ(reads.find(reads.handle_of(read)), read);
}

TEST_F(Pools, WhatIsTakenIsFresh) {
  const RoundId round = rounds.take();
  rounds[round].attempts = 9;
  rounds.free(round);
  EXPECT_EQ(rounds[rounds.take()].attempts, 0);
}

TEST_F(Pools, ANameSaysWhichKindIsActive) {
  EXPECT_TRUE(Active{}.is_nothing());
  struct Row {
    Active active;
    Active::Kind kind;
  };
  for (const Row& row : {Row{Active(RingPlace{0}), Active::Kind::kRoundZero},
                         Row{Active(RoundId{0}), Active::Kind::kRound},
                         Row{Active(LingerId{0}), Active::Kind::kLinger}}) {
    EXPECT_EQ(row.active.kind(), row.kind);
    EXPECT_FALSE(row.active.is_nothing()) << "of the first place, too";
  }
  EXPECT_EQ(Active(RoundId{8191}).round(), RoundId{8191});
  EXPECT_EQ(Active(RingPlace{16383}).round_zero(), RingPlace{16383});
}

using PoolsDeathTest = Pools;
TEST_F(PoolsDeathTest, APlaceIsUsedAsWhatItWasTakenFor) {
  const RoundId round = rounds.take();
  EXPECT_DEATH(reads[ReadId{round.value}], "holds");
  EXPECT_DEATH(reads.free(ReadId{round.value}), "holds");
  rounds.free(round);
  EXPECT_DEATH(rounds.free(round), "holds");
  EXPECT_DEATH(rounds[RoundId{}], "holds");
  EXPECT_DEATH(numbers.begin_run(Incarnation{7}), "incarnation");
  EXPECT_DEATH(Active(round).linger(), "kind");
}

}  // namespace task_pool_test
}  // namespace once::paxos
