// What a register may do (DESIGN 2), said again and without the product's own judge() and apply():
// about a state, about two states of one history, about an answer.
#pragma once

#include <string>

#include "tests/exhaustive/catalog.h"
#include "tests/exhaustive/scenario.h"

namespace once::exhaustive {

// Whether what it makes is the last state.
bool is_sealing(paxos::Operation operation);

// Empty, or why no call of the scenario can have made the state.
std::string what_nobody_asked_for(const Scenario& scenario, const KnownState& state);

// Empty, or why the two cannot both be in the history of their names. The value of a state that
// was made by a call without a value counts only where it is not empty.
std::string contradiction(const Scenario& scenario, const KnownState& a, const KnownState& b);

// May the call ever be told so?
bool fits(const Call& call, paxos::Status status);
// Does the state, made by this very request if `own`, say why?
bool explains(const Call& call, paxos::Status status, const KnownState& state, bool own);

}  // namespace once::exhaustive
