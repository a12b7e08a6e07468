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

// Is the history itself well formed (times in order, one name and value for each request id)? What
// fails here is a defect of the harness that recorded it, not of the product.
Violations check_form(const History& history);

// The write-once register, over writes and reads. One violation at most for each rule and name.
Violations check_write_once(const History& history);
Violations check_write_once(const NameCalls& name);

// Other operations get a check of the same shape beside these (by version, with a running maximum
// of call times), and join here: every check that applies, in the order above.
Violations check_all(const History& history);

// One line: who called what, when, and what the answer was. Bytes are shown escaped.
std::string describe(const Call& call);
std::string describe(const RequestId& id);

}  // namespace once::check
