// Ways to spoil a legal history of an open register: one that is no write-once switch.
#pragma once

#include "tests/check/mutations.h"

namespace once::check {

inline bool change_any_value(History& history, Prng& prng) {
  Call* call = any(history, prng,
                   [](const Call& each) { return shows_something(each) && shows_value(each); });
  if (call) call->result += "x";
  return call;
}

inline bool flip_seal(History& history, Prng& prng) {
  Call* call = any(history, prng, shows_something);
  if (call) call->sealed = !call->sealed;
  return call;
}

inline bool is_done_next(const Call& call) {
  return call.action == Action::kNext && call.outcome == Outcome::kDone;
}

inline bool token_given_twice(History& history, Prng& prng) {
  const Call* one = any(history, prng, is_done_next);
  if (!one) return false;
  Call* other = any(history, prng,
                    [&](const Call& call) { return is_done_next(call) && call.id != one->id; });
  if (other) other->version = one->version;
  return other;
}

// An answer shows what had been overtaken, as somebody was told, before the question.
inline bool old_state_shown(History& history, Prng& prng) {
  const Call* old = any(history, prng, [](const Call& call) {
    return call.action == Action::kRead && call.outcome == Outcome::kDone;
  });
  if (!old) return false;
  const auto overtaken_before = [&](const Call& call) {
    return std::any_of(history.begin(), history.end(), [&](const Call& newer) {
      return shows_state(newer) && newer.version > old->version && newer.return_ns < call.call_ns;
    });
  };
  Call* call = any(history, prng, [&](const Call& each) {
    return each.action == Action::kRead && each.version > old->version && overtaken_before(each);
  });
  if (!call) return false;
  call->version = old->version;
  call->sealed = old->sealed;
  call->writer = old->writer;
  call->result = old->result;
  return true;
}

// The same of a wait: it is told what had been overtaken before it began to wait.
inline bool old_news_told(History& history, Prng& prng) {
  Call* wait = any(history, prng, [](const Call& call) {
    return call.action == Action::kWait && call.outcome == Outcome::kDone;
  });
  if (!wait) return false;
  const Call* old = any(history, prng, [&](const Call& call) {
    return shows_state(call) && shows_value(call) && !call.sealed && call.version != 0 &&
           call.version < wait->version;
  });
  const bool overtaken = std::any_of(history.begin(), history.end(), [&](const Call& newer) {
    return old && shows_state(newer) && newer.version > old->version &&
           newer.return_ns < wait->call_ns;
  });
  if (!overtaken) return false;
  wait->asked = old->version - 1;
  wait->version = old->version;
  wait->sealed = old->sealed;
  wait->writer = old->writer;
  wait->result = old->result;
  return true;
}

// Somebody's next has drawn another token, that it was not told.
inline bool ghost_token(History& history, Prng& prng) {
  const Call* next = any(history, prng, is_done_next);
  if (!next) return false;
  Call* check = any(history, prng, [&](const Call& call) {
    return call.action == Action::kCheck && call.outcome == Outcome::kConflict &&
           call.writer != next->id && call.version != next->version;
  });
  if (check) check->writer = next->id;
  return check;
}

inline bool conflict_without_one(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) {
    return each.action == Action::kCas && each.outcome == Outcome::kConflict;
  });
  if (call) call->asked = call->version;
  return call;
}

inline bool wait_for_the_known(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) {
    return each.action == Action::kWait && each.outcome == Outcome::kDone;
  });
  if (call) call->asked = call->version;
  return call;
}

inline bool check_of_an_old_token(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) { return each.action == Action::kCheck; });
  if (!call || (call->outcome != Outcome::kDone && call->outcome != Outcome::kConflict)) {
    return false;
  }
  call->outcome = call->outcome == Outcome::kDone ? Outcome::kConflict : Outcome::kDone;
  return true;
}

inline bool done_denied_to_its_maker(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) {
    return changes(each.action) && each.outcome == Outcome::kDone;
  });
  if (call) call->outcome = Outcome::kSealed;
  return call;
}

inline bool change_after_the_seal(History& history, Prng& prng) {
  Call* call = any(history, prng, [](const Call& each) {
    return each.outcome == Outcome::kSealed && changes(each.action) &&
           each.action != Action::kWrite;
  });
  if (!call) return false;
  call->outcome = Outcome::kDone;
  call->version += 1;
  call->sealed = call->action == Action::kSeal;
  call->asked = call->version - 1;
  call->writer = call->id;
  call->result = call->value;
  return true;
}

inline constexpr Mutation kRegisterMutations[] = {
    {"a value is changed", change_any_value},
    {"a seal is flipped", flip_seal},
    {"one token for two", token_given_twice},
    {"an old state is shown", old_state_shown},
    {"a wait is told old news", old_news_told},
    {"a next has drawn a second token", ghost_token},
    {"a conflict with the version that was expected", conflict_without_one},
    {"a wait is told what was known", wait_for_the_known},
    {"a token is judged wrongly", check_of_an_old_token},
    {"what was done is denied", done_denied_to_its_maker},
    {"a change after the seal", change_after_the_seal},
    {"what certainly did not happen is shown", nothing_that_happened},
    {"a state from nowhere", nobody_proposed},
    {"a state is shown before it was asked for", shown_before_proposed},
};

}  // namespace once::check
