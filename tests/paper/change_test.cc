// The table of DESIGN 2, row by row: what each operation makes of a state, or why it is refused.
#include "paxos/change.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace change_test {

constexpr RequestId kMine = request_id(1, 1);
constexpr RequestId kOther = request_id(2, 2);
constexpr Operation kAll[] = {Operation::kWrite, Operation::kRead, Operation::kSet,
                              Operation::kCas,   Operation::kSeal, Operation::kNext,
                              Operation::kCheck, Operation::kWait};

State open(uint64_t version) { return {version, false, kOther, "old"}; }
State sealed(uint64_t version) { return {version, true, kOther, "old"}; }
Change change(Operation operation, uint64_t version = 0) {
  return {operation, kMine, version, takes_value(operation) ? "new" : ""};
}
// A retry of `c` finds what it made.
std::optional<Status> again(const State& before, const Change& c) {
  return judge(apply(before, c), c);
}

TEST(Judge, AWriteHappensOnlyToAnEmptyRegister) {
  EXPECT_EQ(judge(State{}, change(Operation::kWrite)), std::nullopt);
  EXPECT_EQ(judge(open(1), change(Operation::kWrite)), Status::kAlreadySet);
  EXPECT_EQ(judge(sealed(1), change(Operation::kWrite)), Status::kAlreadySet);
}

TEST(Judge, ASetHappensUnlessTheRegisterIsSealed) {
  EXPECT_EQ(judge(State{}, change(Operation::kSet)), std::nullopt);
  EXPECT_EQ(judge(open(7), change(Operation::kSet)), std::nullopt);
  EXPECT_EQ(judge(sealed(7), change(Operation::kSet)), Status::kSealed);
}

TEST(Judge, ACasNeedsItsVersion) {
  EXPECT_EQ(judge(open(7), change(Operation::kCas, 7)), std::nullopt);
  EXPECT_EQ(judge(open(7), change(Operation::kCas, 6)), Status::kConflict);
  EXPECT_EQ(judge(open(7), change(Operation::kCas, 8)), Status::kConflict);
  EXPECT_EQ(judge(sealed(7), change(Operation::kCas, 7)), Status::kSealed);
  EXPECT_EQ(judge(State{}, change(Operation::kCas, 1)), Status::kConflict);
}

TEST(Judge, ASealNeedsItsVersion) {
  EXPECT_EQ(judge(open(7), change(Operation::kSeal, 7)), std::nullopt);
  EXPECT_EQ(judge(open(7), change(Operation::kSeal, 6)), Status::kConflict);
  EXPECT_EQ(judge(sealed(7), change(Operation::kSeal, 7)), Status::kSealed);
}

TEST(Judge, ATokenIsDrawnUnlessTheRegisterIsSealed) {
  EXPECT_EQ(judge(State{}, change(Operation::kNext)), std::nullopt);
  EXPECT_EQ(judge(open(7), change(Operation::kNext)), std::nullopt);
  EXPECT_EQ(judge(sealed(7), change(Operation::kNext)), Status::kSealed);
}

TEST(Judge, ACheckIsOfTheNewestTokenAlone) {
  EXPECT_EQ(judge(open(7), change(Operation::kCheck, 7)), Status::kDone);
  EXPECT_EQ(judge(open(7), change(Operation::kCheck, 6)), Status::kConflict);
  EXPECT_EQ(judge(open(7), change(Operation::kCheck, 8)), Status::kConflict);
}

TEST(Judge, AWaitEndsWithANewerVersionOrNone) {
  EXPECT_EQ(judge(open(7), change(Operation::kWait, 6)), Status::kDone);
  EXPECT_EQ(judge(open(7), change(Operation::kWait, 7)), Status::kNotYet);
  EXPECT_EQ(judge(State{}, change(Operation::kWait, 0)), Status::kNotYet);
  EXPECT_EQ(judge(sealed(7), change(Operation::kWait, 6)), Status::kDone);
  EXPECT_EQ(judge(sealed(7), change(Operation::kWait, 7)), Status::kSealed);
}

