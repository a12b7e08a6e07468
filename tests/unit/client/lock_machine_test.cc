// What a lock decides, in hand-written scenes over a register in memory.
#include "client/lock_machine.h"

#include <gtest/gtest.h>

#include "tests/unit/client/lock_fixture.h"

namespace once::client {
namespace lock_machine_test {

TEST_F(LockMachineTest, TakesAnEmptyNameAndFreesIt) {
  LockMachine a = machine("a");
  acquire(a, 0);
  EXPECT_EQ(a.token(), 1u);
  EXPECT_EQ(register_.state().value, "once-lock 1 held ttl_ms=3000 token=1 owner=a\n");
  a.stop(kSecond / 2);
  EXPECT_FALSE(a.holds(kSecond / 2)) << "not ours from the call on";
  turn(a, Kind::kCas, kSecond / 2);
  EXPECT_EQ(a.next(kSecond / 2).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kReleased);
  EXPECT_EQ(register_.state().value, "once-lock 1 free\n");
  acquire(a, kSecond);
  EXPECT_EQ(a.token(), 3u);
}

TEST_F(LockMachineTest, OfTwoWhoReadAnEmptyNameOneWins) {
  LockMachine a = machine("a"), b = machine("b");
  a.begin(0, 0);
  b.begin(0, 0);
  turn(a, Kind::kRead, 0);
  turn(b, Kind::kRead, 0);
  turn(a, Kind::kCas, 0);
  turn(b, Kind::kCas, 0);
  EXPECT_TRUE(a.holds(0));
  EXPECT_EQ(b.next(0).kind, Kind::kEnd);
  EXPECT_EQ(b.result().outcome, LockOutcome::kBusy);
  EXPECT_EQ(b.result().owner, "a");
}

TEST_F(LockMachineTest, OvertakesAHolderThatStandsStillForItsTtl) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(60 * kSecond, 2 * kSecond);
  turn(b, Kind::kRead, 2 * kSecond);
  const int64_t over = 2 * kSecond + kWatch;
  const LockStep watch = b.next(2 * kSecond);
  EXPECT_EQ(watch.kind, Kind::kWait);
  EXPECT_EQ(watch.until_ns, over) << "from when it was seen, not from when it was made";
  b.on_answer(failure(Outcome::kNotYet), over - 1);
  EXPECT_EQ(b.next(over - 1).kind, Kind::kWait);
  b.on_answer(failure(Outcome::kNotYet), over);
  turn(b, Kind::kCas, over);
  EXPECT_TRUE(b.holds(over));
  EXPECT_GT(b.token(), a.token());
  b.expire(over + kTtl);
  EXPECT_EQ(b.result().outcome, LockOutcome::kLost);
  EXPECT_EQ(b.result().owner, "") << "nobody is known to have it";
  // The old holder wakes up: it knows by its clock, and for good.
  EXPECT_FALSE(a.holds(over));
  EXPECT_EQ(a.next(over).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
  EXPECT_EQ(a.result().token, 1u);
}

TEST_F(LockMachineTest, ARenewalKeepsItAndStartsTheWatchAnew) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(60 * kSecond, 0);
  turn(b, Kind::kRead, 0);
  EXPECT_EQ(b.next(0).kind, Kind::kWait);
  const LockStep until_renewal = a.next(0);
  EXPECT_EQ(until_renewal.kind, Kind::kPause);
  EXPECT_EQ(until_renewal.until_ns, kTtl / 3);
  turn(a, Kind::kCas, kTtl / 3);
  EXPECT_EQ(a.token(), 1u) << "the token is that of the acquisition";
  EXPECT_EQ(register_.state().version, 2u);
  EXPECT_EQ(a.leased_until_ns(), kTtl / 3 + kTtl);
  b.on_answer(register_.ask(Op::kWait, 1, "", {}), kTtl / 3 + kMs);
  EXPECT_EQ(b.next(kTtl / 3 + kMs).until_ns, kTtl / 3 + kMs + kWatch);
  EXPECT_TRUE(a.holds(kTtl));
}

TEST_F(LockMachineTest, AContenderWhoseTimeIsUpSaysWhoHoldsIt) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(kSecond, 0);
  turn(b, Kind::kRead, 0);
  EXPECT_EQ(b.next(0).until_ns, kSecond);
  b.on_answer(failure(Outcome::kNotYet), kSecond);
  EXPECT_EQ(b.next(kSecond).kind, Kind::kEnd);
  EXPECT_EQ(b.result().outcome, LockOutcome::kBusy);
  EXPECT_EQ(b.result().owner, "a");
}

