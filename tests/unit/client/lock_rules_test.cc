// Rules of a lock that one wrong line would break unseen, each by itself.
#include <gtest/gtest.h>

#include "tests/unit/client/lock_fixture.h"

namespace once::client {
namespace lock_rules_test {

class LockRulesTest : public LockMachineTest {};

// A contender's own TTL, longer or shorter, says nothing about the holder.
TEST_F(LockRulesTest, AContenderWaitsForTheTtlOfTheHolderNotForItsOwn) {
  for (const int64_t own : {kTtl / 10, kTtl * 10}) {
    register_ = {};
    LockMachine a = machine("a"), b = machine("b", own);
    acquire(a, 0);
    b.begin(3600 * kSecond, 0);
    turn(b, Kind::kRead, 0);
    const LockStep watch = b.next(0);
    EXPECT_EQ(watch.kind, Kind::kWait);
    EXPECT_EQ(watch.until_ns, kWatch);
    b.on_answer(failure(Outcome::kNotYet), kWatch - 1);
    EXPECT_EQ(b.next(kWatch - 1).kind, Kind::kWait);
    b.on_answer(failure(Outcome::kNotYet), kWatch);
    turn(b, Kind::kCas, kWatch);
    EXPECT_TRUE(b.holds(kWatch));
    EXPECT_EQ(b.leased_until_ns(), kWatch + own) << "from now on its own counts";
  }
}

// The next holder may have another TTL than the one before.
TEST_F(LockRulesTest, AContenderWaitsForTheTtlOfTheHolderThatItSees) {
  LockMachine a = machine("a", kTtl), b = machine("b");
  acquire(a, 0);
  b.begin(3600 * kSecond, 0);
  turn(b, Kind::kRead, 0);
  EXPECT_EQ(b.next(0).until_ns, kWatch);
  set("once-lock 1 held ttl_ms=60000 token=2 owner=c\n");
  b.on_answer(register_.ask(Op::kWait, 1, "", {}), kSecond);
  const int64_t over = kSecond + 60 * kSecond + 60 * kSecond / 100;
  EXPECT_EQ(b.next(kSecond).until_ns, over);
  b.on_answer(failure(Outcome::kNotYet), over - 1);
  EXPECT_EQ(b.next(over - 1).kind, Kind::kWait);
  b.on_answer(failure(Outcome::kNotYet), over);
  EXPECT_EQ(b.next(over).kind, Kind::kCas);
}

TEST_F(LockRulesTest, ARenewalChangesNothingThatPeopleSee) {
  LockMachine a = machine("a");
  acquire(a, 0);
  const std::string text(register_.state().value);
  turn(a, Kind::kCas, kTtl / 3);
  EXPECT_EQ(register_.state().version, 2u);
  EXPECT_EQ(register_.state().value, text) << "the token of the acquisition among it";
  EXPECT_EQ(a.token(), 1u);
}

TEST_F(LockRulesTest, ARenewalIsAskedForWhileTheLeaseLasts) {
  LockMachine a({kTtl / kMs, 60 * kSecond, "a"}, [this] { return request_id(7, ++drawn_ids_); });
  acquire(a, 0);
  EXPECT_EQ(a.next(kTtl / 3).until_ns, kTtl);
}

TEST_F(LockRulesTest, AContenderWaitsForWhatFollowsTheVersionThatItSaw) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  turn(a, Kind::kCas, kTtl / 3);
  b.begin(60 * kSecond, kTtl / 3);
  turn(b, Kind::kRead, kTtl / 3);
  EXPECT_EQ(b.next(kTtl / 3).version, 2u);
}

// Asking again would change nothing: it ends at once, however long it may wait.
TEST_F(LockRulesTest, ANameThatIsRetiredOrDeniedIsNoLock) {
  for (const auto& [told, end] : {std::pair{Outcome::kRetired, LockOutcome::kRetired},
                                  std::pair{Outcome::kDenied, LockOutcome::kDenied}}) {
    LockMachine looking = machine("a"), taking = machine("b");
    looking.begin(60 * kSecond, 0);
    looking.next(0);
    looking.on_answer(failure(told), 0);
    EXPECT_EQ(looking.next(0).kind, Kind::kEnd);
    EXPECT_EQ(looking.result().outcome, end);
    taking.begin(60 * kSecond, 0);
    turn(taking, Kind::kRead, 0);
    EXPECT_EQ(taking.next(0).kind, Kind::kCas);
    taking.on_answer(failure(told), 0);
    EXPECT_EQ(taking.next(0).kind, Kind::kEnd);
    EXPECT_EQ(taking.result().outcome, end);
  }
}

TEST_F(LockRulesTest, AWatchThatAskingAgainWouldNotChangeEnds) {
  for (const auto& [told, end] : {std::pair{Outcome::kRetired, LockOutcome::kRetired},
                                  std::pair{Outcome::kDenied, LockOutcome::kDenied},
                                  std::pair{Outcome::kInvalid, LockOutcome::kInvalid},
                                  std::pair{Outcome::kError, LockOutcome::kError}}) {
    register_ = {};
    LockMachine a = machine("a"), b = machine("b");
    acquire(a, 0);
    b.begin(60 * kSecond, 0);
    turn(b, Kind::kRead, 0);
    ASSERT_EQ(b.next(0).kind, Kind::kWait);
    b.on_answer(failure(told), kMs);
    EXPECT_EQ(b.next(kMs).kind, Kind::kEnd);
    EXPECT_EQ(b.result().outcome, end);
  }
}

// Nobody answers, or refuses at once.
TEST_F(LockRulesTest, AWatchIsNotAskedForInALoop) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(60 * kSecond, 0);
  turn(b, Kind::kRead, 0);
  ASSERT_EQ(b.next(0).kind, Kind::kWait);
  b.on_answer(failure(Outcome::kUnavailable), kMs);
  const LockStep pause = b.next(kMs);
  ASSERT_EQ(pause.kind, Kind::kPause);
  EXPECT_GE(pause.until_ns, 20 * kMs);
  EXPECT_EQ(b.next(pause.until_ns).kind, Kind::kWait);
  b.on_answer(failure(Outcome::kNotYet), pause.until_ns);
  EXPECT_EQ(b.next(pause.until_ns).kind, Kind::kWait) << "its node has waited already";
}

