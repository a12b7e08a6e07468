// A lock's machine over a register in memory: the test is its clock and its client.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "client/lock_machine.h"
#include "client/lock_value.h"
#include "tests/unit/client/durations.h"
#include "tests/unit/client/test_register.h"

namespace once::client {

using Kind = LockStep::Kind;
using Op = paxos::Operation;

inline constexpr int64_t kTtl = 3 * kSecond;
inline constexpr int64_t kTimeout = kSecond;
inline constexpr int64_t kWatch = kTtl + kTtl / 100;

inline Result failure(Outcome outcome) {
  Result result;
  result.outcome = outcome;
  return result;
}

inline Op operation_of(const LockStep& step) {
  if (step.kind == Kind::kRead) return Op::kRead;
  return step.kind == Kind::kWait ? Op::kWait : Op::kCas;
}

inline Result ask(TestRegister& lock_register, const LockStep& step) {
  return lock_register.ask(operation_of(step), step.version, step.value, step.id);
}

class LockMachineTest : public testing::Test {
 protected:
  LockMachine machine(const std::string& owner, int64_t ttl = kTtl) {
    return LockMachine({ttl / kMs, kTimeout, owner},
                       [this] { return request_id(7, ++drawn_ids_); });
  }
  // The next step, which must be of this kind, is answered by the register.
  void turn(LockMachine& machine, Kind kind, int64_t now) {
    const LockStep step = machine.next(now);
    ASSERT_EQ(step.kind, kind);
    machine.on_answer(ask(register_, step), now);
  }
  void acquire(LockMachine& machine, int64_t now) {
    machine.begin(0, now);
    turn(machine, Kind::kRead, now);
    turn(machine, Kind::kCas, now);
    ASSERT_TRUE(machine.holds(now));
  }
  // From the beginning on; its cas happens at once, and the answer comes when the TTL is over.
  void take_too_late(LockMachine& machine, int64_t wait_ns) {
    machine.begin(wait_ns, 0);
    turn(machine, Kind::kRead, 0);
    const LockStep take = machine.next(0);
    machine.on_answer(ask(register_, take), kTtl);
  }
  // The next step, a cas, gets this answer although it happens or not.
  void fail(LockMachine& machine, Outcome outcome, bool happens, int64_t now) {
    const LockStep step = machine.next(now);
    ASSERT_EQ(step.kind, Kind::kCas);
    if (happens) ask(register_, step);
    machine.on_answer(failure(outcome), now);
  }
  void set(std::string_view value) {
    register_.ask(Op::kSet, 0, value, request_id(9, ++drawn_ids_));
  }

  TestRegister register_;
  uint64_t drawn_ids_ = 0;
};

}  // namespace once::client
