// What an operation makes of a state of a register (DESIGN 2): pure, and shared by all who must
// agree on it: proposers, checkers, models.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"
#include "paxos/messages.h"

namespace once::paxos {

// The highest version there is: no change follows it.
inline constexpr uint64_t kMaxVersion = UINT64_MAX - 1;

struct Change {
  Operation operation = Operation::kRead;
  RequestId id;
  uint64_t version = 0;
  std::string_view value;
};

// The answer to `change` if `state` is the newest; nothing when it happens: then apply() makes the
// next state. A change whose id has made `state` is done again if that is what it asked for.
// A wait that must go on waiting is answered kNotYet.
std::optional<Status> judge(const State& state, const Change& change);

// The state after it. REQUIRES: judge() said nothing. Views live as long as those of the arguments.
State apply(const State& state, const Change& change);

// Another node may have made, or may yet make, `change` too. May it be made here nevertheless?
bool may_repeat(Operation operation);
// Is its refusal with `status`, shown by a decided `state`, true whatever that node does?
bool is_certain(Status status, const State& state, const Change& change);

}  // namespace once::paxos