TEST_F(LockRulesTest, ALockWhoseNameIsRetiredIsLost) {
  LockMachine a = machine("a");
  acquire(a, 0);
  EXPECT_EQ(a.next(kTtl / 3).kind, Kind::kCas);
  a.on_answer(failure(Outcome::kRetired), kTtl / 3);
  EXPECT_EQ(a.next(kTtl / 3).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
}

TEST_F(LockRulesTest, AnIdThatMadeAnotherChangeIsAMistakeOfTheProgram) {
  LockMachine a = machine("a");
  a.begin(60 * kSecond, 0);
  turn(a, Kind::kRead, 0);
  a.next(0);
  Result reused = failure(Outcome::kRefused);
  reused.refusal = Refusal::kIdReused;
  reused.version = 1;
  reused.value = "once-lock 1 free\n";
  a.on_answer(reused, 0);
  EXPECT_EQ(a.next(0).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kError);
}

TEST_F(LockRulesTest, AWaitThatIsToldOfASealEnds) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(60 * kSecond, 0);
  turn(b, Kind::kRead, 0);
  b.next(0);
  Result sealed = failure(Outcome::kRefused);
  sealed.refusal = Refusal::kSealed;
  sealed.version = 1;
  sealed.sealed = true;
  sealed.value = std::string(register_.state().value);
  b.on_answer(sealed, kMs);
  EXPECT_EQ(b.next(kMs).kind, Kind::kEnd);
  EXPECT_EQ(b.result().outcome, LockOutcome::kSealed);
}

TEST_F(LockRulesTest, AReleaseThatIsRefusedSaysThatItWasLost) {
  LockMachine a = machine("a");
  acquire(a, 0);
  set("once-lock 1 held ttl_ms=3000 token=2 owner=thief\n");
  a.stop(kMs);
  turn(a, Kind::kCas, kMs);
  EXPECT_EQ(a.next(kMs).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
  EXPECT_EQ(a.result().owner, "thief");
  EXPECT_EQ(a.result().token, 1u);
}

TEST_F(LockRulesTest, ASealIsNoTakeover) {
  LockMachine a = machine("a");
  acquire(a, 0);
  register_.ask(Op::kSeal, 1, "", request_id(1, 1));
  turn(a, Kind::kCas, kTtl / 3);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
  EXPECT_EQ(a.result().message, "the name was sealed");
}

TEST_F(LockRulesTest, AnEarlierContestSaysNothingAboutTheNext) {
  LockMachine a = machine("a"), b = machine("b");
  b.begin(0, 0);
  turn(b, Kind::kRead, 0);
  acquire(a, 0);
  turn(b, Kind::kCas, 0);
  EXPECT_EQ(b.next(0).kind, Kind::kEnd);
  EXPECT_EQ(b.result().outcome, LockOutcome::kBusy);
  a.stop(0);
  turn(a, Kind::kCas, 0);
  acquire(b, kSecond);
}

// The time for looking was over long ago; a takeover has its own.
TEST_F(LockRulesTest, ATakeoverIsAskedForAgainHoweverLongTheWatchWas) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(kWatch, 0);
  turn(b, Kind::kRead, 0);
  b.next(0);
  b.on_answer(failure(Outcome::kNotYet), kWatch);
  fail(b, Outcome::kUnavailable, false, kWatch);
  const LockStep pause = b.next(kWatch);
  ASSERT_EQ(pause.kind, Kind::kPause);
  turn(b, Kind::kCas, pause.until_ns);
  EXPECT_TRUE(b.holds(pause.until_ns));
}