TEST_F(LockMachineTest, ShortWaitsAddUp) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  for (const int64_t now : {int64_t{0}, kTtl / 2, kWatch - 1}) {
    b.begin(0, now);
    turn(b, Kind::kRead, now);
    EXPECT_EQ(b.next(now).kind, Kind::kEnd);
    EXPECT_EQ(b.result().outcome, LockOutcome::kBusy);
  }
  b.begin(0, kWatch);
  turn(b, Kind::kRead, kWatch);
  turn(b, Kind::kCas, kWatch);
  EXPECT_TRUE(b.holds(kWatch));
}

TEST_F(LockMachineTest, AReleaseIsTakenAtOnce) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(60 * kSecond, 0);
  turn(b, Kind::kRead, 0);
  a.stop(kMs);
  turn(a, Kind::kCas, kMs);
  turn(b, Kind::kWait, 2 * kMs);
  turn(b, Kind::kCas, 2 * kMs);
  EXPECT_TRUE(b.holds(2 * kMs));
}

TEST_F(LockMachineTest, AnUnknownRenewalIsAskedForAgainByItsOwnId) {
  for (const bool happened : {true, false}) {
    LockMachine a = machine("a");
    acquire(a, 0);
    const int64_t at = kTtl / 3;
    const LockStep lost = a.next(at);
    if (happened) ask(register_, lost);
    a.on_answer(failure(Outcome::kUnknown), at + kSecond);
    const LockStep pause = a.next(at + kSecond);
    EXPECT_EQ(pause.kind, Kind::kPause);
    const LockStep again = a.next(pause.until_ns);
    EXPECT_EQ(again.id, lost.id);
    EXPECT_EQ(again.version, lost.version);
    EXPECT_EQ(again.value, lost.value);
    a.on_answer(ask(register_, again), pause.until_ns);
    EXPECT_EQ(a.leased_until_ns(), at + kTtl) << "from the first sending: it may have been that";
    a.stop(pause.until_ns);
    turn(a, Kind::kCas, pause.until_ns);
    EXPECT_EQ(a.result().outcome, LockOutcome::kReleased);
  }
}

