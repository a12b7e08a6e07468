// Exact checks of a History, O(n log n), each name by itself. Sound and complete for calls that
// carry version and writer: a history passes iff a register could have answered so.
//
// Real time: one call precedes another when its return is earlier than the other's call. Equal
// times say nothing, so a harness whose clock stands still between two calls is never accused.
// Pure functions over what they are given; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/check/history.h"

namespace once::check {

struct Violation {
  std::string name;  // of the register; empty when it is about the history as a whole
  std::string text;  // for a person: which calls, which times, why it cannot be
};
using Violations = std::vector<Violation>;

// The calls of one name, in the order of their call times. Views into a History.
struct NameCalls {
  std::string_view name;
  std::vector<const Call*> calls;
};
std::vector<NameCalls> by_name(const History& history);

// Is the history itself well formed (times in order, one request for each request id, but for those
// that were told so)? What fails here is a defect of the harness that recorded it, not of the
// product.
Violations check_form(const History& history);

// The register with all its operations (DESIGN 2). One violation at most for each rule and name.
Violations check_register(const NameCalls& name);

// All of it: the form, then each name.
Violations check_all(const History& history);

// One line: who called what, when, and what the answer was. Bytes are shown escaped.
std::string describe(const Call& call);
std::string describe(const RequestId& id);
std::string_view action_name(Action action);
std::string_view outcome_name(Outcome outcome);

}  // namespace once::check