TEST_F(LockRulesTest, ACancelledAcquisitionThatMayHaveHappenedSaysSo) {
  LockMachine a = machine("a");
  a.begin(60 * kSecond, 0);
  turn(a, Kind::kRead, 0);
  a.next(0);
  a.stop(0);
  a.on_answer(failure(Outcome::kUnknown), 0);
  fail(a, Outcome::kUnknown, false, kTimeout);
  EXPECT_EQ(a.next(kTimeout).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
}

TEST_F(LockRulesTest, AReleaseThatNeverHappenedLeavesItHeld) {
  LockMachine a = machine("a");
  acquire(a, 0);
  a.stop(0);
  fail(a, Outcome::kUnavailable, false, kTimeout);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
}

TEST_F(LockRulesTest, AReleaseTakesNoLongerThanItsTimeout) {
  LockMachine a = machine("a");
  acquire(a, 0);
  fail(a, Outcome::kUnknown, false, kTtl / 3);
  a.stop(kTtl / 3);
  EXPECT_NE(a.next(kTtl / 3 + kTimeout - 1).kind, Kind::kEnd);
  EXPECT_EQ(a.next(kTtl / 3 + kTimeout).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
}

// Somebody has lost patience: what is not known by then is unknown.
TEST_F(LockRulesTest, WhoHurriesWaitsNoLonger) {
  LockMachine a = machine("a");
  acquire(a, 0);
  EXPECT_GT(a.break_off_ns(), 1000 * kSecond) << "a lock that is held has time";
  a.hurry(kTimeout / 2);
  EXPECT_GT(a.break_off_ns(), 1000 * kSecond);
  a.stop(0);
  EXPECT_EQ(a.break_off_ns(), kTimeout / 2);
  a.hurry(kTimeout);
  EXPECT_EQ(a.break_off_ns(), kTimeout / 2) << "and never longer than it was told first";
  const LockStep step = a.next(0);
  ASSERT_EQ(step.kind, Kind::kCas);
  EXPECT_EQ(step.until_ns, kTimeout / 2);
  a.on_answer(failure(Outcome::kUnknown), kTimeout / 2);
  EXPECT_EQ(a.next(kTimeout / 2).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
  a.begin(0, kSecond);
  a.stop(kSecond);
  EXPECT_GT(a.break_off_ns(), 1000 * kSecond) << "the next one has its own time";
}

TEST_F(LockRulesTest, ALeaseIsOverInTheMomentWhenItsTtlIs) {
  LockMachine a = machine("a");
  acquire(a, kSecond);
  EXPECT_TRUE(a.holds(kSecond + kTtl - 1));
  EXPECT_FALSE(a.holds(kSecond + kTtl));
  a.expire(kSecond + kTtl);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
}

TEST_F(LockRulesTest, WhatLooksLikeALockIsNone) {
  const std::string name_of_256(kMaxLockOwnerBytes, 'o');
  const std::string start = "once-lock 1 held ttl_ms=3000 token=7 owner=";
  EXPECT_TRUE(parse_lock_value(start + name_of_256 + "\n"));
  EXPECT_TRUE(parse_lock_value("once-lock 1 held ttl_ms=100 token=1 owner=a\n"));
  EXPECT_TRUE(parse_lock_value("once-lock 1 held ttl_ms=3600000 token=1 owner=a\n"));
  for (const std::string& text :
       {start + name_of_256 + "o\n", start + "a\x7f\n", start + "a", start + "a\tb\n",
        std::string("once-lock 1 freedom\n"), std::string("once-lock 1 free \n"),
        std::string("once-lock 1 free\n\n"), std::string("once-lock 2 free\n"),
        std::string("once-lock 10 free\n"), std::string("once-lock 1  free\n"),
        std::string("once-lock 1 held ttl_ms=-3000 token=7 owner=a\n"),
        std::string("once-lock 1 held ttl_ms=3000 token=-7 owner=a\n")}) {
    EXPECT_FALSE(parse_lock_value(text)) << text;
  }
}

}  // namespace lock_rules_test
}  // namespace once::client