TEST(Judge, AReadTellsWhetherThereIsAnything) {
  EXPECT_EQ(judge(State{}, change(Operation::kRead)), Status::kEmpty);
  EXPECT_EQ(judge(open(1), change(Operation::kRead)), Status::kDone);
}

TEST(Judge, ARetryOfWhatMadeTheStateIsDone) {
  EXPECT_EQ(again(State{}, change(Operation::kWrite)), Status::kDone);
  EXPECT_EQ(again(open(7), change(Operation::kSet)), Status::kDone);
  EXPECT_EQ(again(open(7), change(Operation::kCas, 7)), Status::kDone);
  EXPECT_EQ(again(open(7), change(Operation::kSeal, 7)), Status::kDone);
  EXPECT_EQ(again(open(7), change(Operation::kNext)), Status::kDone);
}

TEST(Judge, AnIdThatMadeAnotherChangeIsReused) {
  const State set = apply(open(7), change(Operation::kSet));
  for (Operation operation : {Operation::kWrite, Operation::kCas, Operation::kSeal}) {
    EXPECT_EQ(judge(set, change(operation, 8)), Status::kIdReused);
  }
  Change other_value = change(Operation::kSet);
  other_value.value = "newer";
  EXPECT_EQ(judge(set, other_value), Status::kIdReused);
  const State seal = apply(open(7), change(Operation::kSeal, 7));
  EXPECT_EQ(judge(seal, change(Operation::kSet)), Status::kIdReused);
  EXPECT_EQ(judge(seal, change(Operation::kSeal, 6)), Status::kIdReused);
}

TEST(Judge, NoVersionFollowsTheHighest) {
  for (Operation operation : {Operation::kSet, Operation::kNext}) {
    EXPECT_EQ(judge(open(kMaxVersion), change(operation)), Status::kSealed);
    EXPECT_EQ(judge(open(kMaxVersion - 1), change(operation)), std::nullopt);
  }
}

TEST(Apply, EachChangeMakesTheNextVersionUnderItsOwnId) {
  for (Operation operation : kAll) {
    if (!changes(operation)) continue;
    const State before = operation == Operation::kWrite ? State{} : open(7);
    const State after = apply(before, change(operation, 7));
    EXPECT_EQ(after.version, before.version + 1);
    EXPECT_EQ(after.writer, kMine);
    EXPECT_EQ(after.value, takes_value(operation) ? "new" : "old");
    EXPECT_EQ(after.sealed, operation == Operation::kWrite || operation == Operation::kSeal);
    EXPECT_EQ(after.made_by, operation);
  }
}

TEST(Certainty, ASetOrATokenMustNotBeMadeTwice) {
  for (Operation operation : kAll) {
    const bool once = operation == Operation::kSet || operation == Operation::kNext;
    EXPECT_EQ(may_repeat(operation), !once);
  }
}

TEST(Certainty, OfARefusalThatAnotherNodeMayMakeUntrue) {
  EXPECT_TRUE(is_certain(Status::kAlreadySet, open(7), change(Operation::kWrite)));
  EXPECT_TRUE(is_certain(Status::kSealed, sealed(7), change(Operation::kSeal, 7)));
  EXPECT_TRUE(is_certain(Status::kConflict, open(8), change(Operation::kSeal, 7)));
  EXPECT_FALSE(is_certain(Status::kConflict, open(6), change(Operation::kSeal, 7)));
  EXPECT_FALSE(is_certain(Status::kConflict, open(8), change(Operation::kCas, 7)));
  EXPECT_FALSE(is_certain(Status::kSealed, sealed(8), change(Operation::kCas, 7)));
  EXPECT_FALSE(is_certain(Status::kSealed, sealed(8), change(Operation::kNext)));
  for (const Status of_no_register : {Status::kRetired, Status::kDenied, Status::kInvalid}) {
    EXPECT_FALSE(is_certain(of_no_register, open(7), change(Operation::kWrite)));
  }
}

}  // namespace change_test
}  // namespace once::paxos
