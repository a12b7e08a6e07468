// Ways to spoil a legal history so that no register can explain it: what the checkers must reject.
// Most are of write-once registers.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "base/prng.h"
#include "tests/check/history.h"

namespace once::check {

inline bool shows_something(const Call& call) { return shows_state(call) && call.version != 0; }

using Pick = std::function<bool(const Call&)>;

// A random call for which `pick` holds.
inline Call* any(History& history, Prng& prng, const Pick& pick) {
  std::vector<Call*> found;
  for (Call& call : history) {
    if (pick(call)) found.push_back(&call);
  }
  return found.empty() ? nullptr : found[prng.below(found.size())];
}

inline const Call* first_shown(const History& history) {
  const Call* first = nullptr;
  for (const Call& call : history) {
    if (shows_something(call) && (!first || call.return_ns < first->return_ns)) first = &call;
  }
  return first;
}

inline bool is_proposal_of(const Call& call, const Call& shown) {
  return changes(call.action) && call.id == shown.writer;
}

// Each spoils a legal history in a way that no register can explain. False: this one offers no
// occasion for it.
struct Mutation {
  const char* name;
  bool (*apply)(History&, Prng&);
};

inline bool change_value(History& history, Prng& prng) {
  Call* call = any(history, prng, shows_something);
  if (call) call->result += "x";
  return call;
}

inline bool change_version(History& history, Prng& prng) {
  Call* call = any(history, prng, shows_something);
  if (call) call->version += 1 + prng.below(3);
  return call;
}

inline bool unseal(History& history, Prng& prng) {
  Call* call = any(history, prng, shows_something);
  if (call) call->sealed = false;
  return call;
}

// One reader is shown a loser's value, the rest the winner's.
inline bool swap_winner(History& history, Prng& prng) {
  const Call* shown = first_shown(history);
  if (!shown || std::count_if(history.begin(), history.end(), shows_something) < 2) return false;
  const RequestId winner = shown->writer;
  const Call* loser = any(history, prng, [&](const Call& call) {
    return call.action == Action::kWrite && call.id != winner;
  });
  Call* victim = any(history, prng, [](const Call& call) {
    return call.action == Action::kRead && call.outcome == Outcome::kDone;
  });
  if (!loser || !victim) return false;
  victim->writer = loser->id;
  victim->result = loser->value;
  return true;
}

inline bool second_winner(History& history, Prng& prng) {
  Call* call =
      any(history, prng, [](const Call& each) { return each.outcome == Outcome::kAlreadySet; });
  if (!call || std::count_if(history.begin(), history.end(), shows_something) < 2) return false;
  call->outcome = Outcome::kDone;
  call->writer = call->id;
  call->result = call->value;
  return true;
}

inline bool late_empty_read(History& history, Prng& prng) {
  const Call* shown = first_shown(history);
  Call* call = any(history, prng, [](const Call& each) { return each.outcome == Outcome::kEmpty; });
  if (!shown || !call) return false;
  call->call_ns = shown->return_ns + 1 + static_cast<int64_t>(prng.below(100));
  call->return_ns = call->call_ns + static_cast<int64_t>(prng.below(100));
  return true;
}

// The write was acknowledged, and a later read finds nothing.
inline bool lost_write(History& history, Prng& prng) {
  const Call* shown = first_shown(history);
  if (!shown) return false;
  const int64_t told = shown->return_ns;
  Call* call = any(history, prng, [&](const Call& each) {
    return each.action == Action::kRead && each.outcome == Outcome::kDone && each.call_ns > told;
  });
  if (!call) return false;
  call->outcome = Outcome::kEmpty;
  return true;
}

// Every call of the winner is said to have had no effect; others saw it.
inline bool nothing_that_happened(History& history, Prng&) {
  const Call* shown = first_shown(history);
  if (!shown) return false;
  const Call winner = *shown;
  bool others_saw = false;
  for (Call& call : history) {
    if (is_proposal_of(call, winner)) {
      call.outcome = Outcome::kNothing;
    } else {
      others_saw |= shows_something(call) && call.writer == winner.writer;
    }
  }
  return others_saw;
}

inline bool nobody_proposed(History& history, Prng&) {
  const Call* shown = first_shown(history);
  if (!shown) return false;
  const Call winner = *shown;
  std::erase_if(history, [&](const Call& call) { return is_proposal_of(call, winner); });
  return std::any_of(history.begin(), history.end(), [&](const Call& call) {
    return shows_something(call) && call.writer == winner.writer;
  });
}

inline bool shown_before_proposed(History& history, Prng& prng) {
  const Call* shown = first_shown(history);
  if (!shown || is_proposal_of(*shown, *shown)) return false;
  const int64_t late = shown->return_ns + 1 + static_cast<int64_t>(prng.below(50));
  const Call winner = *shown;
  for (Call& call : history) {
    if (!is_proposal_of(call, winner)) continue;
    const int64_t shift = std::max<int64_t>(0, late - call.call_ns);
    call.call_ns += shift;
    if (call.return_ns != kNever) call.return_ns += shift;
  }
  return true;
}

inline bool refused_for_itself(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) {
    return each.action == Action::kWrite && each.outcome == Outcome::kDone;
  });
  if (call) call->outcome = Outcome::kAlreadySet;
  return call;
}

inline constexpr Mutation kMutations[] = {
    {"a value is changed", change_value},
    {"a version is changed", change_version},
    {"a name is not sealed", unseal},
    {"one reader sees a loser", swap_winner},
    {"two winners", second_winner},
    {"an empty read after a shown value", late_empty_read},
    {"an acknowledged write is lost", lost_write},
    {"what certainly did not happen is shown", nothing_that_happened},
    {"a value from nowhere", nobody_proposed},
    {"a value is shown before it was proposed", shown_before_proposed},
    {"a winner is refused", refused_for_itself},
};

}  // namespace once::check