TEST_F(LockMachineTest, ARenewalThatIsNeverAnsweredLosesItInTime) {
  LockMachine a = machine("a");
  acquire(a, 0);
  int64_t now = 0;
  while (now < kTtl) {
    const LockStep step = a.next(now);
    ASSERT_NE(step.kind, Kind::kEnd);
    EXPECT_LE(step.until_ns, kTtl);
    if (step.kind == Kind::kCas) a.on_answer(failure(Outcome::kUnavailable), step.until_ns);
    now = step.until_ns;
  }
  EXPECT_EQ(a.next(now).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
}

TEST_F(LockMachineTest, ARenewalAnsweredTooLateDoesNotBringItBack) {
  LockMachine a = machine("a");
  acquire(a, 0);
  const LockStep renewal = a.next(kTtl / 3);
  const Result done = ask(register_, renewal);
  EXPECT_FALSE(a.holds(kTtl));
  a.expire(kTtl);
  a.on_answer(done, kTtl + 1);
  EXPECT_FALSE(a.holds(kTtl + 1));
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
}

TEST_F(LockMachineTest, IsToldByWhomItWasOvertaken) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  const LockStep renewal = a.next(kTtl / 3);  // under way for long
  b.begin(60 * kSecond, kSecond);             // by a clock of its own
  turn(b, Kind::kRead, kSecond);
  turn(b, Kind::kCas, kSecond + kWatch);
  a.on_answer(ask(register_, renewal), kTtl / 2);
  EXPECT_EQ(a.next(kTtl / 2).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
  EXPECT_EQ(a.result().owner, "b");
}

TEST_F(LockMachineTest, AnUnknownAcquisitionIsResolved) {
  for (const bool happened : {true, false}) {
    LockMachine a = machine("a");
    a.begin(0, 0);
    turn(a, Kind::kRead, 0);
    fail(a, Outcome::kUnknown, happened, 500 * kMs);
    EXPECT_EQ(a.next(500 * kMs).kind, Kind::kPause);
    turn(a, Kind::kCas, 550 * kMs);
    EXPECT_TRUE(a.holds(550 * kMs));
    EXPECT_EQ(a.leased_until_ns(), 500 * kMs + kTtl);
    a.stop(550 * kMs);
    turn(a, Kind::kCas, 550 * kMs);
  }
}

TEST_F(LockMachineTest, AnAcquisitionThatStaysUnknownSaysSo) {
  LockMachine a = machine("a");
  a.begin(0, 0);
  turn(a, Kind::kRead, 0);
  fail(a, Outcome::kUnknown, false, 0);
  fail(a, Outcome::kUnavailable, false, kTimeout);
  EXPECT_EQ(a.next(kTimeout).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown) << "one attempt may have happened";
}

TEST_F(LockMachineTest, NobodyAnswers) {
  LockMachine a = machine("a");
  a.begin(0, 0);
  a.next(0);
  a.on_answer(failure(Outcome::kUnavailable), kTimeout);
  EXPECT_EQ(a.next(kTimeout).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnavailable);
  a.begin(10 * kSecond, 0);
  a.next(0);
  a.on_answer(failure(Outcome::kUnavailable), kTimeout);
  const LockStep pause = a.next(kTimeout);
  EXPECT_EQ(pause.kind, Kind::kPause) << "there is time left";
  EXPECT_EQ(a.next(pause.until_ns).kind, Kind::kRead);
}

TEST_F(LockMachineTest, AnAcquisitionOlderThanItsTtlIsNotBelieved) {
  LockMachine a = machine("a");
  take_too_late(a, 60 * kSecond);
  EXPECT_FALSE(a.holds(kTtl));
  turn(a, Kind::kRead, kTtl);
  EXPECT_EQ(a.next(kTtl).kind, Kind::kWait) << "it is overtaken like anybody else's";
}

// What stands there is ours, though nobody uses it: no others are to be waited for, or named.
TEST_F(LockMachineTest, WhatWasTakenTooLateIsNotHeldByOthers) {
  LockMachine a = machine("a");
  take_too_late(a, 0);
  turn(a, Kind::kRead, kTtl);
  EXPECT_EQ(a.holder(), LockHolder{});
  EXPECT_EQ(a.next(kTtl).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
  EXPECT_EQ(a.result().owner, "");
  EXPECT_NE(a.result().message.find("too late"), std::string::npos) << a.result().message;
}

// Whoever is called off before it is known how that ends has it still in his name.
TEST_F(LockMachineTest, WhoIsCalledOffAfterHeTookItTooLateMayHaveIt) {
  for (const bool watches : {false, true}) {
    set("once-lock 1 free\n");
    LockMachine a = machine("a");
    take_too_late(a, 60 * kSecond);
    if (watches) turn(a, Kind::kRead, kTtl);
    a.stop(kTtl);
    EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
    EXPECT_NE(a.result().message.find("too late"), std::string::npos) << a.result().message;
  }
}

TEST_F(LockMachineTest, WhoReachesNobodyAfterHeTookItTooLateMayHaveIt) {
  LockMachine a = machine("a");
  take_too_late(a, 0);
  int64_t now_ns = kTtl;
  for (LockStep step = a.next(now_ns); step.kind != Kind::kEnd; step = a.next(now_ns)) {
    if (step.kind == Kind::kPause) {
      now_ns = step.until_ns;
      continue;
    }
    a.on_answer(failure(Outcome::kUnavailable), now_ns);
  }
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
}

// Others have taken it since: it is theirs.
TEST_F(LockMachineTest, WhatWasTakenTooLateAndOvertakenIsHeldByOthers) {
  LockMachine a = machine("a");
  take_too_late(a, 0);
  set("once-lock 1 held ttl_ms=3000 token=2 owner=b\n");
  turn(a, Kind::kRead, kTtl);
  EXPECT_EQ(a.next(kTtl).kind, Kind::kEnd);
  EXPECT_EQ(a.result().outcome, LockOutcome::kBusy);
  EXPECT_EQ(a.result().owner, "b");
}

TEST_F(LockMachineTest, ASealedNameIsNoLock) {
  register_.ask(Op::kWrite, 0, "once-lock 1 free\n", request_id(1, 1));
  LockMachine a = machine("a");
  a.begin(kSecond, 0);
  turn(a, Kind::kRead, 0);
  EXPECT_EQ(a.result().outcome, LockOutcome::kSealed);
  EXPECT_NE(a.result().message, "");
}

TEST_F(LockMachineTest, ANameThatIsSealedWhileItIsHeldIsLost) {
  LockMachine a = machine("a"), b = machine("b");
  acquire(a, 0);
  b.begin(kSecond, 0);
  turn(b, Kind::kRead, 0);
  register_.ask(Op::kSeal, 1, "", request_id(1, 1));
  turn(b, Kind::kWait, kMs);
  EXPECT_EQ(b.result().outcome, LockOutcome::kSealed);
  turn(a, Kind::kCas, kTtl / 3);
  EXPECT_EQ(a.result().outcome, LockOutcome::kLost);
}

TEST_F(LockMachineTest, WhatIsNoLockIsLeftAlone) {
  for (const char* value : {"", "precious", "once-lock 2 free\n", "once-lock 1 free"}) {
    set(value);
    LockMachine a = machine("a");
    a.begin(60 * kSecond, 0);
    turn(a, Kind::kRead, 0);
    EXPECT_EQ(a.next(0).kind, Kind::kEnd);
    EXPECT_EQ(a.result().outcome, LockOutcome::kForeign) << value;
    EXPECT_EQ(register_.state().value, value);
  }
}

TEST_F(LockMachineTest, ACancelledContenderLeavesNothingBehind) {
  LockMachine a = machine("a");
  a.begin(60 * kSecond, 0);
  a.next(0);
  a.stop(0);
  EXPECT_EQ(a.result().outcome, LockOutcome::kCancelled);
  a.begin(60 * kSecond, 0);
  turn(a, Kind::kRead, 0);
  const LockStep take = a.next(0);
  a.stop(0);
  a.on_answer(ask(register_, take), 0);
  EXPECT_FALSE(a.holds(0));
  turn(a, Kind::kCas, 0);
  EXPECT_EQ(a.result().outcome, LockOutcome::kCancelled);
  EXPECT_EQ(register_.state().value, "once-lock 1 free\n");
}

TEST_F(LockMachineTest, AReleaseWithoutAnAnswerEndsUnknown) {
  LockMachine a = machine("a");
  acquire(a, 0);
  a.stop(0);
  fail(a, Outcome::kUnknown, true, 0);
  fail(a, Outcome::kUnavailable, false, kTimeout);
  EXPECT_EQ(a.result().outcome, LockOutcome::kUnknown);
}

TEST_F(LockMachineTest, AReleaseFirstLearnsWhatBecameOfARenewal) {
  LockMachine a = machine("a");
  acquire(a, 0);
  fail(a, Outcome::kUnknown, true, kTtl / 3);
  a.stop(kTtl / 3);
  const LockStep pause = a.next(kTtl / 3);
  EXPECT_EQ(pause.kind, Kind::kPause);
  turn(a, Kind::kCas, pause.until_ns);
  turn(a, Kind::kCas, pause.until_ns);
  EXPECT_EQ(a.result().outcome, LockOutcome::kReleased);
  EXPECT_EQ(register_.state().value, "once-lock 1 free\n");
}

// By one request id one value is asked for, also a minute later; and a holder holds since it took
// the lock, not since it renewed it.
TEST_F(LockMachineTest, SinceWhenItIsHeldStaysWhatItWas) {
  int minute = 0;
  LockMachine a({kTtl / kMs, kTimeout, "a", [&] { return "12:0" + std::to_string(minute++); }},
                [this] { return request_id(7, ++drawn_ids_); });
  a.begin(0, 0);
  turn(a, Kind::kRead, 0);
  const LockStep first = a.next(0);
  fail(a, Outcome::kUnknown, true, 0);
  const LockStep pause = a.next(0);
  const LockStep again = a.next(pause.until_ns);
  EXPECT_EQ(std::pair(again.value, again.id), std::pair(first.value, first.id));
  turn(a, Kind::kCas, pause.until_ns);
  const std::string held = "once-lock 1 held ttl_ms=3000 token=1 since=12:00 owner=a\n";
  EXPECT_EQ(register_.state().value, held);
  turn(a, Kind::kCas, a.next(pause.until_ns).until_ns);
  EXPECT_EQ(register_.state().version, 2u) << "renewed";
  EXPECT_EQ(register_.state().value, held);

  LockMachine b = machine("b");
  b.begin(kSecond, kSecond);
  turn(b, Kind::kRead, kSecond);
  EXPECT_EQ(b.holder(), (LockHolder{"a", 1, "12:00"}));
  turn(b, Kind::kWait, kSecond);
  EXPECT_EQ(b.next(2 * kSecond).kind, Kind::kEnd);
  EXPECT_EQ(b.result().since, "12:00");
}

TEST(LockValueTest, ATimeMayBeLeftOut) {
  const LockValue held{true, 3000, 7, "host a:12", "2026-11-29T04:37:33Z"};
  EXPECT_EQ(encode_lock_value(held),
            "once-lock 1 held ttl_ms=3000 token=7 since=2026-11-29T04:37:33Z owner=host a:12\n");
  EXPECT_EQ(parse_lock_value(encode_lock_value(held)), held);
  const auto old = parse_lock_value("once-lock 1 held ttl_ms=3000 token=7 owner=a since=1\n");
  ASSERT_TRUE(old);
  EXPECT_EQ(std::pair(old->owner, old->since), std::pair(std::string("a since=1"), std::string()));
  for (const std::string since :
       {"", "\x1b[2J", "now", "2026-11-29T04:37:33Z\n", "000000000000000000000000000000000"}) {
    EXPECT_FALSE(
        parse_lock_value("once-lock 1 held ttl_ms=3000 token=7 since=" + since + " owner=a\n"))
        << since;
  }
}

TEST(LockValueTest, ReadsWhatItWritesAndNothingElse) {
  const LockValue held{true, 3000, 7, "host a:12"};
  EXPECT_EQ(parse_lock_value(encode_lock_value(held)), held);
  EXPECT_EQ(parse_lock_value(encode_lock_value({})), LockValue{});
  for (const char* text : {"once-lock 1 held ttl_ms=99 token=7 owner=a\n",
                           "once-lock 1 held ttl_ms=3600001 token=7 owner=a\n",
                           "once-lock 1 held ttl_ms=99999999999999999999 token=7 owner=a\n",
                           "once-lock 1 held ttl_ms=3000 token=0 owner=a\n",
                           "once-lock 1 held ttl_ms=3000 token=7 owner=\n",
                           "once-lock 1 held ttl_ms=3000 token=7 owner=a\nb\n",
                           "once-lock 1 held ttl_ms=3000 owner=a\n", "once-lock 1 held", "\n"}) {
    EXPECT_FALSE(parse_lock_value(text)) << text;
  }
  EXPECT_EQ(check_lock_owner(std::string(257, 'x')).empty(), false);
  EXPECT_EQ(check_lock_owner(std::string(256, 'x')), "");
}

}  // namespace lock_machine_test
}  // namespace once::client
